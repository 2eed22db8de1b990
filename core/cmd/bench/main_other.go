//go:build !linux

// Command bench measures Musubi beside other libraries. It runs on Linux only: network namespaces, TUN devices.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: this program runs on Linux only")
	os.Exit(1)
}
