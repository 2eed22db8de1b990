package server

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// keyFile in the data directory holds the master key: 32 random bytes in base64url and a newline. Everything secret
// that a server has comes from it, and its address too: whoever has it is the server.
const keyFile = "master.key"

// loadKey reads the master key, or makes one at the first start.
func loadKey(dir string, log *slog.Logger) (key [32]byte, err error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(dir, path); err != nil {
			return key, err
		}
		log.Info("made a new master key; keep a copy, since the server's address depends on it", "file", path)
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return key, fmt.Errorf("--data %s: the master key can't be read: %w", dir, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("other users of this machine can read the master key; do: chmod 600", "file", path)
	}
	return readKey(path, text)
}

// readKey understands the file's text.
func readKey(path string, text []byte) (key [32]byte, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("the master key in %s is damaged: it should be one line of 43 letters, digits, - and _; put back a copy, or remove it and give players the new address", path)
	}
	copy(key[:], raw)
	return key, nil
}

// makeKey writes a new key.
func makeKey(dir, path string) error {
	fail := func(err error) error {
		return fmt.Errorf("--data %s: the master key can't be kept there: %w; choose a directory that this user may write to", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	var key [32]byte
	rand.Read(key[:]) // never fails: it ends the process instead
	if err := putFile(path, []byte(base64.RawURLEncoding.EncodeToString(key[:])+"\n")); err != nil {
		return fail(err)
	}
	return nil
}

// putFile makes a file for this user alone that is there whole or not at all, and never replaces another: of two servers that
// start at once, one wins and the other reads what the winner wrote.
func putFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
