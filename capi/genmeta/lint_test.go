package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

// walk gives every file of the package, by its path from there, also in folders that Unity ignores.
func walk(t *testing.T, each func(name string, text string)) {
	t.Helper()
	err := filepath.WalkDir(packagePath, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		name, _ := filepath.Rel(packagePath, file)
		each(filepath.ToSlash(name), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// strict reads JSON that may hold nothing else than v does.
func strict(t *testing.T, name, text string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if d.More() {
		t.Errorf("%s: something behind the end", name)
	}
}

type versionDefine struct{ Name, Expression, Define string }

type asmdef struct {
	Name, RootNamespace                                                     string
	References, IncludePlatforms, ExcludePlatforms                          []string
	PrecompiledReferences, DefineConstraints                                []string
	VersionDefines                                                          []versionDefine
	AllowUnsafeCode, OverrideReferences, AutoReferenced, NoEngineReferences bool
}

// Assemblies and symbols that come from elsewhere.
var (
	foreign = []string{"Unity.Netcode.Runtime", "Mirror", "FishNet.Runtime", "UnityEngine.TestRunner", "UnityEditor.TestRunner"}
	// Mirror and FishNet set these in a project's player settings.
	given = []string{"MIRROR", "FISHNET", "UNITY_INCLUDE_TESTS"}
	// Symbols of Unity's that the code may ask for.
	known = []string{"UNITY_IOS", "UNITY_EDITOR"}
)

func TestAssemblies(t *testing.T) {
	all, folders := map[string]asmdef{}, map[string]asmdef{}
	walk(t, func(name, text string) {
		if path.Ext(name) != ".asmdef" {
			return
		}
		var a asmdef
		strict(t, name, text, &a)
		all[a.Name] = a
		folders[path.Dir(name)] = a
		if base := strings.TrimSuffix(path.Base(name), ".asmdef"); a.Name != base && !strings.HasSuffix(a.Name, "."+base) {
			t.Errorf("%s calls itself %s", name, a.Name)
		}
		if strings.EqualFold(a.Name, "musubi") {
			t.Errorf("%s: Windows would take its file for the native library", name)
		}
	})
	for name, a := range all {
		for _, r := range a.References {
			if _, ours := all[r]; !ours && !slices.Contains(foreign, r) {
				t.Errorf("%s refers to %s, which nobody is", name, r)
			}
		}
		defines := slices.Clone(given)
		for _, v := range a.VersionDefines {
			defines = append(defines, v.Define)
			if v.Name == "" || !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(v.Expression) {
				t.Errorf("%s: version define %+v", name, v)
			}
		}
		for _, c := range a.DefineConstraints {
			if !slices.Contains(defines, c) {
				t.Errorf("%s needs %s, which nobody defines", name, c)
			}
		}
	}
	walk(t, func(name, text string) {
		if path.Ext(name) != ".cs" {
			return
		}
		dir := path.Dir(name)
		for dir != "." && folders[dir].Name == "" {
			dir = path.Dir(dir)
		}
		a, ok := folders[dir]
		if !ok {
			t.Errorf("%s belongs to no assembly", name)
		}
		for _, m := range regexp.MustCompile(`(?m)^#(?:el)?if (.*?)(?: *//.*)?$`).FindAllStringSubmatch(text, -1) {
			for _, symbol := range regexp.MustCompile(`\w+`).FindAllString(m[1], -1) {
				if !slices.Contains(known, symbol) && !slices.ContainsFunc(a.VersionDefines, func(v versionDefine) bool { return v.Define == symbol }) {
					t.Errorf("%s asks for %s, which %s does not define", name, symbol, a.Name)
				}
			}
		}
	})
	if len(all) < 8 {
		t.Errorf("only %d assemblies", len(all))
	}
}

// Unity finds a component, asset or window by the name of its file.
func TestScriptsAreNamedLikeTheirFiles(t *testing.T) {
	script := regexp.MustCompile(`public (?:sealed |abstract )?class (\w+) : (?:MonoBehaviour|ScriptableObject|EditorWindow|NetworkTransport|Transport)\b`)
	found := 0
	walk(t, func(name, text string) {
		for _, m := range script.FindAllStringSubmatch(text, -1) {
			found++
			if m[1]+".cs" != path.Base(name) {
				t.Errorf("%s is in %s", m[1], name)
			}
		}
	})
	if found < 10 {
		t.Errorf("only %d scripts", found)
	}
}

func TestCoreKnowsNoEngine(t *testing.T) {
	walk(t, func(name, text string) {
		if strings.HasPrefix(name, "Runtime/Core/") && regexp.MustCompile(`UnityE(ngine|ditor)`).MatchString(text) {
			t.Errorf("%s uses the engine", name)
		}
	})
}

func TestManifest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(packagePath, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Name, Version, DisplayName, Description, Unity, License string
		DocumentationURL, ChangelogURL, LicensesURL             string
		Keywords                                                []string
		Author                                                  struct{ Name, URL string }
		Dependencies                                            map[string]string
		Samples                                                 []struct{ DisplayName, Description, Path string }
	}
	strict(t, "package.json", string(text), &p)
	if !regexp.MustCompile(`^com\.[a-z0-9-]+\.[a-z0-9-]+$`).MatchString(p.Name) || len(p.Dependencies) != 0 {
		t.Errorf("%s, dependencies %v", p.Name, p.Dependencies)
	}
	h, err := cheader.ReadFile("../../include/musubi.h")
	if err != nil || h.Defines["MUSUBI_VERSION"] != `"`+p.Version+`"` {
		t.Errorf("version %s, the header's is %s: %v", p.Version, h.Defines["MUSUBI_VERSION"], err)
	}
	samples, _ := filepath.Glob(filepath.Join(packagePath, "Samples~/*"))
	if len(samples) != len(p.Samples) {
		t.Errorf("%d samples in package.json, %d folders", len(p.Samples), len(samples))
	}
	for _, s := range p.Samples {
		if scripts, _ := filepath.Glob(filepath.Join(packagePath, s.Path, "*.cs")); len(scripts) == 0 || s.DisplayName == "" || s.Description == "" {
			t.Errorf("sample %+v has no script or no words", s)
		}
	}
	for _, must := range []string{"README.md", "CHANGELOG.md", "LICENSE.md", "Third Party Notices.md", "Documentation~/index.md"} {
		if _, err := os.Stat(filepath.Join(packagePath, must)); err != nil {
			t.Error(err)
		}
	}
	ours, _ := os.ReadFile("../../LICENSE")
	theirs, _ := os.ReadFile(filepath.Join(packagePath, "LICENSE.md"))
	if !bytes.Equal(ours, theirs) {
		t.Error("LICENSE.md is not LICENSE")
	}
	changes, _ := os.ReadFile(filepath.Join(packagePath, "CHANGELOG.md"))
	if !strings.Contains(string(changes), "## ["+p.Version+"]") {
		t.Errorf("CHANGELOG.md does not tell of %s", p.Version)
	}
}

// The documentation's links lead somewhere, and its table of native files is the one that is packed.
func TestDocumentation(t *testing.T) {
	pages := map[string]string{}
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	walk(t, func(name, text string) {
		if path.Ext(name) != ".md" {
			return
		}
		pages[name] = text
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(packagePath, path.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	platforms := pages["Documentation~/Platforms.md"]
	rows := regexp.MustCompile("(?m)^\\| .* \\| `(Runtime/Plugins/[^`]+)` \\|").FindAllStringSubmatch(platforms, -1)
	for _, row := range rows {
		if _, ok := plugins[row[1]]; !ok {
			t.Errorf("the table has %s, which is not packed", row[1])
		}
	}
	if len(rows) != len(plugins) {
		t.Errorf("the table has %d native files, %d are packed", len(rows), len(plugins))
	}
	// Every transport and component has its place in the documentation.
	all := ""
	for name, text := range pages {
		if strings.HasPrefix(name, "Documentation~/") {
			all += text
		}
	}
	scripts, _ := filepath.Glob(filepath.Join(packagePath, "Runtime*", "Musubi*Transport.cs"))
	components, _ := filepath.Glob(filepath.Join(packagePath, "Runtime/Unity/Musubi*.cs"))
	for _, s := range append(scripts, components...) {
		name := strings.TrimSuffix(filepath.Base(s), ".cs")
		if !strings.Contains(all, name) {
			t.Errorf("Documentation~ does not tell of %s", name)
		}
	}
}
