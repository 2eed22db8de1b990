package core

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// markdown gives the text of each document of the repository by its path from the top.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "build" || name == "node_modules" || strings.HasPrefix(name, ".") && name != "..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			text, err := os.ReadFile(path)
			documents[filepath.ToSlash(strings.TrimPrefix(path, "../"))] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(documents) < 25 {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	return documents
}

// prose is a document without its code: blocks between fences, indented ones, and words between backticks.
func prose(text string) string {
	text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^    .*$`).ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]+`").ReplaceAllString(text, "`")
}

// headingAnchors are the anchors that GitHub gives a document's headings: in small letters, spaces as dashes, no punctuation.
func headingAnchors(text string) map[string]bool {
	text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		anchor := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(words), "")
		anchor = strings.ReplaceAll(anchor, " ", "-")
		for n, base := 1, anchor; anchors[anchor]; n++ { // the second one of a name
			anchor = fmt.Sprintf("%s-%d", base, n)
		}
		anchors[anchor] = true
	}
	return anchors
}

// Every link inside the repository leads to a file that is there, and every anchor to a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	documents := markdown(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"`)
	headings := map[string]map[string]bool{}
	for path, text := range documents {
		headings[path] = headingAnchors(text)
	}
	count := 0
	for path, text := range documents {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			target := m[1] + m[2]
			if strings.HasPrefix(target, "https://") || strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			count++
			file, anchor, _ := strings.Cut(target, "#")
			to := path
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s: %v", path, target, err)
			} else if anchor != "" && strings.HasSuffix(to, ".md") && !headings[to][anchor] {
				t.Errorf("%s links to %s: %s has no such heading", path, target, to)
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d links found: the test reads them wrong", count)
	}
}

// Nobody finds a document that no other document names.
func TestEveryDocumentIsLinked(t *testing.T) {
	documents := markdown(t)
	named := map[string]bool{"README.md": true, "docs/CHANGELOG.md": true}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for path, text := range documents {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if to := filepath.ToSlash(filepath.Join(filepath.Dir(path), m[1])); to != path {
				named[to] = true
			}
		}
	}
	for path := range documents {
		if strings.HasPrefix(path, "docs/") && !named[path] {
			t.Errorf("no document links to %s", path)
		}
	}
	index := documents["docs/README.md"]
	for path := range documents {
		if name, ok := strings.CutPrefix(path, "docs/"); ok && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md, the index, does not name %s", name)
		}
	}
}

// The first page on NATs tells figures of the kernel's matrix: those that are measured.
func TestNATBasicsTellsTheMatrix(t *testing.T) {
	text := markdown(t)["docs/NAT_BASICS.md"]
	source, err := os.ReadFile("../docs/nat-kernel.json")
	if err != nil {
		t.Fatal(err)
	}
	direct, trials, relayed := 0, 0, 0
	symmetric := func(kind string) bool { return strings.HasPrefix(kind, "S") }
	for line := range strings.Lines(string(source)) {
		var cell struct {
			A, B           string
			Direct, Trials int
		}
		if err := json.Unmarshal([]byte(line), &cell); err != nil {
			t.Fatal(err)
		}
		switch {
		case cell.A == "BLOCKED" || cell.B == "BLOCKED" || cell.A == "":
		case !symmetric(cell.A) || !symmetric(cell.B):
			direct, trials = direct+cell.Direct, trials+cell.Trials
		case cell.Direct == 0:
			relayed++
		}
	}
	want := fmt.Sprintf("1,%03d of 1,%03d", direct-1000, trials-1000)
	if !strings.Contains(text, want) || relayed != 5 || !strings.Contains(text, "five of the 55 pairs") {
		t.Errorf("docs/NAT_BASICS.md does not say %s behind the kernel's NATs and %d pairs that stay relayed", want, relayed)
	}
}

// README's figures of the NAT matrices are those of NAT.md, which the laboratories write.
func TestREADMETellsTheMatrices(t *testing.T) {
	documents := markdown(t)
	means := regexp.MustCompile(`mean direct over 55 pairs: ([0-9.]+ %)`).FindAllStringSubmatch(documents["docs/NAT.md"], -1)
	meetings := regexp.MustCompile(`kernel: 65 pairs, (\d)(\d+) meetings`).FindStringSubmatch(documents["docs/NAT.md"])
	if len(means) != 2 || meetings == nil {
		t.Fatalf("%d means, %q", len(means), meetings)
	}
	for _, want := range []string{means[0][1] + " of the 55 pairs end direct", means[1][1] + " direct in " + meetings[1] + "," + meetings[2] + " meetings"} {
		if !strings.Contains(documents["README.md"], want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}

// The short table in README says nothing that the long one in COMPARISON.md does not: the same products, none left without a source there.
func TestComparisonNamesItsSources(t *testing.T) {
	text := markdown(t)["docs/COMPARISON.md"]
	tables, sources, _ := strings.Cut(text, "## Sources")
	mark := regexp.MustCompile(`\[([A-Z]\d)\]`)
	used := map[string]bool{}
	for _, m := range mark.FindAllStringSubmatch(tables, -1) {
		used[m[1]] = true
		if !regexp.MustCompile(`(?m)^\| (?:\w\d, )?` + m[1] + `\b`).MatchString(sources) {
			t.Errorf("no source %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ((?:[A-Z]\d(?:, )?)+) \|`).FindAllStringSubmatch(sources, -1) {
		for _, source := range strings.Split(m[1], ", ") {
			if !used[source] {
				t.Errorf("nothing is said from source %s", source)
			}
		}
	}
	if len(used) < 15 {
		t.Errorf("only %d sources used", len(used))
	}
}
