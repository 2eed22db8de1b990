package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const deployDir = "../../server/deploy"

// serverFlags are the settings of `musubi server`.
func serverFlags(t *testing.T) map[string]bool {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.DefaultEnvars(envPrefix))
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	for _, node := range parser.Model.Children {
		if node.Name == "server" {
			for _, f := range node.Flags {
				flags[f.Name] = true
			}
		}
	}
	if len(flags) < 15 {
		t.Fatalf("only %d flags: the test reads them wrong", len(flags))
	}
	return flags
}

// What is deployed with us names only settings that exist, as flags, as variables and as keys.
func TestDeployedSettingsExist(t *testing.T) {
	flags := serverFlags(t)
	files := []string{"../../../docs/SERVER.md"}
	err := filepath.Walk(deployDir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && !strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	call := regexp.MustCompile(`musubi server(?: [^\n|;&]*)?`)
	flag := regexp.MustCompile(`--([a-z][a-z0-9-]+)`)
	variable := regexp.MustCompile(`\bMUSUBI_([A-Z][A-Z0-9_]+)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		joined := strings.ReplaceAll(string(text), "\\\n", " ")
		for _, line := range call.FindAllString(joined, -1) {
			for _, m := range flag.FindAllStringSubmatch(line, -1) {
				if !flags[m[1]] && m[1] != "help" {
					t.Errorf("%s: --%s is no flag of the server", file, m[1])
				}
			}
		}
		for _, m := range variable.FindAllStringSubmatch(joined, -1) {
			if name := strings.ToLower(strings.ReplaceAll(m[1], "_", "-")); !flags[name] {
				t.Errorf("%s: MUSUBI_%s sets nothing", file, m[1])
			}
		}
	}
	example, err := loadSettings(filepath.Join(deployDir, "musubi.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for key := range example.values {
		if !flags[key] {
			t.Errorf("musubi.toml: %s is no setting", key)
		}
	}
}

func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	out, err := exec.Command("systemd-analyze", "verify", filepath.Join(deployDir, "musubi.service")).CombinedOutput()
	text := regexp.MustCompile(`(?m)^.*Command /usr/local/bin/musubi is not executable.*\n?`).ReplaceAllString(string(out), "")
	if strings.TrimSpace(text) != "" {
		t.Errorf("%v: %s", err, text)
	}
}
