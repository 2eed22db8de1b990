package seq

// RecentSize is how many numbers below the largest seen a Recent remembers.
const RecentSize = 4096

// Recent remembers which of the last RecentSize message ids were seen; anything older counts as seen. The zero value
// is usable. Unlike Window it is about messages, not packets, so nothing secret depends on it.
type Recent struct {
	bits    [RecentSize / 64]uint64
	largest uint64
	any     bool
}

// Largest is the largest number accepted so far; ok is false when there is none.
func (w *Recent) Largest() (n uint64, ok bool) { return w.largest, w.any }

// Fresh reports whether n was not accepted yet and is not too old to tell.
func (w *Recent) Fresh(n uint64) bool {
	switch {
	case !w.any || n > w.largest:
		return true
	case w.largest-n >= RecentSize:
		return false
	}
	return w.bits[n/64%uint64(len(w.bits))]>>(n%64)&1 == 0
}

// Accept marks n as seen.
func (w *Recent) Accept(n uint64) {
	switch {
	case !w.any:
		w.any, w.largest = true, n
	case n > w.largest:
		w.advance(n)
	case w.largest-n >= RecentSize:
		return
	}
	w.bits[n/64%uint64(len(w.bits))] |= 1 << (n % 64)
}

// advance makes n the largest and forgets the ids whose bits are used again.
func (w *Recent) advance(n uint64) {
	if n-w.largest >= RecentSize {
		w.bits = [RecentSize / 64]uint64{}
	} else {
		for i := w.largest + 1; i <= n; i++ {
			if i%64 == 0 && n-i >= 64 { // a whole word at a time
				w.bits[i/64%uint64(len(w.bits))] = 0
				i += 63
				continue
			}
			w.bits[i/64%uint64(len(w.bits))] &^= 1 << (i % 64)
		}
	}
	w.largest = n
}

// Expand16 finds the number nearest to near whose low 16 bits are low. Of two at the same distance it takes the larger;
// it never goes below zero.
func Expand16(near uint64, low uint16) uint64 {
	n := near + uint64(int64(int16(low-uint16(near))))
	if n > near && n-near > 1<<15 { // wrapped below zero
		n += 1 << 16
	}
	if low-uint16(near) == 1<<15 && n < near {
		n += 1 << 16
	}
	return n
}
