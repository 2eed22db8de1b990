package bus

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
)

func TestDoubtfulVersions(t *testing.T) {
	for version, want := range map[string]bool{"2.9.10": true, "2.9.20": true, "2.9.21": false, "2.10.0": false, "2.15.2": false, "3.0.1": false,
		"2.8.4": true, "1.4.1": true, "2.9.21-beta.1": false, "": false, "new": false} {
		if doubtful(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// Two servers were told yes for the same room, as Debian 12's NATS does now and then: only the later one goes on believing it.
func TestOnlyTheLaterYesHolds(t *testing.T) {
	core, err := StartCore(CoreConfig{Name: "a", Data: t.TempDir(), Password: "secret", Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(core.Close)
	e := newEnd(t, "a", 1, core, "")
	e.until(10*time.Second, "the bus is up", func() bool { return e.bus.buckets.Load() != nil })
	kv, ctx := e.bus.buckets.Load().rooms, t.Context()
	first, err := kv.Put(ctx, "E4K7Q2XM", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := kv.Put(ctx, "E4K7Q2XM", []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if r := outcome(confirm(ctx, kv, "E4K7Q2XM", first)); r != cluster.Conflict {
		t.Errorf("the first: %v", r)
	}
	if r := outcome(confirm(ctx, kv, "E4K7Q2XM", second)); r != cluster.Done {
		t.Errorf("the second: %v", r)
	}
	if r := outcome(confirm(ctx, kv, "ANOTHER", 1)); r != cluster.Failed {
		t.Errorf("a key that is gone: %v", r)
	}
}
