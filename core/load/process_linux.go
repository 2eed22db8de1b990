package load

import (
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// standBack gives the goroutine a thread of its own that lets all others of the machine go first: in truth idle's players are on
// machines of their own, and none of them keeps the server from a processor.
func standBack() {
	runtime.LockOSThread() // for good: the thread ends with its goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10)
}

// dieWithUs keeps a server from outliving a bench that was killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
