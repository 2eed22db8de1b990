package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const again = "run go generate ./capi/genmeta and commit what it writes"

func TestTheCommittedMetasAreFresh(t *testing.T) {
	want, err := generate(packagePath)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join(packagePath, name))
		if err != nil {
			t.Errorf("unity/%s is missing: %s", name, again)
		} else if string(have) != text {
			t.Errorf("unity/%s is stale: %s", name, again)
		}
	}
	orphans, err := extra(packagePath, want)
	if err != nil || len(orphans) > 0 {
		t.Errorf("belong to no file: %v %v: %s", orphans, err, again)
	}
}

func TestGUIDsAreUnique(t *testing.T) {
	metas, err := generate(packagePath)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, text := range metas {
		g := guidLine.FindStringSubmatch(text)
		if g == nil {
			t.Fatalf("%s has no GUID:\n%s", name, text)
		}
		if other := seen[g[1]]; other != "" {
			t.Errorf("%s and %s share the GUID %s", name, other, g[1])
		}
		seen[g[1]] = name
	}
	if len(seen) < 10 {
		t.Errorf("only %d files", len(seen))
	}
}

// A package with native libraries, as dist stages it.
func TestAFileKeepsItsGUIDWhenItMovesWithItsMeta(t *testing.T) {
	root := t.TempDir()
	put(t, root, "Runtime/A.cs", "Runtime/Plugins/Linux/x86_64/libmusubi.so", "Samples~/Hidden.cs")
	first := written(t, root)
	if len(first) != 6 { // A.cs, the library, four folders
		t.Fatalf("%d files have a .meta: %v", len(first), first)
	}
	put(t, root, "Runtime/Sub/B.cs")
	for _, ext := range []string{".cs", ".cs.meta"} {
		if err := os.Rename(filepath.Join(root, "Runtime/A"+ext), filepath.Join(root, "Runtime/Sub/A"+ext)); err != nil {
			t.Fatal(err)
		}
	}
	second := written(t, root)
	if a, b := guidLine.FindString(first["Runtime/A.cs.meta"]), guidLine.FindString(second["Runtime/Sub/A.cs.meta"]); a == "" || a != b {
		t.Errorf("the GUID was %q, is %q", a, b)
	}
	if err := os.Remove(filepath.Join(root, "Runtime/Sub/B.cs")); err != nil {
		t.Fatal(err)
	}
	written(t, root)
	if _, err := os.Stat(filepath.Join(root, "Runtime/Sub/B.cs.meta")); err == nil {
		t.Error("the .meta of a file that has gone is still there")
	}
}

// Each player gets one library, and an editor on each system one per processor.
func TestPluginMatrix(t *testing.T) {
	editors, players := map[string]string{}, map[string]string{}
	on := regexp.MustCompile(`- first:\n      (\w+): (\w*)\n    second:\n      enabled: 1\n`)
	for name, p := range plugins {
		text, err := meta(name, false, strings.Repeat("0", 32))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"isPreloaded: 0", "serializedVersion: 2", "      Any: \n    second:\n      enabled: 0"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		for _, m := range on.FindAllStringSubmatch(text, -1) {
			where, key := players, m[2]+" "+p.cpu
			if m[1] == "Editor" {
				where, key = editors, p.editor+" "+p.cpu
				if !strings.Contains(text, "CPU: "+p.cpu+"\n        DefaultValueInitialized: true\n        OS: "+p.editor) {
					t.Errorf("%s: editor settings in\n%s", name, text)
				}
			}
			if where[key] != "" {
				t.Errorf("%s and %s are both for %s", name, where[key], key)
			}
			where[key] = name
		}
	}
	if len(players) != 6 || len(editors) != 4 {
		t.Errorf("players %v, editors %v", players, editors)
	}
}

func TestWhatHasNoSettings(t *testing.T) {
	for _, name := range []string{"Runtime/a.bin", "Runtime/Plugins/Linux/x86/libmusubi.so"} {
		if _, err := meta(name, false, ""); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func put(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// written lets genmeta write and says what is there afterwards.
func written(t *testing.T, root string) map[string]string {
	t.Helper()
	metas, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if err = write(root, metas); err != nil {
		t.Fatal(err)
	}
	return metas
}
