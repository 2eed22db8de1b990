package node

import (
	"strings"
	"testing"
)

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

// Who is told of a panic may meet the same bug: that ends the goroutine too, and nothing else.
func TestPanicWhileTellingOfAPanic(t *testing.T) {
	told := make(chan string, 1)
	Spawn(func() { panic("first") }, func(text string) {
		defer func() { told <- text }()
		panic("second")
	})
	if text := <-told; !strings.Contains(text, "first") {
		t.Errorf("got %q", text)
	}
}
