package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checked runs `musubi server --check` with a settings' file.
func checked(t *testing.T, file string, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "musubi.toml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	args = append([]string{"server", "--check", "--config", path, "--data", filepath.Join(dir, "data")}, args...)
	code = run(args, streams{&o, &e})
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Errorf("--check made the data directory")
	}
	return code, o.String(), e.String()
}

// line is what --check says of one setting.
func line(out, name string) string {
	for l := range strings.Lines(out) {
		if f := strings.Fields(l); len(f) > 2 && f[0] == name {
			return strings.Join(f[1:], " ")
		}
	}
	return ""
}

// A flag is stronger than the environment, and that than the file; --check says where each setting is from.
func TestSettingsHaveAnOrder(t *testing.T) {
	t.Setenv("MUSUBI_NODE", "env")
	t.Setenv("MUSUBI_REGION", "B")
	t.Setenv("MUSUBI_LISTN", "typo")
	t.Setenv("MUSUBI_ADMIN", "off")
	file := "listen = \"127.0.0.1:0\"\nregion = \"A\"\nnode = \"file\"\nstun-ports = [0, 0]\n"
	code, out, errs := checked(t, file, "--node", "flag")
	if code != 0 || errs != "" {
		t.Fatalf("exit %d: %s\n%s", code, errs, out)
	}
	if got := line(out, "node"); got != "flag command line" {
		t.Errorf("node: %s", got)
	}
	if got := line(out, "region"); got != "B MUSUBI_REGION" {
		t.Errorf("region: %s", got)
	}
	if got := line(out, "listen"); !strings.HasPrefix(got, "127.0.0.1:0 /") || !strings.HasSuffix(got, "musubi.toml") {
		t.Errorf("listen: %s", got)
	}
	if got := line(out, "log-level"); got != "info default" {
		t.Errorf("log-level: %s", got)
	}
	for _, want := range []string{"MUSUBI_LISTN in the environment is no setting", "ok: a server can start", "UDP 127.0.0.1:0", "no key in"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// A wrong file is refused with its name, the value and what is allowed.
func TestWrongFileIsOneSentence(t *testing.T) {
	for file, want := range map[string]string{
		"lissten = \"x\"":         `"lissten" is no setting; allowed are: listen,`,
		"check = true":            `"check" is no setting`,
		"listen =":                "line 1: ",
		"[listen]\nx = 1":         "listen is a table or a date",
		"listen = \"nowhere\"":    `--listen "nowhere" is not an address with a port`,
		"region = \"EU\"":         `--region "EU" is no region: allowed is one letter`,
		"log-level = \"loud\"":    "--log-level must be one of",
		"limits = \"none\"":       `--limits "none" is unknown; allowed is: lab`,
		"stun-ports = [\"http\"]": "--stun-ports",
		"admin = \":3480\"":       `--admin ":3480" names no address`,
	} {
		code, _, errs := checked(t, file)
		if code != exitUsage || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q", file, code, errs)
		}
	}
	var o, e bytes.Buffer
	if code := run([]string{"server", "--config", "/nowhere/x.toml"}, streams{&o, &e}); code != exitUsage || !strings.Contains(e.String(), "there is no such file") {
		t.Errorf("a missing file: exit %d, %q", code, &e)
	}
}
