package main

import (
	"fmt"
	"strings"
)

// plugin is a native library in the package and where Unity may use it.
type plugin struct {
	target   string // of capi/targets.sh, which builds it
	platform string // of the player, in Unity's words
	group    string // the platform's group in a .meta
	cpu      string
	editor   string // the system of editors that load it too; empty: none
}

// plugins is the package's plugin matrix, by path from its root. One file serves one platform: an editor or a build that found
// two would refuse both.
var plugins = map[string]plugin{
	"Runtime/Plugins/Windows/x86_64/musubi.dll":    {"windows-amd64", "Win64", "Standalone", "x86_64", "Windows"},
	"Runtime/Plugins/Linux/x86_64/libmusubi.so":    {"linux-amd64", "Linux64", "Standalone", "x86_64", "Linux"},
	"Runtime/Plugins/macOS/x86_64/libmusubi.dylib": {"macos-amd64", "OSXUniversal", "Standalone", "x86_64", "OSX"},
	"Runtime/Plugins/macOS/arm64/libmusubi.dylib":  {"macos-arm64", "OSXUniversal", "Standalone", "ARM64", "OSX"},
	"Runtime/Plugins/Android/arm64/libmusubi.so":   {"android-arm64", "Android", "Android", "ARM64", ""},
	"Runtime/Plugins/iOS/arm64/libmusubi.a":        {"ios-arm64", "iPhone", "iPhone", "AnyCPU", ""},
}

// standalone are the desktop platforms, in the order in which Unity writes them.
var standalone = []string{"Linux64", "OSXUniversal", "Win", "Win64"}

// importer is the body of the .meta: any platform off, the editor and each player said one by one, loaded on first use and not
// at start (isPreloaded), so that a file that does not fit this machine never stops a project from opening.
func (p plugin) importer() string {
	var b strings.Builder
	b.WriteString("PluginImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  iconMap: {}\n  executionOrder: {}\n" +
		"  defineConstraints: []\n  isPreloaded: 0\n  isOverridable: 0\n  isExplicitlyReferenced: 0\n  validateReferences: 1\n  platformData:\n")
	entry := func(group, name string, on bool, settings string) {
		enabled := 0
		if on {
			enabled = 1
		}
		fmt.Fprintf(&b, "  - first:\n      %s: %s\n    second:\n      enabled: %d\n      settings:", group, name, enabled)
		if settings == "" {
			b.WriteString(" {}\n")
			return
		}
		b.WriteString("\n" + settings)
	}
	entry("Any", "", false, p.excluded())
	cpu, system := p.cpu, p.editor
	if system == "" {
		cpu, system = "AnyCPU", "AnyOS"
	}
	entry("Editor", "Editor", p.editor != "", fmt.Sprintf("        CPU: %s\n        DefaultValueInitialized: true\n        OS: %s\n", cpu, system))
	for _, name := range standalone {
		cpu := "None"
		if name == p.platform {
			cpu = p.cpu
		}
		entry("Standalone", name, name == p.platform, "        CPU: "+cpu+"\n")
	}
	if p.group != "Standalone" {
		settings := "        CPU: " + p.cpu + "\n"
		if p.platform == "iPhone" {
			settings = "        AddToEmbeddedBinaries: false\n" + settings + "        CompileFlags: \n        FrameworkDependencies: \n"
		}
		entry(p.group, p.platform, true, settings)
	}
	return b.String() + tail
}

// excluded tells the "any platform" switch of Unity's inspector whom it leaves out.
func (p plugin) excluded() string {
	var b strings.Builder
	for _, name := range append([]string{"Android", "Editor"}, append(standalone, "iPhone", "WebGL")...) {
		out := 1
		if name == p.platform || name == "Editor" && p.editor != "" {
			out = 0
		}
		key := name
		if name == "iPhone" {
			key = "iOS"
		}
		fmt.Fprintf(&b, "        Exclude %s: %d\n", key, out)
	}
	return b.String()
}
