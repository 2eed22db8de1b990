//go:build cgo && !linux

package main

/*
#define MUSUBI_CGO 1
#include "layout.h"
extern void musubi_futex_wake(musubi_a32 *word);
*/
import "C"

import (
	"sync/atomic"
	"unsafe"
)

func futexWake(word *atomic.Uint32) { C.musubi_futex_wake((*C.musubi_a32)(unsafe.Pointer(word))) }
