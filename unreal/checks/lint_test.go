// Package checks looks at the Unreal plugin's files as Epic's tools would: what UnrealHeaderTool and UnrealBuildTool refuse, a plugin
// descriptor or .ini that names what does not exist, and copies of one fact that have drifted apart.
package checks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	plugin = "../Musubi"
	source = plugin + "/Source"
)

var modules = []string{"MusubiCore", "Musubi", "MusubiNet", "MusubiTests"}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists those below dir with one of the endings.
func files(t *testing.T, dir string, endings ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(endings, filepath.Ext(path)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatal(dir, endings, "no files", err)
	}
	return found
}

// moduleOf is the directory below Source.
func moduleOf(path string) string { return strings.Split(strings.TrimPrefix(path, source+"/"), "/")[0] }

var include = regexp.MustCompile(`(?m)^#include ["<]([^">]+)[">]`)

func TestReflectedHeaders(t *testing.T) {
	class := regexp.MustCompile(`(?m)^(UCLASS|USTRUCT)\(.*\)\n(class|struct) ([A-Z]+_API) ([AUF]Musubi\w+)(.*)\n\{\n\tGENERATED_BODY\(\)\n`)
	for _, path := range files(t, source, ".h") {
		text, name := read(t, path), strings.TrimSuffix(filepath.Base(path), ".h")
		if !strings.Contains(text, "#pragma once") {
			t.Errorf("%s: no #pragma once", path)
		}
		reflected := strings.Count(text, "\nUCLASS(") + strings.Count(text, "\nUSTRUCT(") + strings.Count(text, "\nUENUM(")
		includes := include.FindAllStringSubmatch(text, -1)
		want := name + ".generated.h"
		if reflected == 0 {
			if strings.Contains(text, ".generated.h") || strings.Contains(text, "UPROPERTY(") || strings.Contains(text, "UFUNCTION(") {
				t.Errorf("%s: reflection without a reflected type", path)
			}
			continue
		}
		if last := includes[len(includes)-1][1]; last != want {
			t.Errorf("%s: the last include is %s, not %s", path, last, want)
		}
		bodies := class.FindAllStringSubmatch(text, -1)
		if len(bodies) != strings.Count(text, "GENERATED_BODY()") || len(bodies)+strings.Count(text, "\nUENUM(") != reflected {
			t.Errorf("%s: %d reflected types, %d in the form UCLASS, class, GENERATED_BODY", path, reflected, len(bodies))
		}
		for _, b := range bodies {
			if b[3] != strings.ToUpper(moduleOf(path))+"_API" {
				t.Errorf("%s: %s is exported by %s", path, b[4], b[3])
			}
			if (b[1] == "USTRUCT") != (b[4][0] == 'F') || (b[1] == "UCLASS" && !regexp.MustCompile(`^ : public [UA]\w+`).MatchString(b[5])) {
				t.Errorf("%s: %s%s is no %s", path, b[4], b[5], b[1])
			}
		}
	}
}

// allowed says whether Blueprints know a type.
func allowed(kind string) bool {
	kind = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(kind), "const "), "&"))
	if inner, ok := strings.CutPrefix(kind, "TArray<"); ok {
		return allowed(strings.TrimSuffix(inner, ">"))
	}
	return slices.Contains([]string{"bool", "int32", "int64", "uint8", "float", "double", "FString", "FName", "FText", "void"}, kind) ||
		regexp.MustCompile(`^([FE]Musubi\w+|TObjectPtr<UObject>|U\w+\*)$`).MatchString(kind)
}

