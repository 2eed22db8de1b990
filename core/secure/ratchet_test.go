package secure

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"math/rand"
	"testing"

	"github.com/musubi-p2p/musubi/core/wire"
)

// watched is what onceKeys have sealed: nonces by key, over all sessions and phases.
type watched map[[32 + nonceSize]byte]bool

// onceKeys fails the test when a nonce comes twice under its key, in whatever phase.
type onceKeys struct {
	cipher.AEAD
	t    *testing.T
	key  [32]byte
	seen watched
}

func (a *onceKeys) Seal(dst, nonce, plain, ad []byte) []byte {
	n := [32 + nonceSize]byte(append(a.key[:len(a.key):len(a.key)], nonce...))
	if a.seen[n] {
		a.t.Fatalf("nonce %x used twice under one key", nonce)
	}
	a.seen[n] = true
	return a.AEAD.Seal(dst, nonce, plain, ad)
}

// watch puts itself between a session and the AEAD of the phase that it sends in.
func (w watched) watch(t *testing.T, s *Session) {
	if _, ok := s.send.ready().(*onceKeys); !ok {
		s.send.aead = &onceKeys{AEAD: s.send.aead, t: t, key: s.send.key, seen: w}
	}
}

const renewable = wire.FlagRekey | wire.FlagHybrid

func send(s *Session, path wire.PathID, frames string) []byte {
	out, _ := s.Begin(nil, path)
	return s.Seal(append(out, frames...), 0)
}

// Phase after phase over a network that loses, doubles and reorders, on all paths at once, symmetric and mixed in any order, with
// AEADs given back in between: no nonce comes twice under a key, and whatever comes in time opens.
func TestNoNonceTwiceOverPhases(t *testing.T) {
	for _, flags := range []uint32{renewable, renewable | wire.FlagAES} {
		a, b := session(t, flags) // a is the initiator
		ends := [2]*Session{a, b}
		rng := rand.New(rand.NewSource(3))
		seen := watched{}
		var flying [2][][]byte // by receiver
		for step := range 24_000 {
			from := rng.Intn(2)
			seen.watch(t, ends[from])
			out, _ := ends[from].Begin(nil, wire.PathID(rng.Intn(wire.PathCount)))
			if rng.Intn(4) > 0 { // else dropped: the number was not used up
				out = ends[from].Seal(append(out, byte(step)), 0)
				flying[1-from] = append(flying[1-from], out)
			}
			if to := rng.Intn(2); len(flying[to]) > 30 {
				i := rng.Intn(20)
				packet := flying[to][i]
				if rng.Intn(10) > 0 { // else it comes once more
					flying[to] = append(flying[to][:i], flying[to][i+1:]...)
				}
				if rng.Intn(8) > 0 { // else lost
					if _, _, _, err := ends[to].Open(bytes.Clone(packet)); err != nil && !errors.Is(err, ErrReplay) {
						t.Fatalf("step %d: %v", step, err)
					}
				}
			}
			switch {
			case step%400 == 399: // all that was under way has come by now, or never will
				flying = [2][][]byte{}
				a.DropOld()
				b.DropOld()
				if a.Turning() || b.Turned() != a.Begun() {
					t.Fatalf("step %d: %d phases begun, %d and %d came", step, a.Begun(), a.Turned(), b.Turned())
				}
				mix := bytes.Repeat([]byte{byte(step)}, rng.Intn(2)*32)
				if len(mix) > 0 {
					b.Expect(mix)
				}
				a.Advance(mix)
			case rng.Intn(3000) == 0:
				ends[rng.Intn(2)].Rest()
			}
		}
		if a.Turned() < 50 || len(seen) < 15_000 {
			t.Fatalf("%d phases, %d packets: the story did not happen", a.Turned(), len(seen))
		}
	}
}

// The phases of one step, packet by packet.
func TestPhasesStepTogether(t *testing.T) {
	a, b := session(t, renewable)
	exchange(t, a, b, 2, "phase 0")
	exchange(t, b, a, 2, "phase 0 back")
	late, old := send(a, 2, "late"), send(b, 2, "before it knew")
	a.Advance(nil)
	if h, _, _ := wire.ParseSession(send(a, 3, "")); h.KeyPhase != 1 || a.Begun() != 1 || !a.Turning() {
		t.Fatal("the initiator seals with the new phase at once")
	}
	if _, _, _, err := a.Open(old); err != nil {
		t.Fatal("it opens the one before until a packet of the new one came:", err)
	}
	if b.Begun() != 0 {
		t.Fatal("the responder knows nothing yet")
	}
	exchange(t, a, b, 4, "phase 1")
	if b.Begun() != 1 || b.Turned() != 1 || !b.HasOld() {
		t.Fatal("the responder goes along")
	}
	if _, _, _, err := b.Open(bytes.Clone(late)); err != nil {
		t.Fatal("and opens what is late:", err)
	}
	if _, _, _, err := b.Open(bytes.Clone(late)); !errors.Is(err, ErrReplay) {
		t.Fatal("once:", err)
	}
	later := send(a, 2, "phase 1")
	exchange(t, b, a, 2, "phase 1 back")
	if a.Turning() || !a.HasOld() {
		t.Fatal("the step is through")
	}
	a.DropOld()
	b.DropOld()
	if _, _, _, err := b.Open(late); !errors.Is(err, ErrPhase) {
		t.Fatal("keys that are gone open nothing:", err)
	}
	if _, n := a.Begin(nil, 2); n != 3 {
		t.Fatalf("numbers go on: %d", n)
	}
	b.Expect([]byte("what both agreed on"))
	a.Advance([]byte("what both agreed on"))
	if _, _, _, err := b.Open(later); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b, 2, "phase 2")
	exchange(t, b, a, 2, "phase 2 back")
	a.DropOld()
	b.Expect([]byte("one thing"))
	a.Advance([]byte("another"))
	if _, _, _, err := b.Open(send(a, 2, "phase 3")); !errors.Is(err, ErrAuth) {
		t.Fatal("who agreed on something else is not heard:", err)
	}
}

