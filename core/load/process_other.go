//go:build !linux

package load

import "os/exec"

// dieWithUs: other systems have no such thing; Stop ends the server.
func dieWithUs(*exec.Cmd) {}

// standBack: other systems' threads can't be told one by one.
func standBack() {}
