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
	for _, want := range []string{"MUSUBI_LISTN in the environment is not a setting", "ok: a server can start", "UDP 127.0.0.1:0", "no key in"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// A wrong file is refused with its name, the value and what is allowed.
func TestWrongFileIsOneSentence(t *testing.T) {
	for file, want := range map[string]string{
		"lissten = \"x\"":                `"lissten" is not a setting, did you mean "listen"?; allowed are: listen,`,
		"TLS_Listen = \"x\"":             `did you mean "tls-listen"?`,
		"colour = 1":                     `"colour" is not a setting; allowed are:`,
		"shards = \"4\"":                 `shards = "4" is not a whole number`,
		"shards = 1.5":                   `shards = "1.5" is not a whole number`,
		"ws-forwarded = 1":               `ws-forwarded = "1" is not true or false`,
		"node = 5":                       `node = "5" is not a text`,
		"sessions = 10000000":            `--sessions 10000000 is out of range; allowed is 1 to 1000000, or 0 for the default (--sessions is from /`,
		"relay-bits = 99999999999":       `"99999999999" (--relay-bits is from /`,
		"listen = \"a\"\nlisten = \"b\"": "line 2: Key 'listen' has already been defined",
		"\x00\xc9\xff":                   "line 1: ",
		"check = true":                   `"check" is not a setting`,
		"listen =":                       "line 1: ",
		"[listen]\nx = 1":                "listen is a table or a date",
		"listen = \"nowhere\"":           `--listen "nowhere" is not an address with a port`,
		"region = \"EU\"":                `--region "EU" is not a region: allowed is one letter`,
		"log-level = \"loud\"":           "--log-level must be one of",
		"limits = \"none\"":              `--limits "none" is unknown; allowed is: lab`,
		"stun-ports = [\"http\"]":        "--stun-ports",
		"admin = \":3480\"":              `--admin ":3480" names no address`,
	} {
		code, _, errs := checked(t, file)
		if strings.Count(errs, "musubi.toml") != 1 { // the source is named, once
			t.Errorf("%q: %q", file, errs)
		}
		if code != exitUsage || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q", file, code, errs)
		}
	}
	var o, e bytes.Buffer
	if code := run([]string{"server", "--config", "/nowhere/x.toml"}, streams{&o, &e}); code != exitUsage || !strings.Contains(e.String(), "there is no such file") {
		t.Errorf("a missing file: exit %d, %q", code, &e)
	}
}

// A wrong value is refused with its source wherever it comes from, and --check and the start say the same.
func TestWrongValueNamesItsSource(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"MUSUBI_SHARDS", "x", `--shards: expected a valid 64 bit int but got "x" (from envar MUSUBI_SHARDS="x")`},
		{"MUSUBI_LOG_LEVEL", "loud", `--log-level must be one of "debug","info","warn","error" but got "loud" (--log-level is from MUSUBI_LOG_LEVEL)`},
		{"MUSUBI_CAPACITY", "-1", "--capacity -1 is out of range; allowed is 1 to 1000000, or 0 for the default (--capacity is from MUSUBI_CAPACITY)"},
		{"MUSUBI_CONFIG", "/", "--config / can't be read: read /: is a directory"},
		{"MUSUBI_DATA", "/proc/none", "--data /proc/none: the "},
	} {
		t.Setenv(c.name, c.value)
		var told [2]string
		for i, args := range [][]string{{"server", "--listen", "127.0.0.1:0", "--check"}, {"server", "--listen", "127.0.0.1:0"}} {
			var o, e bytes.Buffer
			if c.name != "MUSUBI_DATA" {
				args = append(args, "--data", t.TempDir())
			}
			if code := run(args, streams{&o, &e}); code == 0 || !strings.Contains(e.String(), c.want) || strings.Count(e.String(), "\n") != 1 {
				t.Errorf("%s=%s: exit %d, %q", c.name, c.value, code, &e)
			}
			told[i] = e.String()
		}
		if c.name != "MUSUBI_DATA" && told[0] != told[1] {
			t.Errorf("--check says %q, the start %q", told[0], told[1])
		}
		os.Unsetenv(c.name)
	}
}
