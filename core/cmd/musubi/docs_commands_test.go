package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// shownCommand is what documents tell people to type, by its first words, and what runs it here:
//
//	gate NAME     a step of ./build.sh test
//	ctest NAME    a test of ctest
//	Test…         a Go test
//	not: …        nothing, and why
type shownCommand struct{ words, runBy string }

var shownCommands = []shownCommand{
	{"./build.sh test", "not: it is what runs all of this"},
	{"./build.sh help", "not: it prints a text"},
	{"./build.sh setup", "not: it installs packages; the gate does the same at its start"},
	{"./build.sh lib", "gate build library, harness, programs, C tests"},
	{"./build.sh lib --target", "gate windows-amd64: built, run by Wine"},
	{"./build.sh demo", "gate demo"},
	{"./build.sh play", "gate the game: two windows behind two NATs, a cut"},
	{"./build.sh play --bots", "gate the game: two windows behind two NATs, a cut"},
	{"./build.sh play --pictures", "not: it makes pictures by the same way as the gate's windows"},
	{"./build.sh sim", "gate NAT matrix, simulated, 10 trials a pair"},
	{"./build.sh natlab", "gate NAT laboratory, kernel NAT, every class, 2 trials"},
	{"./build.sh natlab regress", "gate what networks do to games, kernel NAT"},
	{"./build.sh cluster", "gate players on a cluster, one node killed"},
	{"./build.sh cluster guide", "gate an operator's guide to a cluster"},
	{"./build.sh adversity", "gate adversity, 300 worlds"},
	{"./build.sh csharp", "gate C# binding under Mono"},
	{"./build.sh unity-test", "gate Unity package under Mono"},
	{"./build.sh unreal-check", "gate Unreal plugin: rules run, each file compiled"},
	{"./build.sh windows-test", "gate windows-amd64: built, run by Wine"},
	{"./build.sh docs", "TestTheSettingsDocumentIsFresh"},
	{"./build.sh bench", "not: 15 minutes; the gate runs the same programs' tests (core/cmd/bench)"},
	{"./build.sh bench server", "not: minutes; its stories run small in core/cmd/musubi and core/load"},
	{"./build.sh dist", "not: it needs zig from npm; run before each release, and it checks what it made"},
	{"./build.sh fuzz", "not: minutes; the seeds of every target run with go test"},
	{"./build.sh soak", "not: half an hour; the short forms are C tests"},

	{"musubi server", "TestDoctorFindsAHealthyServer"},
	{"musubi server --check", "TestSettingsHaveAnOrder"},
	{"musubi doctor", "TestDoctorFindsAHealthyServer"},
	{"musubi demo", "TestDemo"},
	{"musubi token", "TestTokenCommands"},
	{"musubi token keygen", "TestTokenCommands"},
	{"musubi token mint", "TestTokenCommands"},
	{"musubi token inspect", "TestTokenCommands"},
	{"musubi bench-server", "not: it measures; core/load's tests play its stories"},
	{"musubi version", "TestHelpAndVersion"},
	{"build/bin/musubi_hello", "ctest readme"},
	{"build/bin/musubi_arena", "ctest arena"},

	{"ctest -R", "gate build library, harness, programs, C tests"},
	{"cmake --install", "ctest find_package"},
	{"cc hello.c", "not: run by ./build.sh dist with the archive unpacked (bindings/c/sdk/check.sh)"},
	{"go test", "gate go test"},
	{"go vet", "gate go vet, also for windows, darwin, android"},
	{"ssh -L", "not: it needs another machine"},
	{"ufw allow", "not: it changes the machine's firewall"},
	{"firewall-cmd", "not: it changes the machine's firewall"},
	{"nft add", "not: it changes the machine's firewall"},
	{"sysctl net.core.rmem_max", "not: it changes the machine"},
	{"journalctl", "not: it needs systemd"},
}

