package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// settingsDocument holds tables that nobody edits by hand, between <!-- settings --> and <!-- metrics --> and their ends.
const settingsDocument = "../../../docs/SETTINGS.md"

var writeSettings = flag.Bool("write", false, "write docs/SETTINGS.md instead of comparing it")

func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.DefaultEnvars(envPrefix))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// commandNamed is the command of those words, and what is left of them.
func commandNamed(app *kong.Application, words []string) (*kong.Node, []string) {
	node := app.Node
	for len(words) > 0 {
		next := (*kong.Node)(nil)
		for _, child := range node.Children {
			if child.Name == words[0] {
				next = child
			}
		}
		if next == nil {
			break
		}
		node, words = next, words[1:]
	}
	return node, words
}

// The table of the server's settings, as the program has them.
func settingsTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| flag, key of the file | variable | what it is |\n|---|---|---|\n")
	server, _ := commandNamed(model(t), []string{"server"})
	for _, f := range server.Flags {
		if f.Name == "help" {
			continue
		}
		help := strings.TrimSuffix(strings.ReplaceAll(f.Help, "|", `\|`), ".")
		if f.HasDefault && !strings.Contains(strings.ToLower(help), "default") {
			help += "; default: " + f.Default
		}
		variable := "`" + strings.Join(f.Envs, "`, `") + "`"
		if !settable(f) && f.Name != "config" {
			variable = ""
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, variable, help)
	}
	return b.String()
}

var (
	metricMade  = regexp.MustCompile(`\b(?:desc|add)\("(musubi_[a-z_]+)", "([^"]*)"((?:, "[a-z_]+")*)`)
	metricNamed = regexp.MustCompile(`"(musubi_[a-z]+_[a-z_]+)"`)
)

// metricsTable is read from the sources, since some metrics are there in a cluster only.
func metricsTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| metric | labels | what it is |\n|---|---|---|\n")
	for _, path := range []string{"../../admin/*.go", "../../server/*.go"} {
		files, _ := filepath.Glob(path)
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			made := map[string]bool{}
			for _, m := range metricMade.FindAllStringSubmatch(string(source), -1) {
				made[m[1]] = true
				labels := strings.ReplaceAll(strings.TrimPrefix(m[3], ", "), `"`, "`")
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m[1], labels, strings.TrimSuffix(m[2], "."))
			}
			for _, m := range metricNamed.FindAllStringSubmatch(string(source), -1) {
				if !made[m[1]] {
					t.Errorf("%s: %s is made in a way that this test does not read", file, m[1])
				}
			}
		}
	}
	return b.String()
}

func TestTheSettingsDocumentIsFresh(t *testing.T) {
	b, err := os.ReadFile(settingsDocument)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range map[string]string{"settings": settingsTable(t), "metrics": metricsTable(t)} {
		before, rest, opened := strings.Cut(text, "<!-- "+name+" -->\n")
		_, after, closed := strings.Cut(rest, "<!-- /"+name+" -->")
		if !opened || !closed {
			t.Fatalf("no marks for %s", name)
		}
		text = before + "<!-- " + name + " -->\n" + table + "<!-- /" + name + " -->" + after
	}
	if *writeSettings {
		if err := os.WriteFile(settingsDocument, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(b) {
		t.Error("docs/SETTINGS.md is stale: run ./build.sh docs")
	}
}

// Documents name only metrics that there are, and the reasons for dropping are those that a server tells.
func TestDocumentedMetricsExist(t *testing.T) {
	table := metricsTable(t)
	named := regexp.MustCompile(`\bmusubi_(?:server|link|room|introduction|relay|socket|drop|outcome|cluster|bus)_[a-z_]+\b`)
	documents, _ := filepath.Glob("../../../docs/*.md")
	for _, path := range append(documents, deployDir+"/alerts.yaml", deployDir+"/grafana.json") {
		if filepath.Base(path) == "API.md" || filepath.Base(path) == "ERRORS.md" { // functions are called musubi_room_… too
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			if !strings.Contains(table, "`"+name+"`") && !isFunction(t, name) {
				t.Errorf("%s names the metric %s, which there is not", path, name)
			}
		}
	}
}

// Every reason for dropping that the sources have is explained, and no other.
func TestReasonsForDroppingAreExplained(t *testing.T) {
	source := ""
	for _, path := range []string{"../../hub/events.go", "../../relay/server.go", "../../forward/inbox.go", "../../server/edge.go", "../../server/streams.go"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source += string(text)
	}
	reasons := map[string]bool{}
	list := func(after, prefix string) {
		_, rest, ok := strings.Cut(source, after)
		if rest, _, _ = strings.Cut(rest, "}"); !ok {
			t.Fatalf("no %s in the sources", after)
		}
		for _, m := range regexp.MustCompile(`"([a-z_]+)"`).FindAllStringSubmatch(rest, -1) {
			reasons[prefix+m[1]] = true
		}
	}
	list("var dropNames = [dropCount]string{", "")
	list("func (d Drop) String() string {\n\treturn [...]string{", "")
	list("func (k Kind) String() string {\n\treturn [...]string{", "inbox_")
	for _, m := range regexp.MustCompile(`(?:Drop{|{Reason: )(?:Reason: )?"([a-z_]+[a-z])"`).FindAllStringSubmatch(source, -1) {
		reasons[m[1]] = true
	}
	if len(reasons) < 30 {
		t.Fatalf("only %d reasons: the test reads them wrong", len(reasons))
	}
	b, err := os.ReadFile(settingsDocument)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "## Why something was dropped")
	told := map[string]bool{"token_…": true, "reason": true}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z_, …]+) \|`).FindAllStringSubmatch(table, -1) {
		for _, reason := range strings.Split(row[1], ", ") {
			if !told[reason] && !reasons[reason] {
				t.Errorf("docs/SETTINGS.md explains %q, which is no reason", reason)
			}
			told[reason] = true
		}
	}
	for reason := range reasons {
		if !told[reason] {
			t.Errorf("docs/SETTINGS.md does not explain %s", reason)
		}
	}
}

func isFunction(t *testing.T, name string) bool {
	header, err := os.ReadFile("../../../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\b` + name + `\b`).Match(header)
}

// Every variable is called as its flag: --tls-listen is MUSUBI_TLS_LISTEN. --check and the documents count on it.
func TestVariablesAreCalledLikeTheirFlags(t *testing.T) {
	server, _ := commandNamed(model(t), []string{"server"})
	for _, f := range server.Flags {
		if f.Name != "help" && (len(f.Envs) != 1 || f.Envs[0] != envName(f.Name)) {
			t.Errorf("--%s is %v in the environment, want %s", f.Name, f.Envs, envName(f.Name))
		}
	}
}
