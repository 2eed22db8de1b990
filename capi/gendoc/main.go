// Command gendoc writes docs/API.md and docs/ERRORS.md from include/musubi.h: ./build.sh docs. A test fails when they differ.
//
//	gendoc HEADER API ERRORS
package main

import (
	"fmt"
	"os"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: gendoc HEADER API ERRORS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run(header, functions, codes string) error {
	h, err := cheader.ReadFile(header)
	if err != nil {
		return err
	}
	for path, document := range map[string]func(*cheader.Header) (string, error){functions: reference, codes: errorReference} {
		text, err := document(h)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