// Blocks with a word behind "sh" are run as they stand, in their order, by what is named here.
var runBlocks = map[string]string{
	"docs/SERVER.md":     "gate an operator's guide to a cluster",
	"docs/guides/C.md":   "ctest guide_c",
	"docs/guides/CPP.md": "ctest guide_cpp",
}

// shown is one line of a document that somebody might type.
type shown struct{ document, line string }

func (s shown) words() []string { return strings.Fields(strings.ReplaceAll(s.line, "\\\n", " ")) }

var (
	fence  = regexp.MustCompile("(?ms)^```(\\w*)( [^\n]*)?\n(.*?)^```$")
	indent = regexp.MustCompile(`(?m)^    (\S.*)$`)
	inline = regexp.MustCompile("`([^`\n]+)`")
	typed  = regexp.MustCompile(`^(\./build\.sh|(build/bin/)?musubi(_\w+)?|go|cmake|cc|ctest|curl|ssh|ufw|firewall-cmd|nft|sysctl|journalctl|timedatectl|apt-get|docker|helm|kubectl|systemctl)$`)
)

// documentsHere gives the text of every document but the header's reference, by its path from the repository's top.
func documentsHere(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	err := filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "build" || strings.HasPrefix(name, ".") && name != ".." && path != "../../..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" && entry.Name() != "API.md" {
			text, err := os.ReadFile(path)
			documents[filepath.ToSlash(strings.TrimPrefix(path, "../../../"))] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(documents) < 25 {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	return documents
}

// commandsShown fails for a block of commands that nothing runs.
func commandsShown(t *testing.T) (list []shown) {
	t.Helper()
	for document, text := range documentsHere(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			switch {
			case m[1] != "sh":
			case m[2] != "":
				if runBlocks[document] == "" {
					t.Errorf("%s: nothing runs its blocks of `sh%s`", document, m[2])
				}
			default:
				for line := range strings.Lines(strings.ReplaceAll(m[3], "\\\n", " ")) {
					line, _, _ = strings.Cut(line, " # ")
					for _, part := range strings.Split(line, " && ") {
						if part = strings.TrimSpace(part); part != "" && part[0] != '#' {
							list = append(list, shown{document, part})
						}
					}
				}
			}
		}
		text = fence.ReplaceAllString(text, "")
		for _, pattern := range []*regexp.Regexp{indent, inline} {
			for _, m := range pattern.FindAllStringSubmatch(text, -1) {
				words := strings.Fields(m[1])
				if len(words) > 1 && typed.MatchString(words[0]) && !(document == "docs/PROTOCOL.md" && words[0] == "musubi") { // labels of keys
					line, _, _ := strings.Cut(m[1], " # ")
					list = append(list, shown{document, line})
				}
			}
			text = pattern.ReplaceAllString(text, "")
		}
	}
	if len(list) < 60 {
		t.Fatalf("only %d commands: the test reads them wrong", len(list))
	}
	return list
}

// entryOf is the longest entry of the list that a command begins with.
func entryOf(words []string) (best shownCommand) {
	line := strings.TrimPrefix(strings.Join(words, " "), "build/bin/musubi ")
	if line != strings.Join(words, " ") {
		line = "musubi " + line
	}
	for _, c := range shownCommands {
		if (line == c.words || strings.HasPrefix(line, c.words+" ")) && len(c.words) > len(best.words) {
			best = c
		}
	}
	if strings.HasPrefix(line, "musubi server ") && strings.Contains(line, " --check") {
		return shownCommand{"musubi server --check", "TestSettingsHaveAnOrder"}
	}
	return best
}

// Everything that a document tells people to type is run by a test, or is on the list with the reason why it can't be.
func TestShownCommandsAreRun(t *testing.T) {
	script, err := os.ReadFile("../../../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	var tests, cmake string
	err = filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.Contains(path, "/build/") && (strings.HasSuffix(path, "_test.go") || entry.Name() == "CMakeLists.txt") {
			text, err := os.ReadFile(path)
			if strings.HasSuffix(path, "_test.go") {
				tests += string(text)
			} else {
				cmake += string(text)
			}
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, s := range commandsShown(t) {
		c := entryOf(s.words())
		if c.words == "" {
			t.Errorf("%s: nobody tests `%s`: add it to shownCommands with what runs it, or why nothing can", s.document, s.line)
		}
		used[c.words] = true
	}
	all := slices.Clone(shownCommands)
	for document, runBy := range runBlocks {
		all, used[document] = append(all, shownCommand{document, runBy}), true
	}
	for _, c := range all {
		if !used[c.words] {
			t.Errorf("no document shows `%s` any more: take it out of shownCommands", c.words)
		}
		kind, name, _ := strings.Cut(c.runBy, " ")
		found := true
		switch {
		case kind == "gate":
			found = strings.Contains(string(script), `"`+name)
		case kind == "ctest":
			found = strings.Contains(cmake, "NAME "+name+" ")
		case kind != "not:":
			found = strings.Contains(tests, "func "+c.runBy+"(")
		}
		if !found {
			t.Errorf("`%s` is said to be run by %q, which there is not", c.words, c.runBy)
		}
	}
}

// Every flag in a shown command exists, and so does every command of ours and every word of build.sh.
func TestShownFlagsExist(t *testing.T) {
	app := model(t)
	b, err := os.ReadFile("../../../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	programs := string(b) // build.sh hands most of its options on to a program
	for _, pattern := range []string{"../natlab/*.go", "../bench/*.go", "../outage/*.go", "../bench/peers/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			programs += string(source)
		}
	}
	flag := regexp.MustCompile(`(?:^|[\s\[])--([a-z][a-z0-9-]*)`)
	ours := map[string]bool{}
	var collect func(node *kong.Node)
	collect = func(node *kong.Node) {
		for _, f := range node.Flags {
			ours[f.Name] = true
		}
		for _, child := range node.Children {
			collect(child)
		}
	}
	collect(app.Node)
	takes := func(name string) bool { // whether one of the programs behind build.sh has such an option
		field := strings.ReplaceAll(name, "-", "")
		return regexp.MustCompile(`--` + name + `\b|name:"` + name + `"|"` + name + `"|(?im)^\s*` + field + `\s+\S+\s+` + "`").MatchString(programs)
	}
	for document, text := range documentsHere(t) {
		for _, m := range regexp.MustCompile("`--([a-z][a-z0-9-]*)").FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if !ours[m[1]] && !takes(m[1]) {
				t.Errorf("%s names --%s, which no program of ours takes", document, m[1])
			}
		}
	}
	for _, s := range commandsShown(t) {
		words := s.words()
		switch {
		case words[0] == "musubi" || words[0] == "build/bin/musubi":
			command, _ := commandNamed(app, words[1:])
			if command == app.Node {
				t.Errorf("%s: `%s` is no command of musubi", s.document, s.line)
				continue
			}
			known := map[string]bool{"help": true}
			for _, f := range command.Flags {
				known[f.Name] = true
			}
			for _, m := range flag.FindAllStringSubmatch(s.line, -1) {
				if !known[m[1]] {
					t.Errorf("%s: `%s`: there is no --%s", s.document, s.line, m[1])
				}
			}
		case words[0] == "./build.sh":
			if !strings.Contains(programs, "cmd_"+strings.ReplaceAll(strings.Trim(words[1], ";,."), "-", "_")+"()") {
				t.Errorf("%s: `%s`: build.sh has no %s", s.document, s.line, words[1])
			}
			for _, m := range flag.FindAllStringSubmatch(s.line, -1) {
				if !takes(m[1]) {
					t.Errorf("%s: `%s`: nothing takes --%s", s.document, s.line, m[1])
				}
			}
		}
	}
}
