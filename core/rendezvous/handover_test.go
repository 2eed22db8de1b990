package rendezvous

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// A room is handed over. Its state has left, and before the other node has it somebody comes in, and is then the first who comes to
// the next owner: it is no member that the state knew of, and the last of those still finds its place.
func TestNewcomerDuringAHandover(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var sealed []wire.RoomTicket
	node := func(seed byte) *Server {
		return NewServer(ServerConfig{Rand: seeded{rand.NewChaCha8([32]byte{seed})}, NoLimits: true,
			SealTicket: func(x *wire.RoomTicket) []byte {
				sealed = append(sealed, *x)
				return binary.BigEndian.AppendUint32(nil, uint32(len(sealed)-1))
			},
			OpenTicket: func(_ time.Time, b []byte) (wire.RoomTicket, bool) { return sealed[binary.BigEndian.Uint32(b)], true }})
	}
	ref := func(i int) LinkRef {
		return LinkRef{Link: uint32(i), Member: uint64(100 + i), App: "app", Key: [32]byte{byte(i)}, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 4000)}
	}
	before, after := node(1), node(2)
	const members, newcomer = 4, 5
	for i := 1; i <= newcomer; i++ {
		before.LinkUp(now, ref(i), false)
	}
	before.HandleSignal(now, ref(1), &wire.Signal{Type: wire.SigCreate, Request: 1, Max: 8})
	id := before.Rooms()[0]
	code, _ := before.Epoch(id)
	join := func(i int) {
		before.HandleSignal(now, ref(i), &wire.Signal{Type: wire.SigJoin, Request: 1, Text: code})
	}
	for i := 2; i <= members; i++ {
		join(i)
	}
	ticket, version, data := before.State(now, id)
	join(newcomer)
	gone := before.Drop(now, id)
	if len(gone) != newcomer || !after.Restore(now, ticket, 2, version, data) {
		t.Fatalf("%d members left", len(gone))
	}
	for _, i := range []int{newcomer, 1, 2, 3, 4} {
		after.LinkBack(now, ref(i))
		after.HandleSignal(now, ref(i), gone[i-1].Rejoin)
	}
	if n := len(after.rooms[id].members); n != newcomer || after.rooms[id].recovering() {
		t.Errorf("%d of %d are in the room again, recovering: %v", n, newcomer, after.rooms[id].recovering())
	}
}
