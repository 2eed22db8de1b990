package cheader

import (
	"reflect"
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
