package load

import (
	"os/exec"
	"syscall"
)

// dieWithUs keeps a server from outliving a bench that was killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
