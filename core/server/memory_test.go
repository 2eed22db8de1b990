package server

import (
	"testing"
	"time"
)

// A crowd comes to a small server, stays, and half of it goes: garbage is at most 64 MB or a quarter of what lives, and once
// after each storm, when it is calm, everything is given back.
func TestMemoryIsKeptSmall(t *testing.T) {
	now, k := time.Unix(1000, 0), keeper{percent: mostPercent}
	var allocated uint64
	second := func(live, more uint64) (percent int, collect bool) {
		now = now.Add(lookEvery)
		allocated += more
		return k.look(now, live, allocated)
	}
	if p, c := second(5<<20, 1<<20); p != 0 || c {
		t.Fatalf("a server without players: %d %%, %v", p, c)
	}
	if p, _ := second(64<<20, 30<<20); p != 100 {
		t.Fatalf("64 MB live: %d %%", p)
	}
	if p, _ := second(66<<20, 30<<20); p != 0 {
		t.Fatalf("a change for 2 MB: %d %%", p)
	}
	if p, _ := second(240<<20, 30<<20); p != 26 {
		t.Fatalf("240 MB live: %d %%", p)
	}
	if p, _ := second(2<<30, 30<<20); p != 0 {
		t.Fatalf("2 GB live: %d %%", p)
	}
	for i := range 9 {
		if _, c := second(2<<30, 1<<20); c {
			t.Fatalf("collects %d s after the storm", i+1)
		}
	}
	if _, c := second(2<<30, 1<<20); !c {
		t.Fatal("does not collect when it is calm")
	}
	for range 1000 {
		if _, c := second(1<<30, 1<<20); c {
			t.Fatal("collects again without a storm between")
		}
	}
}
