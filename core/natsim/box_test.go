package natsim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

var (
	start  = time.Unix(1000, 0)
	wan    = netip.MustParseAddr("198.51.100.1")
	inner  = netip.MustParseAddrPort("192.168.1.2:40000")
	second = netip.MustParseAddrPort("192.168.1.3:40000") // same port, another host
	peerA  = netip.MustParseAddrPort("203.0.113.1:3478")
	peerA2 = netip.MustParseAddrPort("203.0.113.1:3479")
	peerB  = netip.MustParseAddrPort("192.0.2.1:5000")
)

func box(t *testing.T, preset string) *Box {
	t.Helper()
	cfg, ok := Preset(preset)
	if !ok {
		t.Fatalf("no preset %q", preset)
	}
	return New(cfg, wan, rand.New(rand.NewPCG(1, 2)))
}

// out sends a packet from inside and returns its outer source.
func out(t *testing.T, b *Box, now time.Time, src, dst netip.AddrPort) netip.AddrPort {
	t.Helper()
	p, ok := b.Outbound(now, Packet{Src: src, Dst: dst, TTL: DefaultTTL})
	if !ok || p.Dst != dst || p.Src.Addr() != wan {
		t.Fatalf("outbound to %v: %+v %v", dst, p, ok)
	}
	return p.Src
}

// in reports whether a packet from outside reaches the inner address.
func in(b *Box, now time.Time, src, dst, want netip.AddrPort) bool {
	p, ok := b.Inbound(now, Packet{Src: src, Dst: dst, TTL: DefaultTTL})
	return ok && p.Dst == want
}

// Each preset's mapping and filtering, as RFC 4787's tests would find them.
func TestPresets(t *testing.T) {
	for _, c := range []struct {
		preset                    string
		translates, sameMapping   bool
		fromSame, samePort, other bool // does an answer pass: from where we sent, from its other port, from another host
	}{
		{"PUB", false, true, true, true, true},
		{"FW", false, true, true, false, false},
		{"FC", true, true, true, true, true},
		{"AR", true, true, true, true, false},
		{"PR", true, true, true, false, false},
		{"PRx", true, true, true, false, false},
		{"SR", true, false, true, false, false},
	} {
		b := box(t, c.preset)
		src := inner
		if !c.translates {
			src = netip.AddrPortFrom(wan, 40000)
		}
		a := out(t, b, start, src, peerA)
		pass := []bool{in(b, start, peerA, a, src), in(b, start, peerA2, a, src), in(b, start, peerB, a, src)}
		if want := []bool{c.fromSame, c.samePort, c.other}; fmt.Sprint(pass) != fmt.Sprint(want) {
			t.Errorf("%s: passes %v, want %v", c.preset, pass, want)
		}
		b.Reboot()
		a = out(t, b, start, src, peerA)
		if same := out(t, b, start, src, peerA2) == a && out(t, b, start, src, peerB) == a; same != c.sameMapping {
			t.Errorf("%s: same mapping %v", c.preset, same)
		}
		if preserved := a.Port() == src.Port(); preserved != (c.preset[0] != 'S') {
			t.Errorf("%s: port preserved %v", c.preset, preserved)
		}
		if out(t, b, start, src, peerA) != a {
			t.Errorf("%s: a flow changed its mapping", c.preset)
		}
	}
	b := box(t, "BLOCKED")
	if _, ok := b.Outbound(start, Packet{Src: inner, Dst: peerA, TTL: 9}); ok {
		t.Error("BLOCKED let a packet out")
	}
	for _, name := range Presets() {
		box(t, name)
	}
	if _, ok := Preset("nothing"); ok {
		t.Error("unknown preset found")
	}
}

