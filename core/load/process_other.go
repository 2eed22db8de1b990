//go:build !linux

package load

import "os/exec"

// dieWithUs: other systems have no such thing; Stop ends the server.
func dieWithUs(*exec.Cmd) {}
