package seq

import (
	"math/rand"
	"testing"
)

// The model of a set of ranges is a plain array of booleans.
const modelSize = 300

func checkRanges(t *testing.T, s *Ranges, model *[modelSize]bool) {
	t.Helper()
	previous := Range{}
	for i := range s.Len() {
		r := s.At(i)
		if r.Low >= r.High || (i > 0 && r.Low <= previous.High) {
			t.Fatalf("range %d is %v after %v", i, r, previous)
		}
		previous = r
	}
	for n, want := range model {
		if s.Contains(uint64(n)) != want {
			t.Fatalf("contains %d: %v, want %v (%v)", n, !want, want, s.list)
		}
	}
}

// playRanges does to a set and to the model what the bytes say, three per step.
func playRanges(t *testing.T, script []byte) {
	var s Ranges
	var model [modelSize]bool
	for ; len(script) >= 3; script = script[3:] {
		low := uint64(script[1])
		high := low + uint64(script[2]%40)
		switch script[0] % 8 {
		default:
			fresh := uint64(0)
			for n := low; n < high; n++ {
				if !model[n] {
					fresh++
				}
				model[n] = true
			}
			if added := s.Add(low, high); added != fresh {
				t.Fatalf("add [%d,%d): %d new, want %d", low, high, added, fresh)
			}
		case 4, 5:
			for n := low; n < high; n++ {
				model[n] = false
			}
			s.Remove(low, high)
		case 6:
			low /= 4
			for n := range low {
				model[n] = false
			}
			s.RemoveBelow(low)
		case 7:
			limit := int(script[2]%8) + 1
			for i := 0; i < s.Len()-limit; i++ {
				for n := s.At(i).Low; n < s.At(i).High; n++ {
					model[n] = false
				}
			}
			s.KeepHighest(limit)
		}
		covered := true
		for n := low; n < high; n++ {
			covered = covered && model[n]
		}
		if s.Covers(low, high) != covered {
			t.Fatalf("covers [%d,%d): %v", low, high, !covered)
		}
		checkRanges(t, &s, &model)
	}
}

func TestRangesAgainstModel(t *testing.T) {
	for seed := range int64(200) {
		script := make([]byte, 300)
		rand.New(rand.NewSource(seed)).Read(script)
		playRanges(t, script)
	}
}

func FuzzRanges(f *testing.F) {
	f.Add([]byte{0, 10, 5, 0, 20, 5, 0, 15, 5, 4, 12, 3, 7, 0, 1})
	f.Fuzz(playRanges)
}

func TestRangesKeepTheirMemory(t *testing.T) {
	var s Ranges
	allocs := testing.AllocsPerRun(100, func() {
		for n := range uint64(20) {
			s.Add(n*3, n*3+1)
		}
		s.Clear()
	})
	if allocs != 0 {
		t.Fatalf("%v allocations a run", allocs)
	}
}

func TestRingAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var ring Ring[int]
	var model []int
	for step := range 20000 {
		if rng.Intn(5) < 3 && len(model) < 500 || len(model) == 0 {
			ring.Push(step)
			model = append(model, step)
		} else if got := ring.Pop(); got != model[0] {
			t.Fatalf("pop %d, want %d", got, model[0])
		} else {
			model = model[1:]
		}
		if ring.Len() != len(model) {
			t.Fatalf("length %d, want %d", ring.Len(), len(model))
		}
		if i := step % 7; i < len(model) && *ring.At(i) != model[i] {
			t.Fatalf("element %d is %d, want %d", i, *ring.At(i), model[i])
		}
	}
}

// playRecent compares Recent with a map that forgets nothing.
func playRecent(t *testing.T, script []byte) {
	var w Recent
	seen := map[uint64]bool{}
	at := uint64(70000)
	for ; len(script) >= 2; script = script[2:] {
		step := int64(int8(script[0])) * (1 + int64(script[1]%64))
		n := uint64(max(0, int64(at)+step))
		largest, any := w.Largest()
		want := !seen[n] && (!any || n > largest || largest-n < RecentSize)
		if got := w.Fresh(n); got != want {
			t.Fatalf("fresh %d: %v, largest %d", n, got, largest)
		}
		w.Accept(n)
		seen[n] = true
		if w.Fresh(n) {
			t.Fatalf("%d is fresh after accept", n)
		}
		if largest, _ := w.Largest(); script[1]&1 == 0 {
			at = largest
		}
	}
}

func TestRecentAgainstModel(t *testing.T) {
	for seed := range int64(100) {
		script := make([]byte, 2000)
		rand.New(rand.NewSource(seed)).Read(script)
		playRecent(t, script)
	}
}

func FuzzRecent(f *testing.F) {
	f.Add([]byte{1, 0, 255, 1, 127, 62, 128, 62, 3, 3})
	f.Fuzz(playRecent)
}

func TestExpand16(t *testing.T) {
	for _, c := range []struct {
		near uint64
		low  uint16
		want uint64
	}{
		{0, 0, 0}, {0, 5, 5}, {5, 0, 0}, {0, 0xffff, 0xffff}, {65535, 0, 65536}, {65536, 0xffff, 65535},
		{70000, uint16(70000 & 0xffff), 70000}, {1 << 20, 0x7fff, 1<<20 + 0x7fff}, {1 << 20, 0x8001, 1<<20 - 0x7fff},
		{1 << 20, 0x8000, 1<<20 + 0x8000}, {10, 0x9000, 0x9000},
	} {
		if got := Expand16(c.near, c.low); got != c.want {
			t.Errorf("near %d low %#x: %d, want %d", c.near, c.low, got, c.want)
		}
	}
}
