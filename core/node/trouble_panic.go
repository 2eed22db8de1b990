//go:build musubi_test_panic

package node

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// In the test build the variable MUSUBI_TEST_PANIC, "PLACE TIMES KIND", says where to panic, at which visit, and with what:
// "text", or "nil" for a nil pointer, which reaches Go as a SIGSEGV. See bindings/c/tests/panic_test.c.
var (
	troublePlace, troubleKind string
	troubleAt                 int64
	troubleVisits             atomic.Int64
)

func init() {
	fmt.Sscanf(strings.TrimSpace(os.Getenv("MUSUBI_TEST_PANIC")), "%s %d %s", &troublePlace, &troubleAt, &troubleKind)
}

// Trouble panics if this is the place and the visit.
func Trouble(place string) {
	if place != troublePlace || troubleVisits.Add(1) != troubleAt {
		return
	}
	if troubleKind == "nil" {
		var none *owner
		none.held = true
	}
	panic("trouble in " + place)
}