// A stranger's packet that comes first takes the tuple on a poisonable router, and moves only the flow to that stranger.
func TestPoison(t *testing.T) {
	for _, c := range []struct {
		preset   string
		poisoned bool
	}{{"PR", false}, {"PRx", true}} {
		b := box(t, c.preset)
		before := out(t, b, start, inner, peerA)
		if in(b, start, peerB, before, inner) {
			t.Fatal("stranger let in")
		}
		if got := out(t, b, start, inner, peerB); (got != before) != c.poisoned {
			t.Errorf("%s: flow to the stranger from %v, before %v", c.preset, got, before)
		}
		if out(t, b, start, inner, peerA2) != before {
			t.Errorf("%s: another flow was moved", c.preset)
		}
		// The cure: our own packet first, even one that dies right behind the box.
		b = box(t, c.preset)
		before = out(t, b, start, inner, peerA)
		if p, ok := b.Outbound(start, Packet{Src: inner, Dst: peerB, TTL: 2}); !ok || p.TTL != 1 || p.Src != before {
			t.Fatalf("%s: opener %+v %v", c.preset, p, ok)
		}
		if !in(b, start, peerB, before, inner) || out(t, b, start, inner, peerB) != before {
			t.Errorf("%s: opener did not open", c.preset)
		}
		// The tuple comes free when the stranger falls silent.
		b = box(t, c.preset)
		in(b, start, peerB, before, inner)
		if out(t, b, start.Add(DefaultTimeout), inner, peerB) != before {
			t.Errorf("%s: poisoned for ever", c.preset)
		}
	}
}

// Two hosts with one local port: conntrack keeps it for both unless they talk to the same address; a cone gives it once.
func TestCollision(t *testing.T) {
	b := box(t, "PR")
	a := out(t, b, start, inner, peerA)
	if out(t, b, start, second, peerB) != a {
		t.Error("PR: port not kept for another destination")
	}
	moved := out(t, b, start, second, peerA)
	if moved == a {
		t.Fatal("PR: one tuple given twice")
	}
	if !in(b, start, peerA, a, inner) || !in(b, start, peerA, moved, second) {
		t.Error("PR: answers mixed up")
	}
	b = box(t, "FC")
	if a = out(t, b, start, inner, peerA); out(t, b, start, second, peerB) == a {
		t.Error("FC: one port given twice")
	}
}

func TestTimeout(t *testing.T) {
	for _, preset := range []string{"FC", "AR", "PR", "SA", "SS", "SB", "SR", "FW"} {
		b := box(t, preset)
		src := inner
		if preset == "FW" {
			src = netip.AddrPortFrom(wan, 1)
		}
		a := out(t, b, start, src, peerA)
		half := start.Add(DefaultTimeout / 2)
		if !in(b, half, peerA, a, src) { // refreshes
			t.Fatal(preset)
		}
		if !in(b, half.Add(DefaultTimeout-1), peerA, a, src) {
			t.Errorf("%s: inbound packets did not refresh", preset)
		}
		if in(b, half.Add(3*DefaultTimeout), peerA, a, src) {
			t.Errorf("%s: mapping outlived its timeout", preset)
		}
	}
}

func TestHopsAndStrangers(t *testing.T) {
	b := box(t, "FC")
	for _, ttl := range []uint8{0, 1} {
		if _, ok := b.Outbound(start, Packet{Src: inner, Dst: peerA, TTL: ttl}); ok || len(b.byInner) != 0 {
			t.Fatalf("TTL %d went out, or left a mapping", ttl)
		}
	}
	a := out(t, b, start, inner, peerA)
	for ttl, want := range []bool{false, false, true} {
		if p, ok := b.Inbound(start, Packet{Src: peerA, Dst: a, TTL: uint8(ttl)}); ok != want || ok && p.TTL != 1 {
			t.Fatalf("TTL %d: %+v %v", ttl, p, ok)
		}
	}
	if in(b, start, peerA, netip.MustParseAddrPort("198.51.100.9:40000"), inner) {
		t.Fatal("took a packet for another address")
	}
	pub := box(t, "PUB") // no router: no hop
	if p, ok := pub.Outbound(start, Packet{Src: netip.AddrPortFrom(wan, 1), Dst: peerA, TTL: 1}); !ok || p.TTL != 1 {
		t.Fatal(p, ok)
	}
}

