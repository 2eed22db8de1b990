package relay

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

var (
	nodeA, nodeB   = netip.MustParseAddrPort("192.0.2.1:3478"), netip.MustParseAddrPort("192.0.2.2:3478")
	aliceAt, bobAt = netip.MustParseAddrPort("[100::1]:1"), netip.MustParseAddrPort("[100::2]:1") // streams of two nodes
)

// halves is a session of which each of two nodes has one player.
type halves struct {
	t          *testing.T
	now        time.Time
	a, b       *Server
	alice, bob uint32 // their handles
}

func newHalves(t *testing.T) *halves {
	h := &halves{t: t, now: time.Unix(1_700_000_000, 0)}
	h.a, h.b = NewServer(ServerConfig{Rand: seed(1)}), NewServer(ServerConfig{Rand: seed(2)})
	h.alice, _ = h.a.Prebind(h.now, [16]byte{7}, 0, KeyHash{1}, aliceAt, wire.RelayRate{})
	h.bob, _ = h.b.Prebind(h.now, [16]byte{7}, 1, KeyHash{2}, bobAt, wire.RelayRate{})
	return h
}

func never(netip.AddrPort) bool { return false }

// join makes each node's half known to the other one.
func (h *halves) join() {
	h.t.Helper()
	x, alone, ok := h.a.Half([16]byte{7}, 0)
	y, _, there := h.b.Half([16]byte{7}, 1)
	if !ok || !there || !alone || !h.b.Bridge(h.now, &x, nodeA, never) || !h.a.Bridge(h.now, &y, nodeB, never) {
		h.t.Fatalf("no bridge: %+v %v %v, %+v %v", x, alone, ok, y, there)
	}
}

// crosses sends from alice to bob and back, through both nodes.
func (h *halves) crosses() (ok bool) {
	b := packet(h.alice, 1)
	to, ok := h.a.Forward(h.now, aliceAt, b)
	if !ok || to != nodeB {
		return false
	}
	if to, ok = h.b.Forward(h.now, nodeA, b); !ok || to != bobAt || binary.BigEndian.Uint32(b[1:]) != h.bob {
		return false
	}
	if to, ok = h.b.Forward(h.now, bobAt, b); !ok || to != nodeA {
		return false
	}
	to, ok = h.a.Forward(h.now, nodeB, b)
	return ok && to == aliceAt && binary.BigEndian.Uint32(b[1:]) == h.alice
}

func TestTwoHalvesMakeARelay(t *testing.T) {
	h := newHalves(t)
	early := packet(h.alice, 1)
	if _, ok := h.a.Forward(h.now, aliceAt, early); ok {
		t.Fatal("sent to nobody")
	}
	h.join()
	kept, to, ok := h.a.AppendTransmit(nil)
	if !ok || to != nodeB { // what came before goes on, under the name that the other node knows
		t.Fatalf("nothing kept: %v %v", to, ok)
	}
	if to, ok := h.b.Forward(h.now, nodeA, kept); !ok || to != bobAt {
		t.Errorf("the kept packet goes to %v, %v", to, ok)
	}
	if !h.crosses() {
		t.Error("no way from one to the other and back")
	}
	b := packet(h.alice, 1)
	if _, ok := h.a.Forward(h.now, nodeB, b); ok {
		t.Error("a node may not speak for the player who is not there")
	}
}

// A player who is here does not lose its place to a half that another node still has, nor that node's to one with nothing newer to say;
// one who comes here himself is no bridge any more.
func TestBridgesAndPlayers(t *testing.T) {
	h := newHalves(t)
	h.join()
	old := Half{Session: [16]byte{7}, Leg: 0, Handle: 99}
	if h.a.Bridge(h.now, &old, nodeB, never) {
		t.Error("a player was displaced by an older word")
	}
	if h.a.Bridge(h.now, &Half{Session: [16]byte{8}, Handle: 99}, nodeB, never) || h.a.Bridge(h.now, &Half{Session: [16]byte{7}, Leg: 1}, nodeB, never) {
		t.Error("a bridge for a session that is not here, or without a handle")
	}
	if _, _, ok := h.a.Half([16]byte{7}, 1); ok {
		t.Error("a bridge is told as if its player were here")
	}
	handle, _ := h.a.Prebind(h.now, [16]byte{7}, 1, KeyHash{2}, bobAt, wire.RelayRate{}) // bob comes to a
	b := packet(h.alice, 1)
	if to, ok := h.a.Forward(h.now, aliceAt, b); !ok || to != bobAt || binary.BigEndian.Uint32(b[1:]) != handle {
		t.Errorf("to %v, %v", to, ok)
	}
	if !h.a.Bridge(h.now, &old, nodeB, func(at netip.AddrPort) bool { return at == aliceAt }) {
		t.Error("a stream that is no more keeps its place")
	}
	h.now = h.now.Add(IdleTime + time.Second)
	if h.a.HandleTimeout(h.now); h.a.Stats().Sessions != 0 || len(h.a.bridges) != 0 {
		t.Errorf("%d sessions and %d bridges after a minute of silence", h.a.Stats().Sessions, len(h.a.bridges))
	}
}
