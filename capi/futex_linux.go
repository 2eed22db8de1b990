//go:build cgo

package main

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futexWake is musubi_futex_wake without the way through C.
func futexWake(word *atomic.Uint32) {
	const wakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
	unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wakePrivate, 1<<31-1, 0, 0, 0)
}
