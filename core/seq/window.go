package seq

// Window remembers which packet numbers were accepted, so that none is accepted twice: the ring of RFC 6479, by bits.
// The zero value is ready. It spans MinWindow numbers below the largest and doubles up to MaxWindow when packets
// arrive later than half of the span, which happens at high rates over paths that reorder. Numbers below the span
// count as seen: whoever is that late is indistinguishable from a replay.
//
// Call Fresh before, Accept after authentication; Accept is only for numbers that are Fresh.
type Window struct {
	ring    []uint64 // bit n mod span is set if n was accepted, for n in (largest-span, largest]; nil: nothing yet, or shut
	largest uint64
	shut    bool // every number up to largest counts as seen
}

// Spans of a window, in packet numbers; both are powers of two.
const (
	MinWindow = 1024
	MaxWindow = 8192
)

// Largest is the highest number accepted; false when there is none yet.
func (w *Window) Largest() (uint64, bool) { return w.largest, w.ring != nil || w.shut }

// Shut gives the window's memory back: what was not accepted so far never will be. As long as numbers follow each other
// it takes none again.
func (w *Window) Shut() { w.shut, w.ring = w.shut || w.ring != nil, nil }

// Fresh reports whether n was certainly not accepted before.
func (w *Window) Fresh(n uint64) bool {
	switch _, any := w.Largest(); {
	case !any || n > w.largest:
		return true
	case w.shut:
		return false
	}
	return w.largest-n < w.span() && !w.get(n)
}

// Accept marks n as seen. Only the first call, the first gap after Shut and the rare doubling allocate.
func (w *Window) Accept(n uint64) {
	if w.shut && n == w.largest+1 {
		w.largest = n
		return
	}
	if w.shut { // a gap: what lies in it may still come
		w.open()
	}
	switch {
	case w.ring == nil:
		w.ring = make([]uint64, MinWindow/64)
		w.largest = n
	case n > w.largest:
		w.forget(n - w.largest)
		w.largest = n
	case w.largest-n >= w.span():
		return // below the window: Fresh said no
	case w.largest-n >= w.span()/2 && w.span() < MaxWindow:
		w.grow()
	}
	w.ring[n/64%uint64(len(w.ring))] |= 1 << (n % 64)
}

// open makes a ring of a window that is shut, with everything in it seen.
func (w *Window) open() {
	w.shut, w.ring = false, make([]uint64, MinWindow/64)
	for i := range w.ring {
		w.ring[i] = ^uint64(0)
	}
}

func (w *Window) span() uint64 { return uint64(len(w.ring)) * 64 }

func (w *Window) get(n uint64) bool {
	return w.ring[n/64%uint64(len(w.ring))]>>(n%64)&1 != 0
}

// forget clears the bits of the count numbers above largest, whole words at a time where it can.
func (w *Window) forget(count uint64) {
	if count >= w.span() {
		clear(w.ring)
		return
	}
	for n := w.largest + 1; count > 0; {
		word := n / 64 % uint64(len(w.ring))
		if n%64 == 0 && count >= 64 {
			w.ring[word] = 0
			n, count = n+64, count-64
			continue
		}
		w.ring[word] &^= 1 << (n % 64)
		n, count = n+1, count-1
	}
}

// grow doubles the span. The lower half of the new span was forgotten before, so it counts as seen.
func (w *Window) grow() {
	old := *w
	w.ring = make([]uint64, 2*len(old.ring))
	for d := range w.span() {
		n := old.largest - d
		if d > old.largest {
			break
		}
		if d >= old.span() || old.get(n) {
			w.ring[n/64%uint64(len(w.ring))] |= 1 << (n % 64)
		}
	}
}
