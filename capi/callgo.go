//go:build musubi_test_call_go

package main

import "C"

import "time"

// musubiTestEnter makes musubi_poll enter Go for a while, as it must never do. Only the test build has it, so that the
// collector test can show why (bindings/c/tests/gc_host.c).
//
//export musubiTestEnter
func musubiTestEnter() {
	for start := time.Now(); time.Since(start) < 50*time.Microsecond; {
	}
}
