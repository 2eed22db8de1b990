//go:build linux && !race

package forward

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is room for n values without pointers, zeroed, for as long as owner lives. It comes from the system, which gives pages as they are touched: in
// Go's heap the whole of it would count as in use, and let garbage of the same size gather beside it.
func memory[T, O any](n int, owner *O) []T {
	var one T
	b, err := unix.Mmap(-1, 0, n*int(unsafe.Sizeof(one)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return make([]T, n)
	}
	runtime.AddCleanup(owner, func(b []byte) { unix.Munmap(b) }, b)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}
