package core

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README shows the compiled example, not a copy that ages; and every command of build.sh that a document names is there.
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
	commands := regexp.MustCompile(`\./build\.sh ([a-z]+(?:-[a-z]+)*)`)
	for path, text := range markdown(t) {
		for _, m := range commands.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(script), "cmd_"+strings.ReplaceAll(m[1], "-", "_")+"()") {
				t.Errorf("%s names ./build.sh %s, which does not exist", path, m[1])
			}
		}
	}
}

// docs/ENGINES.md names the tests that show what it says; they exist.
func TestHazardsNameTheirTests(t *testing.T) {
	text, err := os.ReadFile("../docs/ENGINES.md")
	if err != nil {
		t.Fatal(err)
	}
	cmake, err := os.ReadFile("../bindings/c/tests/CMakeLists.txt")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, dir := range []string{".", "node", "../capi", "../capi/cheader"} {
		files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, path := range files {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	declared := strings.NewReplacer("ring_${short}", "ring_thread NAME ring_address").Replace(string(cmake))
	unreal, err := os.ReadFile("../unreal/checks/CMakeLists.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^unreal_(?:engine_)?test\((\w+)`).FindAllStringSubmatch(string(unreal), -1) {
		declared += "NAME unreal_" + m[1] + " "
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || cells[0] != "" {
			continue
		}
		rows++
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[3], -1) {
			if !strings.Contains(declared, "NAME "+m[1]+" ") {
				t.Errorf("docs/ENGINES.md names the C test %s, which does not exist", m[1])
			}
		}
		for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(cells[3], -1) {
			if !strings.Contains(tests.String(), "func "+name+"(") {
				t.Errorf("docs/ENGINES.md names %s, which does not exist", name)
			}
		}
	}
	if rows < 15 {
		t.Errorf("only %d rows read: the table is broken", rows)
	}
}

// docs/SECURITY.md names a test for each promise; they exist in the package that it says.
func TestPromisesNameTheirTests(t *testing.T) {
	text, err := os.ReadFile("../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Promises and their tests")
	if table, _, _ = strings.Cut(table, "\n## "); !ok {
		t.Fatal("no table")
	}
	named := regexp.MustCompile("`(core/[a-z/]+): ((?:Test|Fuzz)[A-Za-z0-9]+)`")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| promise") {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("no test for: %s", line)
		}
		for _, m := range tests {
			files, _ := filepath.Glob("../" + m[1] + "/*_test.go")
			found := false
			for _, f := range files {
				source, err := os.ReadFile(f)
				found = found || err == nil && strings.Contains(string(source), "func "+m[2]+"(")
			}
			if !found {
				t.Errorf("%s has no %s", m[1], m[2])
			}
		}
	}
	if rows < 30 {
		t.Errorf("only %d promises: the test reads them wrong", rows)
	}
}
