package core

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Names of our own in the documents are those of the header, of a metric, a variable or a program; and paths of the repository exist.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	documents := markdown(t)
	known := documents["docs/SETTINGS.md"] // its metrics and variables are compared with the program
	sources := []string{"../include/musubi.h", "../build.sh", "../CMakeLists.txt", "../bindings/*/CMakeLists.txt", "../bindings/c/tests/CMakeLists.txt", "../capi/*.go", "../capi/library.cmake", "cmd/musubi/doctor.go",
		"../unreal/checks/shims/*.h", "../unreal/Musubi/Source/*/*.Build.cs", "../unity/Runtime.Netcode/*.asmdef"}
	for _, pattern := range sources {
		files, _ := filepath.Glob(pattern)
		if len(files) == 0 {
			t.Errorf("no %s", pattern)
		}
		for _, path := range files {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			known += string(source)
		}
	}
	words := map[string]bool{}
	for _, word := range regexp.MustCompile(`\b(?:musubi|MUSUBI)_\w+`).FindAllString(known, -1) {
		words[word] = true
	}
	name := regexp.MustCompile(`\b(?:musubi|MUSUBI)_[A-Za-z0-9_]*[A-Za-z0-9](?:_\*)?`)
	place := regexp.MustCompile("`((?:core|capi|bindings|unity|unreal|docs|include)/[A-Za-z0-9_./~-]*[A-Za-z0-9_/~])`")
	count := 0
	for path, text := range documents {
		text = regexp.MustCompile(`\]\(#[^)]*\)`).ReplaceAllString(text, "]") // anchors are in small letters
		for _, word := range name.FindAllString(text, -1) {
			if strings.HasSuffix(word, "_*") {
				continue
			}
			if count++; !words[word] && !family(words, word) {
				t.Errorf("%s names %s, which is neither in the header nor a metric, a setting or a program", path, word)
			}
		}
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			count++
			at := m[1]
			if path == "bindings/c/sdk/README.md" { // tells of the archive that it lies in
				continue
			}
			if _, err := os.Stat("../" + at); err != nil {
				if found, _ := filepath.Glob("../" + at + "*"); len(found) == 0 {
					t.Errorf("%s names %s, which is not there", path, at)
				}
			}
		}
	}
	if count < 500 {
		t.Errorf("only %d names: the test reads them wrong", count)
	}
}

// family: MUSUBI_MAX stands for all that begin so.
func family(words map[string]bool, begin string) bool {
	for word := range words {
		if strings.HasPrefix(word, begin+"_") {
			return true
		}
	}
	return false
}

// Events are called by the header's names without their beginning: PEER_CONNECTED.
func TestDocumentsNameEventsThatExist(t *testing.T) {
	header, err := os.ReadFile("../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	event := regexp.MustCompile(`\b(?:SERVER|ROOM|PEER|MEMBER|OWNER|ROUTE|LAN|TOKEN|JOIN|USER|INVITE|NAT|QUEUE|REQUEST)_[A-Z]+\b`)
	for path, text := range markdown(t) {
		for _, at := range event.FindAllStringIndex(text, -1) {
			word := text[at[0]:at[1]]
			if strings.HasSuffix(text[:at[0]], "_") || word == "NAT_BASICS" { // the end of a longer name; a document
				continue
			}
			if !regexp.MustCompile(`_` + word + `\b`).Match(header) {
				t.Errorf("%s names %s, which is no event or code", path, word)
			}
		}
	}
}

// Names of the engines' parts, like MusubiManager and UMusubiSubsystem, are those of classes, files or modules that are there; those of
// alerts are rules, and SERVER.md has every rule.
func TestDocumentsNameClassesThatExist(t *testing.T) {
	known := ""
	for _, top := range []string{"../unity", "../unreal", "../bindings/unity", "server/deploy"} {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			known += " " + entry.Name()
			switch filepath.Ext(path) {
			case ".cs", ".h", ".cpp", ".ini", ".uplugin", ".asmdef", ".yaml":
				source, err := os.ReadFile(path)
				known += string(source)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	words := map[string]bool{}
	for _, word := range regexp.MustCompile(`\w*Musubi\w*`).FindAllString(known, -1) {
		words[word] = true
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(known, -1) {
		if !strings.Contains(markdown(t)["docs/SERVER.md"], m[1]) {
			t.Errorf("docs/SERVER.md does not say what to do about the alert %s", m[1])
		}
	}
	count := 0
	for path, text := range markdown(t) {
		for _, word := range regexp.MustCompile(`\b[UAF]?Musubi[A-Z]\w+`).FindAllString(text, -1) {
			if count++; !words[word] {
				t.Errorf("%s names %s, which is nowhere in unity/, unreal/ and the alerts", path, word)
			}
		}
		for _, m := range regexp.MustCompile(`\bEventKind\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(known, m[1]+" =") {
				t.Errorf("%s names %s, which is no kind of event in C#", path, m[0])
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d names: the test reads them wrong", count)
	}
}
