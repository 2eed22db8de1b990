package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestMasterKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	// Many servers start at once on an empty directory: all must end up with one key.
	keys := make([][32]byte, 8)
	var ended sync.WaitGroup
	for i := range keys {
		ended.Go(func() {
			var err error
			if keys[i], err = loadKey(dir, quiet()); err != nil {
				t.Error(err)
			}
		})
	}
	ended.Wait()
	for _, k := range keys {
		if k != keys[0] || k == [32]byte{} {
			t.Fatalf("keys differ: %x", keys)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("left in the directory: %v", entries)
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if d, _ := os.Stat(dir); d.Mode().Perm() != 0o700 {
		t.Errorf("directory has %v", d.Mode())
	}
}

// A damaged key is never replaced: players would be locked out without anybody having decided so.
func TestDamagedKeyIsASentence(t *testing.T) {
	good := strings.Repeat("A", 43)
	for text, ok := range map[string]bool{
		good + "\n": true, good: true, good + "\r\n": true,
		"": false, good[:42]: false, good + "A": false, strings.Repeat("A", 42) + "B": false, "not a key": false, strings.Repeat("\x00", 32): false,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, keyFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadKey(dir, quiet())
		if (err == nil) != ok || err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", text, err)
		}
		if after, _ := os.ReadFile(path); string(after) != text {
			t.Errorf("%q was changed to %q", text, after)
		}
	}
}

func TestReadableKeyIsWarnedOf(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte(strings.Repeat("A", 43)), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := loadKey(dir, slog.New(slog.NewTextHandler(&log, nil))); err != nil || !strings.Contains(log.String(), "chmod 600") {
		t.Errorf("%v, %s", err, &log)
	}
}
