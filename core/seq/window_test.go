package seq

import (
	"math"
	"math/rand"
	"testing"
)

func TestWindowAcceptsEachNumberOnce(t *testing.T) {
	var w Window
	if _, any := w.Largest(); any || !w.Fresh(0) || !w.Fresh(math.MaxUint64) {
		t.Fatal("an empty window must take any number")
	}
	for _, n := range []uint64{5, 4, 6, 0, 1000, 999, 1023} {
		if !w.Fresh(n) {
			t.Fatalf("%d is new", n)
		}
		w.Accept(n)
		if w.Fresh(n) {
			t.Fatalf("%d was accepted already", n)
		}
	}
	if l, ok := w.Largest(); !ok || l != 1023 {
		t.Fatalf("largest is %d", l)
	}
}

func TestWindowEdges(t *testing.T) {
	var w Window
	w.Accept(10_000)
	if !w.Fresh(10_000-MinWindow+1) || w.Fresh(10_000-MinWindow) {
		t.Fatal("the window spans exactly MinWindow numbers")
	}
	w.Accept(10_000 + MinWindow) // everything remembered falls out
	if w.Fresh(10_000) || !w.Fresh(10_001) {
		t.Fatal("a jump moves the window and forgets no more than it must")
	}
	w.Accept(math.MaxUint64) // no wrap, no endless loop at the far end
	if w.Fresh(math.MaxUint64) || !w.Fresh(math.MaxUint64-1) || w.Fresh(0) {
		t.Fatal("at the end of the number space")
	}
}

// A number that had already fallen below the window must stay refused after the window has grown.
func TestWindowGrowsWithoutForgetting(t *testing.T) {
	var w Window
	w.Accept(0)
	w.Accept(100)
	w.Accept(3000)
	w.Accept(3000 - MinWindow/2) // late by half a span: grows
	if w.span() != 2*MinWindow {
		t.Fatalf("span is %d", w.span())
	}
	for _, n := range []uint64{0, 100, 101, 1976, 3000, 3000 - MinWindow/2} {
		if w.Fresh(n) {
			t.Fatalf("%d is fresh after growing", n)
		}
	}
	if !w.Fresh(1977) || !w.Fresh(2999) {
		t.Fatal("numbers inside the old window that were not seen stay fresh")
	}
	for n := uint64(4000); n < 400_000; n += 2 { // steady lateness takes it to the limit and no further
		w.Accept(n)
		if late := n + 1 - w.span()/2 - 1; w.Fresh(late) {
			w.Accept(late)
		}
	}
	if w.span() != MaxWindow {
		t.Fatalf("span is %d, not the most", w.span())
	}
}

// Against a map: the window never calls a seen number fresh, and never refuses a new one inside its span.
func TestWindowAgainstModel(t *testing.T) {
	for seed := range int64(50) {
		rng := rand.New(rand.NewSource(seed))
		var w Window
		seen := map[uint64]bool{}
		below, shut := uint64(0), false // numbers up to below were given up
		at := uint64(rng.Intn(5000))
		for range 5000 {
			at += uint64(rng.Intn(4))
			if rng.Intn(500) == 0 {
				at += uint64(rng.Intn(20_000))
			}
			n := at - min(at, uint64(rng.ExpFloat64()*100))
			fresh := w.Fresh(n)
			if fresh && seen[n] {
				t.Fatalf("seed %d: %d accepted twice", seed, n)
			}
			if l, ok := w.Largest(); !fresh && !seen[n] && ok && l-n < MinWindow && (!shut || n > below) {
				t.Fatalf("seed %d: %d refused %d below the largest", seed, n, l-n)
			}
			if fresh {
				w.Accept(n)
				seen[n] = true
			}
			if seed%2 > 0 && rng.Intn(10) == 0 {
				w.Shut()
				below, shut = w.Largest()
			}
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	b.ReportAllocs()
	var w Window
	for n := uint64(0); b.Loop(); n++ {
		if w.Fresh(n) {
			w.Accept(n)
		}
	}
}