func TestHairpin(t *testing.T) {
	for _, hairpin := range []bool{false, true} {
		cfg, _ := Preset("FC")
		cfg.Hairpin = hairpin
		b := New(cfg, wan, rand.New(rand.NewPCG(1, 2)))
		a := out(t, b, start, inner, peerA)
		p, ok := b.Outbound(start, Packet{Src: second, Dst: a, TTL: 5})
		if ok != hairpin || ok && (p.Dst != inner || p.Src.Addr() != wan || p.TTL != 4) {
			t.Fatalf("hairpin %v: %+v %v", hairpin, p, ok)
		}
	}
}

// A host behind two boxes is reached through both; a new address or a reboot ends that.
func TestDoubleNATAndReboot(t *testing.T) {
	home, carrier := box(t, "PR"), box(t, "FC")
	home.SetAddr(netip.MustParseAddr("100.64.0.9"))
	p, _ := home.Outbound(start, Packet{Src: inner, Dst: peerA, TTL: 9})
	p, ok := carrier.Outbound(start, p)
	if !ok || p.Src.Addr() != wan || p.TTL != 7 {
		t.Fatal(p, ok)
	}
	answer := Packet{Src: peerA, Dst: p.Src, TTL: 9}
	back, _ := carrier.Inbound(start, answer)
	if back, ok = home.Inbound(start, back); !ok || back.Dst != inner {
		t.Fatal(back, ok)
	}
	carrier.Reboot()
	if _, ok := carrier.Inbound(start, answer); ok {
		t.Fatal("a rebooted box remembers")
	}
}

// Tables are bounded: a flood of flows is refused, and accepted again when the old ones have ended.
func TestSessionsAreBounded(t *testing.T) {
	b := box(t, "SR")
	for i := range maxSessions + 10 {
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 16), byte(i >> 8)}), uint16(i))
		b.Outbound(start, Packet{Src: src, Dst: netip.AddrPortFrom(peerA.Addr(), uint16(i)), TTL: 9})
	}
	if len(b.byInner) != maxSessions || len(b.byOuter) != maxSessions || len(b.permits) > maxSessions {
		t.Fatal(len(b.byInner), len(b.byOuter), len(b.permits))
	}
	out(t, b, start.Add(time.Hour), inner, peerA)
	if len(b.byInner) != 1 || len(b.byOuter) != 1 {
		t.Fatal(len(b.byInner), len(b.byOuter))
	}
}

func FuzzBox(f *testing.F) {
	f.Add(uint8(3), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Fuzz(func(t *testing.T, kind uint8, script []byte) {
		names := Presets()
		cfg, _ := Preset(names[int(kind)%len(names)])
		cfg.Hairpin = kind&64 != 0
		cfg.Alloc = Alloc(kind>>4) % 3
		cfg.Step = int(kind>>2)%7 - 3
		b := New(cfg, wan, rand.New(rand.NewPCG(1, 2)))
		now := start
		for ; len(script) >= 4; script = script[4:] {
			host := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, script[1] & 3}), uint16(script[1]>>2))
			peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, script[2] & 3}), uint16(script[2]>>2))
			now = now.Add(time.Duration(script[3]>>4) * time.Second)
			ttl := script[3] & 15
			if script[0]&1 == 0 {
				p, ok := b.Outbound(now, Packet{Src: host, Dst: peer, TTL: ttl})
				if ok && (p.Dst != peer || p.TTL > ttl || p.TTL == 0 || cfg.Mapping != api.BehaviourNone && p.Src.Addr() != wan) {
					t.Fatalf("out %+v", p)
				}
				if !ok {
					continue
				}
				// Whoever was just written to may answer, and the answer finds the sender.
				back, ok := b.Inbound(now, Packet{Src: peer, Dst: netip.AddrPortFrom(wan, p.Src.Port()), TTL: 9})
				if cfg.Mapping != api.BehaviourNone && (!ok || back.Dst != host) {
					t.Fatalf("answer to %v went to %+v %v", host, back, ok)
				}
			} else {
				dst := netip.AddrPortFrom(wan, uint16(script[1]>>2))
				if p, ok := b.Inbound(now, Packet{Src: peer, Dst: dst, TTL: ttl}); ok && (p.Src != peer || p.TTL > ttl || p.TTL == 0) {
					t.Fatalf("in %+v", p)
				}
			}
		}
	})
}
