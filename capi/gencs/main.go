// gencs turns include/musubi.h into the part of the C# binding that repeats it: enums, constants, blittable structs and
// DllImports, with the header's comments as XML documentation. Run it after every change of the header:
//
//	go generate ./capi/gencs
//
// A test fails while the committed file is another one.
package main

import (
	"fmt"
	"os"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

//go:generate go run .

// From this directory, where go generate and go test run.
const (
	headerPath = "../../include/musubi.h"
	outputPath = "../../unity/Runtime/Core/NativeMethods.g.cs"
)

func main() {
	text, err := generate(headerPath)
	if err == nil {
		err = os.WriteFile(outputPath, []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gencs:", err)
		os.Exit(1)
	}
}

// generate is the whole file for a header.
func generate(path string) (string, error) {
	h, err := cheader.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text, err := emit(h)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}
