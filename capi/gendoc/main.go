// Command gendoc writes docs/API.md from include/musubi.h: ./build.sh docs. A test fails when the two differ.
//
//	gendoc HEADER DOCUMENT
package main

import (
	"fmt"
	"os"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gendoc HEADER DOCUMENT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run(header, document string) error {
	h, err := cheader.ReadFile(header)
	if err != nil {
		return err
	}
	text, err := reference(h)
	if err != nil {
		return err
	}
	return os.WriteFile(document, []byte(text), 0o644)
}
