package cheader

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The promises of the header's comments: each function's says what it does; its parameters, with units and what NULL means;
// who owns memory; which threads may call it; whether it blocks; what it returns and why.
func TestFunctionsAreDocumentedInFiveParts(t *testing.T) {
	h := theHeader(t)
	codes := map[string]bool{}
	for _, e := range h.Enums() {
		for _, v := range e.Values {
			codes[strings.TrimPrefix(v.Name, "MUSUBI_")] = true
		}
	}
	if !strings.Contains(h.Intro, "client: from musubi_create") {
		t.Error("the introduction must say what the parameter client is; not every function repeats it")
	}
	for _, f := range h.Funcs() {
		for _, missing := range partsMissing(f) {
			t.Errorf("line %d, %s: %s", f.Line, f.Name, missing)
		}
		for _, code := range regexp.MustCompile(`\bERR_[A-Z_]+\b`).FindAllString(f.Doc, -1) {
			if !codes[code] {
				t.Errorf("line %d, %s: there is no %s", f.Line, f.Name, code)
			}
		}
	}
}

var units = map[string]string{"size": "bytes", "_ms": "milliseconds", "_us": "microseconds"}

func partsMissing(f *Func) (missing []string) {
	doc := strings.Join(strings.Fields(f.Doc), " ")
	demand := func(what string, pattern string) {
		if !regexp.MustCompile(pattern).MatchString(doc) {
			missing = append(missing, what+" (nothing matches "+pattern+")")
		}
	}
	demand("what it does", `^[A-Z][^.]+[.;]`)
	demand("who owns memory", `(?i)\b(copied|owns nothing|static text|yours|belongs? to)\b`)
	demand("which threads", `Any thread|One thread at a time`)
	demand("whether it blocks", `Blocks|Does not block`)
	demand("what it returns", `Returns |can't fail`)
	if len(f.Params) == 0 {
		demand("that it has no parameters", `No parameters`)
	}
	for i, p := range f.Params {
		if i == 0 && p.Name == "client" && p.Type.Pointers == 0 {
			demand("the handle errors", `the handle errors|ERR_HANDLE`)
			continue
		}
		demand("parameter "+p.Name, `\b`+p.Name+`(, \w+)*:`)
		if p.Type.Pointers > 0 {
			demand("what NULL means for "+p.Name, `NULL`)
		}
		for suffix, unit := range units {
			if strings.HasSuffix(p.Name, suffix) {
				demand("the unit of "+p.Name, unit)
			}
		}
	}
	return missing
}

// Constants and members say what they are, and structs that cross the border can grow: their first member is their size. An
// event's size is fixed for ever instead: an array of them crosses at each poll.
func TestConstantsAndStructsAreDocumented(t *testing.T) {
	h := theHeader(t)
	for _, e := range h.Enums() {
		for _, v := range e.Values {
			if v.Doc == "" && v.Group == "" && e.Doc == "" || v.Doc == "" && len(e.Values) > 3 {
				t.Errorf("line %d: %s says nothing", v.Line, v.Name)
			}
		}
	}
	for _, s := range h.Structs() {
		if s.Doc == "" {
			t.Errorf("line %d: %s says nothing", s.Line, s.Name)
		}
		first := s.Fields[0]
		if s.Name != "musubi_event" && (first.Name != "struct_size" || first.Type != (Type{Base: "uint32_t"})) {
			t.Errorf("line %d: %s does not begin with uint32_t struct_size", s.Line, s.Name)
		}
		for _, f := range s.Fields {
			if f.Doc == "" && f.Name != "struct_size" && f.Name != "reserved" && f.Func == nil && !f.Only32 {
				t.Errorf("line %d: %s.%s says nothing", f.Line, s.Name, f.Name)
			}
		}
	}
}

// Fixed widths only, so that every compiler and every binding sees the same bytes.
func TestTypesHaveFixedWidths(t *testing.T) {
	h := theHeader(t)
	known := map[string]bool{"int32_t": true, "uint32_t": true, "uint64_t": true, "uint8_t": true}
	for _, d := range h.Decls {
		switch d := d.(type) {
		case *Handle:
			known[d.Name] = true
		case *Struct:
			known[d.Name] = true
		}
	}
	check := func(where string, line int, types ...Type) {
		for _, at := range types {
			pointedTo := at.Pointers > 0 && (at.Base == "void" || at.Base == "char")
			if !known[at.Base] && !pointedTo {
				t.Errorf("line %d: %s: type %s has another width elsewhere", line, where, at)
			}
		}
	}
	function := func(f *Func) {
		if f.Return != (Type{Base: "void"}) {
			check(f.Name, f.Line, f.Return)
		}
		for _, p := range f.Params {
			check(f.Name, f.Line, p.Type)
		}
	}
	for _, f := range h.Funcs() {
		function(f)
	}
	for _, s := range h.Structs() {
		for _, f := range s.Fields {
			switch {
			case f.Func != nil:
				function(f.Func)
			case f.Array == 0 || f.Type.Base != "char": // text lies in arrays of char
				check(s.Name+"."+f.Name, f.Line, f.Type)
			}
		}
	}
}

func theHeader(t *testing.T) *Header {
	h, err := ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A function that is declared is also fuzzed: random arguments, from several threads.
func TestEveryFunctionIsFuzzed(t *testing.T) {
	source, err := os.ReadFile("../../bindings/c/tests/fuzz_test.c")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range theHeader(t).Funcs() {
		if !strings.Contains(string(source), f.Name+"(") {
			t.Errorf("bindings/c/tests/fuzz_test.c never calls %s", f.Name)
		}
	}
}
