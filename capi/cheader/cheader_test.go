package cheader

import (
	"strings"
	"testing"
)

const small = `/* What it is.
 *
 *     indented
 */
#ifndef X_H
#define X_H
#define X_VERSION "1.2"
#ifdef __cplusplus
extern "C" {
#endif
/* A handle. */
typedef uint64_t x_client;

/* Codes. */
enum {
    X_OK = 0,

    /* the arguments */
    X_NULL = -1, /* was NULL,
                    twice */
    X_WIDE = 0x10 /* last */
};
/* A thing. */
typedef struct x_thing {
    uint32_t struct_size;
    const uint8_t *data; /* bytes */
#if UINTPTR_MAX == 0xffffffffu
    uint32_t data_pad;
#endif
    char name[64];
    int32_t (*poll)(x_client client, struct x_thing *things, uint32_t max); /* as x_poll */
} x_thing;

/* Not of x_poll. */

/* Polls. */
X MUSUBI_API int32_t x_poll(x_client client, const x_thing *things,
                          uint32_t max);
MUSUBI_API const char *x_version(void);
#ifdef __cplusplus
}
#endif
#endif
`

func TestParse(t *testing.T) {
	h, err := Parse(strings.Replace(small, "X MUSUBI_API", "MUSUBI_API", 1))
	if err != nil {
		t.Fatal(err)
	}
	if h.Intro != "What it is.\n\n    indented" || h.Defines["X_VERSION"] != `"1.2"` {
		t.Errorf("intro %q, version %q", h.Intro, h.Defines["X_VERSION"])
	}
	if c := h.Decls[0].(*Handle); c.Name != "x_client" || c.Type != "uint64_t" || c.Doc != "A handle." {
		t.Errorf("handle %+v", c)
	}
	e := h.Enums()[0]
	if len(e.Values) != 3 || e.Doc != "Codes." || e.Values[0].Group != "" ||
		e.Values[1] != (Value{"X_NULL", -1, "was NULL,\ntwice", "the arguments", 19}) || e.Values[2].Number != 16 || e.Values[2].Doc != "last" {
		t.Errorf("enum %+v", e)
	}
	s := h.Structs()[0]
	if s.Doc != "A thing." || len(s.Fields) != 5 || s.Fields[0].Type.String() != "uint32_t" {
		t.Fatalf("struct %+v", s)
	}
	if f := s.Fields[1]; f.Type.String() != "const uint8_t *" || f.Doc != "bytes" || f.Only32 || !s.Fields[2].Only32 || s.Fields[3].Only32 {
		t.Errorf("fields %+v", s.Fields)
	}
	if f := s.Fields[4]; s.Fields[3].Array != 64 || f.Func == nil || f.Name != "poll" || len(f.Func.Params) != 3 || f.Doc != "as x_poll" {
		t.Errorf("fields %+v", s.Fields[3:])
	}
	fs := h.Funcs()
	if fs[0].Name != "x_poll" || fs[0].Doc != "Polls." || len(fs[0].Params) != 3 || fs[0].Params[1] != (Param{"things", Type{"x_thing", true, 1}}) {
		t.Errorf("function %+v", fs[0])
	}
	if fs[1].Doc != "" || len(fs[1].Params) != 0 || fs[1].Return.String() != "const char *" {
		t.Errorf("function %+v", fs[1])
	}
}

func TestWhatTheHeaderMayNotHave(t *testing.T) {
	for source, want := range map[string]string{
		small:                                 `"X" begins nothing`,
		"enum { A };\n":                       "A has no explicit value",
		"enum { A = B };\n":                   "a number expected",
		"typedef struct a { int x:3; } a;\n":  "unexpected ':'",
		"typedef struct a { int x; } b;\n":    "is called b behind its end",
		"/* for ever":                         "comment without an end",
		"MUSUBI_API void f(void (*cb)(int));": "expected",
	} {
		if _, err := Parse(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", source[:min(len(source), 30)], err, want)
		}
	}
}

// The header itself: everything in it is understood.
func TestTheHeaderIsRead(t *testing.T) {
	h, err := ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Funcs()) < 30 || len(h.Structs()) < 5 || len(h.Enums()) < 10 || !strings.HasPrefix(h.Intro, "Musubi: ") {
		t.Errorf("%d functions, %d structs, %d enums, intro %.20q", len(h.Funcs()), len(h.Structs()), len(h.Enums()), h.Intro)
	}
}
