package main

import (
	"os"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

func TestTheDocumentsAreFresh(t *testing.T) {
	h, err := cheader.ReadFile("../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]func(*cheader.Header) (string, error){"API.md": reference, "ERRORS.md": errorReference} {
		want, err := document(h)
		if err != nil {
			t.Fatalf("the header's comments, or advice about its codes: %v", err)
		}
		if got, err := os.ReadFile("../../docs/" + name); err != nil || string(got) != want {
			t.Fatalf("docs/%s is stale (%v): run ./build.sh docs", name, err)
		}
	}
	for _, f := range h.Funcs() {
		p := partsOf(f)
		if p.what == "" || p.threads == "" || len(p.returns) == 0 || len(p.returns[0]) == 0 && p.rest == "" {
			t.Errorf("%s: a part of its comment was not found: %+v", f.Name, p)
		}
	}
}

func TestACommentIsCutIntoItsParts(t *testing.T) {
	f := &cheader.Func{
		Name: "musubi_x", Params: []cheader.Param{{Name: "client"}, {Name: "data"}, {Name: "size"}, {Name: "on"}},
		Doc: "Does it; then stops. See there: it works.\ndata, size: size bytes, copied. on: 1 starts; 0 stops. Any thread. Does not block: much.\n" +
			"Returns 0: fine; ERR_NULL: data; ERR_VALUE: on; or the handle errors. A remark.",
	}
	p := partsOf(f)
	if p.what != "Does it; then stops. See there: it works." || p.threads != "Any thread. Does not block: much." || p.rest != "A remark." {
		t.Errorf("%+v", p)
	}
	if len(p.params) != 2 || p.params[0] != [2]string{"data, size", "size bytes, copied."} || p.params[1][1] != "1 starts; 0 stops." {
		t.Errorf("%q", p.params)
	}
	if strings.Join(p.returns, "|") != "0: fine|ERR_NULL: data|ERR_VALUE: on|the handle errors" {
		t.Errorf("%q", p.returns)
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	h := &cheader.Header{Intro: "See musubi_gone and ERR_GONE."}
	if _, err := reference(h); err == nil || !strings.Contains(err.Error(), "musubi_gone") || !strings.Contains(err.Error(), "ERR_GONE") {
		t.Errorf("%v", err)
	}
}

// A code that is new, or gone, or has lost its group, is told before the document is written.
func TestEveryCodeHasAdvice(t *testing.T) {
	h := &cheader.Header{Decls: []any{&cheader.Enum{Values: []cheader.Value{
		{Name: "MUSUBI_OK"}, {Name: "MUSUBI_ERR_NEW", Number: -99, Group: "the weather"},
	}}}}
	_, err := errorReference(h)
	for _, want := range []string{"no advice for MUSUBI_ERR_NEW", "has advice for MUSUBI_ERR_NULL", `the group "the weather"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nobody says %s: %v", want, err)
		}
	}
}
