package node

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Spawn starts f in a goroutine. It is the only way in which the library starts one, because a panic that nobody
// recovers would end the game's process: here it goes to failed, as a sentence, and the goroutine ends.
func Spawn(f func(), failed func(text string)) {
	go func() {
		if text := guard(f); text != "" {
			guard(func() { failed(text) })
		}
	}()
}

// panicError hands the text of a panic beside the owner over to the owner, which goes on panicking with it: whatever
// goroutine of the client meets a bug, the client fails and says so.
type panicError string

func (e panicError) Error() string { return string(e) }

// carryOn panics if err is another goroutine's panic.
func carryOn(err error) {
	if p, ok := err.(panicError); ok {
		panic(p)
	}
}

// guard runs f and returns an empty text, or what f panicked with and where.
func guard(f func()) (text string) {
	defer func() {
		r := recover()
		if p, ok := r.(panicError); ok {
			text = string(p) // it has its place already
		} else if r != nil {
			const most = 300 // bytes; a panic's value may be anything
			value := fmt.Sprint(r)
			value = strings.ToValidUTF8(value[:min(len(value), most)], "")
			text = "internal error: " + value + panicSite()
		}
	}()
	f()
	return ""
}

// panicSite names the line that panicked. It is called from the deferred function that recovers.
func panicSite() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicking := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(f.Function, "runtime."): // below the runtime's own frames
			return fmt.Sprintf(" (in %s, %s:%d)", filepath.Base(f.Function), filepath.Base(f.File), f.Line)
		case !more:
			return ""
		}
	}
}
