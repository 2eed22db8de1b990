package main

import (
	"os"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

func TestTheCommittedFileIsFresh(t *testing.T) {
	want, err := generate(headerPath)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(outputPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Fatal("unity/Runtime/Core/NativeMethods.g.cs is not what include/musubi.h makes: run go generate ./capi/gencs")
	}
}

const sample = `/* Intro. */

/* How. */
enum {
    MUSUBI_RELIABLE_ORDERED = 0, /* a < b */
    MUSUBI_UNRELIABLE = 2
};

/* What. */
typedef struct musubi_event {
    uint32_t kind;
    const uint8_t *data; /* bytes */
#if UINTPTR_MAX == 0xffffffffu
    uint32_t data_pad;
#endif
    uint8_t reserved[5];
} musubi_event;

/* Polls. */
MUSUBI_API int32_t musubi_poll(uint64_t client, musubi_event *event, uint32_t max_events);
`

func TestWhatIsMade(t *testing.T) {
	text := mustEmit(t, sample)
	for _, want := range []string{
		"/// <summary>How.</summary>\n    public enum DeliveryMode : uint",
		"/// <summary>A &lt; b.</summary>\n        ReliableOrdered = 0,",
		"/// <summary>MUSUBI_UNRELIABLE.</summary>\n        Unreliable = 2,",
		"[StructLayout(LayoutKind.Explicit, Size = 24)]\n    internal unsafe partial struct NativeEvent",
		"[FieldOffset(8)]\n        internal byte* data;",
		"[FieldOffset(16)]\n        internal fixed byte reserved[5];",
		"CallingConvention.Cdecl, ExactSpelling = true)]\n        internal static extern int musubi_poll(ulong client, NativeEvent* @event, uint maxEvents);",
		"\n#if UNITY_IOS && !UNITY_EDITOR\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing:\n%s", want)
		}
	}
	if strings.Contains(text, "dataPad") {
		t.Error("padding of 32-bit pointers shows")
	}
}

// Whatever has no name in C# is told with its line.
func TestWhatHasNoName(t *testing.T) {
	for source, want := range map[string]string{
		"enum { MUSUBI_X = 0 };\n":                                           "line 1: no C# name for the enumeration",
		"\ntypedef struct musubi_x { uint32_t a; } musubi_x;\n":              "line 2: no C# name for musubi_x",
		"enum { MUSUBI_ROUTE_NONE = 0, MUSUBI_Y = 1 };\n":                    "line 1: MUSUBI_Y does not begin with MUSUBI_ROUTE_",
		"\n\nMUSUBI_API int32_t musubi_f(float x);\n":                        "line 3: no C# type for float",
		"typedef struct musubi_event { musubi_event inside; } musubi_event;": "line 1: no C# type for musubi_event",
	} {
		h, err := cheader.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = emit(h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
}

func mustEmit(t *testing.T, source string) string {
	t.Helper()
	h, err := cheader.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	text, err := emit(h)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
