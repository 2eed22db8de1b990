//go:build !linux

package main

import (
	"fmt"
	"os"
)

// The NATs of the laboratory are the Linux kernel's: network namespaces, nftables, TUN devices. Nothing like them exists
// elsewhere, so that there is nothing to port; the simulator covers the same pairs on every system.
func main() {
	fmt.Fprintln(os.Stderr, "natlab: needs Linux: its NATs are the Linux kernel's own. `musubi demo` runs with simulated NATs everywhere.")
	os.Exit(exitCannot)
}
