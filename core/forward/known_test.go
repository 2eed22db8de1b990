package forward

import (
	"math/rand/v2"
	"testing"
)

// A hundred thousand links are known but for a few, each until its end, and no id that nobody has.
func TestKnownLinks(t *testing.T) {
	k, rng := NewKnown(), rand.New(rand.NewPCG(3, 4))
	ids := map[uint32]bool{}
	for len(ids) < 100_000 {
		id := rng.Uint32()
		if id == 0 || ids[id] {
			continue
		}
		ids[id] = true
		k.Add(id)
	}
	missing := 0
	for id := range ids {
		if !k.Has(id) {
			missing++
		}
	}
	if missing > 50 {
		t.Errorf("%d of %d links are not known", missing, len(ids))
	}
	for range 100_000 {
		if id := rng.Uint32(); k.Has(id) && !ids[id] {
			t.Fatalf("%x is known", id)
		}
	}
	for id := range ids {
		k.Remove(id)
	}
	for i := range k.buckets {
		for j := range k.buckets[i] {
			if k.buckets[i][j].Load() != 0 {
				t.Fatal("something is left")
			}
		}
	}
	if k.Has(0) {
		t.Error("zero is known")
	}
}