// Phase bits that were changed on the way, or invented, begin nothing and end nothing.
func TestForgedPhasesChangeNothing(t *testing.T) {
	a, b := session(t, renewable)
	exchange(t, a, b, 2, "x")
	exchange(t, b, a, 2, "x")
	for round := range 6 {
		for _, to := range []*Session{a, b} {
			from := map[*Session]*Session{a: b, b: a}[to]
			for bits := range 4 {
				packet := send(from, 2, "y")
				if packet[0] ^= uint8(bits&1)<<5 | uint8(bits&2); bits != 0 {
					if _, _, _, err := to.Open(packet); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrPhase) {
						t.Fatal(round, bits, err)
					}
				} else if _, _, _, err := to.Open(packet); err != nil {
					t.Fatal(round, err)
				}
			}
		}
		if n := uint64(round); a.Turned() != n || b.Turned() != n || a.Begun() != n || b.Begun() != n {
			t.Fatalf("%d and %d phases, want %d", a.Turned(), b.Turned(), n)
		}
		mix := []byte{byte(round)}
		b.Expect(mix) // also after the forgeries made it look at a symmetric one
		a.DropOld()
		a.Advance(mix)
		exchange(t, a, b, 2, "z")
		exchange(t, b, a, 2, "z")
	}
	plain, _ := session(t, 0)
	other, _ := session(t, 0)
	packet := send(other, 2, "y")
	packet[0] |= 1 << 5
	if _, _, _, err := plain.Open(packet); !errors.Is(err, ErrFormat) || plain.Renewable() {
		t.Fatal("keys for good have one phase:", err)
	}
}

// An initiator that steps with each packet makes the responder compute no keys, until it has used those that it has.
func TestStepsAreLimited(t *testing.T) {
	a, b := session(t, renewable)
	b.StepsAfter(50)
	a.Advance(nil)
	if _, _, _, err := b.Open(send(a, 2, "x")); !errors.Is(err, ErrPhase) || b.ratchet.next != nil {
		t.Fatal("taken at once:", err)
	}
	for range 50 {
		send(b, 2, "what b has to say counts as well")
	}
	exchange(t, a, b, 2, "phase 1")
	exchange(t, b, a, 2, "phase 1 back")
	a.DropOld()
	b.Expect([]byte("mix"))
	a.Advance([]byte("mix"))
	exchange(t, a, b, 2, "a mixed step was agreed on")
}

// The two flags that only one side has offered count for nothing.
func TestRenewingIsOfferedByBoth(t *testing.T) {
	p := newPlayers(4)
	p.callee.Info.Flags, p.caller.Info.Flags = renewable, wire.FlagHybrid
	if a, b, _, _ := p.connect(t); a.Renewable() || b.Renewable() {
		t.Fatal("one side alone renews keys")
	}
}

// The key schedule of docs/PROTOCOL.md, "Renewing keys", computed with another library.
func TestPhaseVectors(t *testing.T) {
	var secret [32]byte
	mix := make([]byte, 64)
	for i := range secret {
		secret[i] = byte(i)
	}
	for i := range mix {
		mix[i] = byte(32 + i)
	}
	r := ratchet{send: secret}
	for _, v := range []struct {
		name             string
		mix              []byte
		secret, key1, iv string
	}{
		{"symmetric", nil,
			"2414abfdb236ab3f8681d828d32b4e431ba80499e288fe70663a59f401c78fcc", "5a83ea7402c8a0697e3c55271c6c98f0775c22034c1e92e8be9eb724a2f4c3cd", "52294117e9a454eca1300fec"},
		{"mixed", mix,
			"02845a751099736ad8d510f0f4a82e7e7e897e937f336113dd9490b63efeab72", "42f68d4300190b034d374ff278f9cd5332b610df2f25d24c68a3302dbe33b228", "fbbeb32fe9fb4e9f046412d6"},
	} {
		p := r.after(&direction{}, v.mix)
		if got := hex.EncodeToString(p.sendSecret[:]); got != v.secret {
			t.Errorf("%s secret %s, want %s", v.name, got, v.secret)
		}
		if got := hex.EncodeToString(p.send.key[:]); got != v.key1 {
			t.Errorf("%s key %s, want %s", v.name, got, v.key1)
		}
		if got := hex.EncodeToString(p.send.iv[:]); got != v.iv {
			t.Errorf("%s iv %s, want %s", v.name, got, v.iv)
		}
	}
}
