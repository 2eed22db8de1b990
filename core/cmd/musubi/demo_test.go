package main

import (
	"strings"
	"testing"
)

// The simulated story holds, and is the same for the same seed.
func TestDemo(t *testing.T) {
	tell := func(args ...string) (int, string) {
		var out, errs strings.Builder
		code := run(append([]string{"demo"}, args...), streams{&out, &errs})
		return code, out.String() + errs.String()
	}
	code, story := tell("--seed", "3")
	if code != 0 || !strings.Contains(story, "checks held") || strings.Contains(story, "✗") {
		t.Fatalf("exit code %d:\n%s", code, story)
	}
	if _, again := tell("--seed", "3"); again != story {
		t.Errorf("the same seed told another story:\n%s\n%s", story, again)
	}
	if code, text := tell("--seed", "x"); code != exitUsage || !strings.Contains(text, "--seed") {
		t.Errorf("--seed x: exit code %d, %q", code, text)
	}
}
