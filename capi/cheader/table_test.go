package cheader

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// musubi_get_api's table holds every function of the header but itself and musubi_abi_version, which a caller needs before
// it may look into a table.
func TestTheTableHasEveryFunction(t *testing.T) {
	h, err := ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	inTable := map[string]*Func{}
	for _, s := range h.Structs() {
		if s.Name != "musubi_api" {
			continue
		}
		for _, f := range s.Fields {
			if f.Func != nil {
				inTable[f.Name] = f.Func
			}
		}
	}
	for _, f := range h.Funcs() {
		short := strings.TrimPrefix(f.Name, "musubi_")
		if short == "get_api" || short == "abi_version" {
			continue
		}
		m := inTable[short]
		if m == nil || m.Return != f.Return || !reflect.DeepEqual(m.Params, f.Params) {
			t.Errorf("line %d: %s is not a member of musubi_api, or not with these types", f.Line, f.Name)
		}
		delete(inTable, short)
	}
	for name, m := range inTable {
		t.Errorf("line %d: musubi_api has %s, which is no function", m.Line, name)
	}
}

// Whoever adds a function adds it to the test of random calls and to the bindings: C++ forwards through the table's members,
// C# calls the generated declaration.
func TestEveryFunctionIsCalled(t *testing.T) {
	h, err := ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	for file, unused := range map[string]string{
		"../../bindings/c/tests/fuzz_test.c": "",
		"../../bindings/cpp/musubi.hpp":      "musubi_version",
	} {
		source := readAll(t, file)
		for _, f := range h.Funcs() {
			short := strings.TrimPrefix(f.Name, "musubi_")
			if !regexp.MustCompile(`\b(`+f.Name+`\(|api_?->`+short+`\(|musubi_api::`+short+`\b)`).MatchString(source) && f.Name != unused {
				t.Errorf("%s is not called in %s", f.Name, file)
			}
		}
	}
	source := readAll(t, "../../unity/Runtime/Core/*.cs")
	for _, f := range h.Funcs() {
		if !strings.Contains(source, "NativeMethods."+f.Name+"(") {
			t.Errorf("%s is not called in C#", f.Name)
		}
	}
}

// The linker exports what this file lists and nothing else: a function that is missing there is missing in the library.
func TestExportsAreTheHeadersFunctions(t *testing.T) {
	h, err := ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bmusubi_\w+`).FindAllString(readAll(t, "../musubi.map"), -1) {
		exported[name] = true
	}
	for _, f := range h.Funcs() {
		if !exported[f.Name] {
			t.Errorf("%s is not exported by capi/musubi.map", f.Name)
		}
		delete(exported, f.Name)
	}
	for name := range exported {
		t.Errorf("capi/musubi.map exports %s, which the header does not declare", name)
	}
}

func readAll(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no file ", pattern, err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