func TestReflectedMembers(t *testing.T) {
	member := regexp.MustCompile(`(?m)^\t(UPROPERTY|UFUNCTION)\((.*)\)\n\t(.+)$`)
	function := regexp.MustCompile(`^(?:static |virtual )?(.+?) ?\b(\w+)\((.*)\)(?: const)?(?: \{.*\})?;?$`)
	property := regexp.MustCompile(`^(\S+(?:<.+>)?) (\w+)(?: = .+)?;$`)
	seen := 0
	for _, path := range files(t, source, ".h") {
		text := read(t, path)
		matches := member.FindAllStringSubmatch(text, -1)
		if len(matches) != strings.Count(text, "UPROPERTY(")+strings.Count(text, "UFUNCTION(") {
			t.Errorf("%s: a reflected member is not in the form of one line for the macro and one for the member", path)
		}
		for _, m := range matches {
			seen++
			kind, specifiers, line := m[1], m[2], m[3]
			visible := strings.Contains(specifiers, "Blueprint") || strings.Contains(specifiers, "Edit")
			if visible && !strings.Contains(specifiers, `Category = "`) {
				t.Errorf("%s: no category: %s", path, line)
			}
			var types []string
			if f := function.FindStringSubmatch(line); kind == "UFUNCTION" && f != nil {
				types = append(types, strings.TrimSuffix(f[1], " "))
				for _, p := range strings.Split(f[3], ",") {
					if p = strings.TrimSpace(strings.Split(p, "=")[0]); p != "" {
						at := strings.LastIndexAny(p, " &*")
						if at < 0 {
							t.Errorf("%s: parameter without a name: %s", path, line)
							continue
						}
						types = append(types, strings.TrimSpace(p[:at+1]))
					}
				}
			} else if p := property.FindStringSubmatch(line); kind == "UPROPERTY" && p != nil {
				types = append(types, p[1])
			} else {
				t.Errorf("%s: can't read %s", path, line)
			}
			for _, one := range types {
				if !allowed(one) {
					t.Errorf("%s: Blueprints have no %q: %s", path, one, line)
				}
			}
			if strings.Contains(specifiers, "BlueprintAssignable") && !regexp.MustCompile(`DECLARE_DYNAMIC_MULTICAST_DELEGATE\w*\(`+types[0]+`\b`).MatchString(text) {
				t.Errorf("%s: %s is no dynamic multicast delegate of this header", path, types[0])
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d reflected members: were they read?", seen)
	}
}

func version(t *testing.T) string {
	return regexp.MustCompile(`#define MUSUBI_VERSION "(.*)"`).FindStringSubmatch(read(t, "../../include/musubi.h"))[1]
}

func TestDescriptor(t *testing.T) {
	var d struct {
		FileVersion   int
		VersionName   string
		IsBetaVersion bool
		Modules       []struct {
			Name, Type, LoadingPhase string
			PlatformAllowList        []string
		}
		SupportedTargetPlatforms []string
		Plugins                  []struct {
			Name    string
			Enabled bool
		}
	}
	if err := json.Unmarshal([]byte(read(t, plugin+"/Musubi.uplugin")), &d); err != nil {
		t.Fatal(err)
	}
	if d.FileVersion != 3 || !d.IsBetaVersion || d.VersionName != version(t) {
		t.Errorf("file version %d, beta %v, version %s; musubi.h has %s", d.FileVersion, d.IsBetaVersion, d.VersionName, version(t))
	}
	if cmake := read(t, "../../CMakeLists.txt"); !strings.Contains(cmake, `include/musubi.h" line REGEX "^#define MUSUBI_VERSION "`) {
		t.Error("CMake does not take the version from musubi.h any more")
	}
	var names []string
	for _, m := range d.Modules {
		names = append(names, m.Name)
		if !slices.Equal(m.PlatformAllowList, d.SupportedTargetPlatforms) {
			t.Errorf("%s is for %v, the plugin for %v", m.Name, m.PlatformAllowList, d.SupportedTargetPlatforms)
		}
		rules := read(t, fmt.Sprintf("%s/%s/%s.Build.cs", source, m.Name, m.Name))
		if !strings.Contains(rules, "public class "+m.Name+" : ModuleRules") {
			t.Errorf("%s.Build.cs has another class", m.Name)
		}
		implemented := 0
		for _, path := range files(t, source+"/"+m.Name, ".cpp") {
			implemented += strings.Count(read(t, path), ", "+m.Name+")\n")
		}
		if implemented != 1 {
			t.Errorf("%s: %d IMPLEMENT_MODULE", m.Name, implemented)
		}
	}
	if !slices.Equal(names, modules) {
		t.Errorf("modules %v, want %v, each after those it needs", names, modules)
	}
	if len(d.Plugins) != 1 || d.Plugins[0].Name != "OnlineSubsystemUtils" {
		t.Error("UIpNetDriver is the plugin OnlineSubsystemUtils'")
	}
}

// Every "/Script/Module.Class" of ours that a config file, a document or the code names is a class of that module.
func TestClassPaths(t *testing.T) {
	classes := map[string]bool{}
	for _, path := range files(t, source, ".h") {
		for _, m := range regexp.MustCompile(`(?m)^class \w+_API [UA](\w+)`).FindAllStringSubmatch(read(t, path), -1) {
			classes["/Script/"+moduleOf(path)+"."+m[1]] = true
		}
	}
	paths := regexp.MustCompile(`/Script/Musubi\w*\.\w+`)
	found := map[string]bool{}
	for _, path := range append(files(t, plugin, ".ini", ".md", ".cpp", ".h"), "../../README.md") {
		for _, name := range paths.FindAllString(read(t, path), -1) {
			found[name] = true
			if !classes[name] {
				t.Errorf("%s: %s is no class", path, name)
			}
		}
	}
	if !found["/Script/MusubiNet.MusubiNetDriver"] || !found["/Script/MusubiNet.MusubiNetConnection"] {
		t.Error("the driver's classes are named nowhere:", found)
	}
	for _, want := range []string{`DefName="GameNetDriver",DriverClassName="/Script/MusubiNet.MusubiNetDriver"`, `DefName="BeaconNetDriver",DriverClassName="/Script/MusubiNet.MusubiNetDriver"`, "!NetDriverDefinitions=ClearArray"} {
		if !strings.Contains(read(t, plugin+"/Config/NetDriver.ini"), want) {
			t.Errorf("Config/NetDriver.ini lacks %s", want)
		}
	}
	if !strings.Contains(read(t, source+"/MusubiCore/Public/MusubiDriverLogic.h"), `DriverClass = "/Script/MusubiNet.MusubiNetDriver"`) {
		t.Error("the start-up check looks for another class")
	}
}

// What a module includes belongs to it, to itself, or to a module that its Build.cs depends on.
func TestIncludesAreDependencies(t *testing.T) {
	owner := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(read(t, "shims/modules.txt")), "\n") {
		words := strings.Fields(line)
		for _, header := range words[1:] {
			owner[header] = words[0]
			if _, err := os.Stat("shims/" + header); err != nil {
				t.Error(err)
			}
		}
	}
	for _, module := range modules {
		for _, path := range files(t, source+"/"+module, ".h", ".cpp") {
			for _, visibility := range []string{"/Public/", "/Private/"} {
				if at := strings.Index(path, visibility); at > 0 {
					owner[path[at+len(visibility):]] = module
				}
			}
		}
	}
	owner["musubi.hpp"] = "MusubiLibrary"
	standard := regexp.MustCompile(`^[a-z_]+$`)
	for _, module := range modules {
		rules := read(t, fmt.Sprintf("%s/%s/%s.Build.cs", source, module, module))
		for _, path := range files(t, source+"/"+module, ".h", ".cpp") {
			for _, m := range include.FindAllStringSubmatch(read(t, path), -1) {
				header := m[1]
				if standard.MatchString(header) || strings.HasSuffix(header, ".generated.h") {
					continue
				}
				from, known := owner[header]
				if !known {
					t.Errorf("%s includes %s, which is nobody's: is it in shims/modules.txt?", path, header)
				} else if from != module && !strings.Contains(rules, `"`+from+`"`) {
					t.Errorf("%s includes %s of %s, on which %s.Build.cs does not depend", path, header, from, module)
				}
			}
		}
	}
}

// MusubiCore is what the tests can run: no engine, no exceptions, no RTTI.
func TestCoreIsPlain(t *testing.T) {
	bad := regexp.MustCompile(`\b(throw|catch|try|dynamic_cast|typeid|FString|TArray|UObject|UE_LOG|iostream)\b`)
	comment := regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	for _, path := range files(t, source+"/MusubiCore", ".h", ".cpp") {
		if found := bad.FindAllString(comment.ReplaceAllString(strings.ReplaceAll(read(t, path), `"`, " "), ""), -1); found != nil && !strings.Contains(path, "LibraryCheck.h") {
			for _, word := range found {
				if word != "try" { // a word of sentences too
					t.Errorf("%s: %s", path, word)
				}
			}
		}
	}
	for _, path := range files(t, source, ".h", ".cpp") {
		if strings.Contains(read(t, path), "<musubi.h") && !strings.HasSuffix(path, "MusubiCoreTypes.h") {
			t.Errorf("%s includes the library's header, whose MUSUBI_API is another one", path)
		}
	}
}

// What Blueprints.md shows in bold is a node, an event, a pin or a setting by the name that the editor gives it.
func TestDocumentedNodesExist(t *testing.T) {
	known := map[string]bool{"MusubiSubsystem": true, "BindEventtoOnMessage": true}
	for _, path := range files(t, source, ".h") {
		text := read(t, path)
		for _, m := range regexp.MustCompile(`(?m)^\tUFUNCTION\(.*\)\n\t.*?\b(\w+)\(|^\tUPROPERTY\(.*\)\n\t.*?\b(\w+)(?: = .*)?;|DisplayName = "([^"]+)"`).FindAllStringSubmatch(text, -1) {
			known[strings.ReplaceAll(m[1]+m[2]+m[3], " ", "")] = true
		}
	}
	names := regexp.MustCompile(`\*\*([^*]+)\*\*`).FindAllStringSubmatch(read(t, plugin+"/Docs/Blueprints.md"), -1)
	for _, n := range names {
		if !known[strings.ReplaceAll(n[1], " ", "")] {
			t.Errorf("Blueprints.md: nothing is called %s", n[1])
		}
	}
	if len(names) < 30 {
		t.Errorf("%d names: were they read?", len(names))
	}
}

// Links inside the plugin resolve.
func TestLinks(t *testing.T) {
	for _, path := range files(t, plugin, ".md") {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// The library's place is said three times: where it is loaded from, where Build.cs stages it, where the archive puts it.
func TestPlacesAgree(t *testing.T) {
	place := regexp.MustCompile(`\b(?:Win64|Linux|LinuxArm64|Mac)/(?:[a-z0-9]+/)?(?:lib)?musubi\.(?:so|dll|dylib)`)
	all := func(path string) []string {
		found := place.FindAllString(read(t, path), -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	loaded, staged, packed := all(source+"/MusubiCore/Private/MusubiLibraryCheck.cpp"), all(source+"/ThirdParty/MusubiLibrary/MusubiLibrary.Build.cs"), all("../pack.sh")
	if len(loaded) != 5 || !slices.Equal(loaded, staged) || !slices.Equal(loaded, packed) {
		t.Errorf("loaded %v\nstaged %v\npacked %v", loaded, staged, packed)
	}
}

// A file that nobody can hold in their head is two files.
func TestSizes(t *testing.T) {
	for _, path := range files(t, "..", ".h", ".cpp", ".cs", ".md") {
		if lines := strings.Count(read(t, path), "\n"); lines > 420 {
			t.Errorf("%s has %d lines", path, lines)
		}
	}
}
