package core

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README shows the compiled example, not a copy that ages; and every link inside the repository leads somewhere.
func TestDocuments(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../bindings/c/examples/hello.c")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```c\n"+string(example)+"```") {
		t.Error("README.md does not show bindings/c/examples/hello.c as it is")
	}
	script, err := os.ReadFile("../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	documents, _ := filepath.Glob("../docs/*.md")
	links := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	commands := regexp.MustCompile(`\./build\.sh ([a-z]+(?:-[a-z]+)*)`)
	for _, path := range append(documents, "../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range links.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
		for _, m := range commands.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(script), "cmd_"+strings.ReplaceAll(m[1], "-", "_")+"()") {
				t.Errorf("%s names ./build.sh %s, which does not exist", path, m[1])
			}
		}
	}
}
