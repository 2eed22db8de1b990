package node

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A panic in a bare goroutine ends the game's process, so in what the library links Spawn holds the only go statement.
func TestOnlySpawnStartsGoroutines(t *testing.T) {
	found := 0
	for _, dir := range []string{".", "../netio", "../../capi"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					if found++; path != "spawn.go" {
						t.Errorf("%s starts a goroutine without node.Spawn", set.Position(g.Pos()))
					}
				}
				return true
			})
		}
	}
	if found == 0 {
		t.Error("no go statement seen at all: the scan is broken")
	}
}

func TestGuard(t *testing.T) {
	if text := guard(func() {}); text != "" {
		t.Errorf("no panic gave %q", text)
	}
	var none *script
	for name, f := range map[string]func(){
		"a value":        func() { panic("a value") },
		"nil pointer":    func() { none.sticky = true },
		"index out of":   func() { _ = make([]int, 1)[len(t.Name())] },
		"long and wrong": func() { panic("long and wrong " + strings.Repeat("€", 1000)) },
	} {
		text := guard(f)
		if !strings.Contains(text, name) || len(text) > 500 || !strings.HasPrefix(text, "internal error: ") {
			t.Errorf("%s: %q", name, text)
		}
		if !strings.Contains(text, "spawn_test.go:") {
			t.Errorf("%s: no place in %q", name, text)
		}
	}
}
