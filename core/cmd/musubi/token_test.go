package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// A key is made, a token is minted with it, and inspect says what a server would.
func TestTokenCommands(t *testing.T) {
	musubi := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(args, streams{&o, &e}); code != want {
			t.Fatalf("musubi %s: exit %d, %s%s", strings.Join(args, " "), code, &o, &e)
		}
		return o.String(), e.String()
	}
	for _, alg := range []string{"EdDSA", "HS256"} {
		pair, _ := musubi(0, "token", "keygen", "--kid", "studio", "--alg", alg)
		file := t.TempDir() + "/key"
		if err := os.WriteFile(file, []byte(pair), 0o600); err != nil {
			t.Fatal(err)
		}
		_, public, _ := strings.Cut(pair, "server ")
		public, _, _ = strings.Cut(public, "\n")
		made, _ := musubi(0, "token", "mint", "--key", file, "--app", "racer", "--sub", "user-1", "--room", "EABC*", "--perm", "join", "--relay", "500", "--priv", "relay-only")
		made = strings.TrimSpace(made)
		if out, _ := musubi(0, "token", "inspect", made, "--auth-key", public); !strings.Contains(out, "good   for user user-1 of app racer") {
			t.Error(out)
		}
		if out, _ := musubi(0, "token", "inspect", made); !strings.Contains(out, "not checked") {
			t.Error(out)
		}
		if _, errs := musubi(exitFailed, "token", "inspect", changed(made), "--auth-key", public); !strings.Contains(errs, "signature does not match") {
			t.Error(errs)
		}
		if _, errs := musubi(exitUsage, "token", "mint", "--key", file, "--sub", "u", "--life", "48h"); !strings.Contains(errs, "more than 24 hours") {
			t.Error(errs)
		}
		if _, errs := musubi(exitUsage, "token", "mint", "--key", file, "--sub", "u", "--perm", "fly"); !strings.Contains(errs, `"fly"`) {
			t.Error(errs)
		}
		if _, errs := musubi(exitUsage, "token", "mint", "--key", file, "--sub", "u", "--identity"); !strings.Contains(errs, "needs --cnf") {
			t.Error(errs)
		}
		cnf := strings.Repeat("A", 43)
		if alg == "EdDSA" {
			if out, _ := musubi(0, "token", "mint", "--key", file, "--sub", "u", "--identity", "--cnf", cnf); strings.Count(out, ".") != 2 {
				t.Error(out)
			}
		}
	}
	if _, errs := musubi(exitUsage, "token", "mint", "--key", "/does/not/exist", "--sub", "u"); !strings.Contains(errs, "can't be read") {
		t.Error(errs)
	}
	if _, errs := musubi(exitFailed, "token", "inspect", "rubbish"); !strings.Contains(errs, "not a JWS") {
		t.Error(errs)
	}
}

// changed is a token with one other character in its signature.
func changed(t string) string {
	b := []byte(t)
	if c := &b[len(b)-20]; *c == 'A' {
		*c = 'B'
	} else {
		*c = 'A'
	}
	return string(b)
}
