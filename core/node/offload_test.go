package node

import (
	"net/netip"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
)

// A peer's datagrams that fail here and there say nothing of offload; half a row of them between two snapshots ends it.
func TestSpoiledRowsEndOffload(t *testing.T) {
	st := newStage(t, Config{}, nil)
	defer st.loop.Close()
	if _, err := st.loop.Open(api.MainSocket, netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	if gso, _ := st.loop.Offload(); !gso {
		t.Skip("no segmentation offload here")
	}
	for range 10 { // a few at a time, however many in all
		st.engine.spoiled += spoiledBurst - 1
		st.owner.snapshot(7)
	}
	st.engine.spoiled = 0 // another connection of the same slot
	st.owner.snapshot(7)
	if gso, _ := st.loop.Offload(); !gso || len(st.owner.out.own) != 0 {
		t.Fatal("offload was given up without a reason")
	}
	st.engine.spoiled += spoiledBurst
	st.owner.snapshot(7)
	if gso, gro := st.loop.Offload(); gso || gro || len(st.owner.out.own) != 1 {
		t.Fatalf("offload %v %v, %d events", gso, gro, len(st.owner.out.own))
	}
}
