// genmeta writes the .meta files of the Unity package: Unity keeps an asset's identity and import settings in them, and a package
// that is installed by git URL is read-only, so that each must be committed. Run it after adding a file below unity/:
//
//	go generate ./capi/genmeta
//
// A GUID comes from the file's path, so that two people who add the same file agree; a file that is moved with its .meta
// keeps the one that projects refer to. Tests fail while a .meta is missing, stale or without its file.
//
//	genmeta DIRECTORY    does the same for a copy of the package that also holds the native libraries (./build.sh dist)
//	genmeta -plugins     prints the native libraries that belong into it: target and path
package main

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:generate go run .

// packagePath is where the package lies, from this directory: there go generate and go test run.
const packagePath = "../../unity"

func main() {
	root := packagePath
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if root == "-plugins" {
		for _, name := range slices.Sorted(maps.Keys(plugins)) {
			fmt.Println(plugins[name].target, name)
		}
		return
	}
	metas, err := generate(root)
	if err == nil {
		err = write(root, metas)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "genmeta:", err)
		os.Exit(1)
	}
}

// generate is the text of every .meta that the package at root must have, by its path from there.
func generate(root string) (map[string]string, error) {
	metas := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		if name == "." {
			return nil
		}
		if hidden(d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".meta") {
			return nil
		}
		text, err := meta(name, d.IsDir(), guid(root, name))
		metas[name+".meta"] = text
		return err
	})
	return metas, err
}

// hidden says whether Unity ignores a file or folder: it has no .meta then.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~")
}

var guidLine = regexp.MustCompile(`(?m)^guid: ([0-9a-f]{32})$`)

// guid is that of the .meta that is there, or one made from the path. MD5 is a way to 128 bits here and guards nothing.
func guid(root, name string) string {
	if have, err := os.ReadFile(filepath.Join(root, name+".meta")); err == nil {
		if m := guidLine.FindSubmatch(have); m != nil {
			return string(m[1])
		}
	}
	return fmt.Sprintf("%x", md5.Sum([]byte("musubi unity package: "+name)))
}

// write puts the .meta files there, and takes away those whose file has gone.
func write(root string, metas map[string]string) error {
	for name, text := range metas {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	orphans, err := extra(root, metas)
	for _, name := range orphans {
		err = errors.Join(err, os.Remove(filepath.Join(root, name)))
	}
	return err
}

// extra are the .meta files that belong to nothing.
func extra(root string, metas map[string]string) ([]string, error) {
	var orphans []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err == nil && strings.HasSuffix(path, ".meta") && metas[filepath.ToSlash(name)] == "" {
			orphans = append(orphans, name)
		}
		return err
	})
	return orphans, err
}
