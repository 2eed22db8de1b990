package secure

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"math/rand"
	"testing"

	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// onceAEAD fails the test when a nonce comes twice under its key: the one mistake an AEAD does not survive.
type onceAEAD struct {
	cipher.AEAD
	t    *testing.T
	seen map[[nonceSize]byte]bool
}

func (a *onceAEAD) Seal(dst, nonce, plain, ad []byte) []byte {
	n := [nonceSize]byte(nonce)
	if a.seen[n] {
		a.t.Fatalf("nonce %x used twice", n)
	}
	a.seen[n] = true
	return a.AEAD.Seal(dst, nonce, plain, ad)
}

func watch(t *testing.T, s *Session) *onceAEAD {
	a := &onceAEAD{AEAD: s.send.ready(), t: t, seen: map[[nonceSize]byte]bool{}}
	s.send.aead = a
	return a
}

func session(t testing.TB, flags uint32) (a, b *Session) {
	p := newPlayers(21)
	p.callee.Info.Flags, p.caller.Info.Flags = flags, flags
	a, b, _, _ = p.connect(t)
	return a, b
}

// Packets on random paths, some begun and dropped, some paths left and taken again: no nonce comes twice.
func TestNoNonceTwice(t *testing.T) {
	for _, flags := range []uint32{0, wire.FlagAES} {
		a, b := session(t, flags)
		seen := watch(t, a)
		rng := rand.New(rand.NewSource(1))
		var next [wire.PathCount]uint64
		for range 20_000 {
			path := wire.PathID(rng.Intn(wire.PathCount))
			out, number := a.Begin(nil, path)
			if number != next[path] {
				t.Fatalf("path %d: number %d, expected %d", path, number, next[path])
			}
			if rng.Intn(3) == 0 {
				continue // dropped: the number was not used up
			}
			next[path]++
			out = a.Seal(append(out, "frames"...), 0)
			if _, n, _, err := b.Open(out); err != nil || n != number {
				t.Fatal(n, number, err)
			}
		}
		if len(seen.seen) < 10_000 {
			t.Fatal("the watch saw too little")
		}
	}
}

func TestSealRefusesToUseANumberTwice(t *testing.T) {
	a, _ := session(t, 0)
	one, _ := a.Begin(nil, 2)
	two, _ := a.Begin(nil, 2)
	a.Seal(append(one, 1), 0)
	defer func() {
		if recover() == nil {
			t.Fatal("the second packet was sealed under a number that was gone")
		}
	}()
	a.Seal(append(two, 2), 0)
}

func TestAnyFlippedBitIsRejected(t *testing.T) {
	for _, flags := range []uint32{0, wire.FlagAES} {
		a, b := session(t, flags)
		out, _ := a.Begin(nil, 3)
		out = a.Seal(append(out, "attack at dawn, bring ladders"...), 0)
		for i := range out {
			for bit := range 8 {
				bad := bytes.Clone(out)
				bad[i] ^= 1 << bit
				if _, _, _, err := b.Open(bad); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrFormat) {
					t.Fatalf("byte %d bit %d: %v", i, bit, err)
				}
			}
		}
		for n := range out {
			if _, _, _, err := b.Open(bytes.Clone(out[:n])); err == nil {
				t.Fatalf("cut to %d bytes it still opens", n)
			}
		}
		if _, _, frames, err := b.Open(out); err != nil || string(frames) != "attack at dawn, bring ladders" {
			t.Fatal("the true packet must still open:", err)
		}
	}
}

func TestReplayChangesNothing(t *testing.T) {
	a, b := session(t, 0)
	var packets [][]byte
	for i := range 2000 {
		out, _ := a.Begin(nil, 2)
		packets = append(packets, a.Seal(append(out, byte(i)), 0))
	}
	for _, i := range []int{0, 5, 3, 1999, 1500, 4} { // 4 is authentic but fell out of the window
		_, _, _, err := b.Open(bytes.Clone(packets[i]))
		if (i == 4) != errors.Is(err, ErrReplay) {
			t.Fatal(i, err)
		}
	}
	before, _ := b.seen[2].Largest()
	for _, i := range []int{0, 3, 1500, 1999} {
		if _, _, frames, err := b.Open(bytes.Clone(packets[i])); !errors.Is(err, ErrReplay) || frames != nil {
			t.Fatal(i, err)
		}
	}
	// Forged packets from far ahead must not move the window either.
	forged := bytes.Clone(packets[1999])
	forged[5] = 0x7f
	if _, _, _, err := b.Open(forged); !errors.Is(err, ErrAuth) {
		t.Fatal(err)
	}
	if after, _ := b.seen[2].Largest(); after != before {
		t.Fatal("the window moved")
	}
	if _, _, _, err := b.Open(packets[1998]); err != nil {
		t.Fatal(err)
	}
}

func TestPathsHaveTheirOwnNumbersAndWindows(t *testing.T) {
	a, b := session(t, 0)
	for range 100 {
		exchange(t, a, b, 0, "many on the relay")
	}
	for path := range wire.PathID(wire.PathCount) {
		if path == 0 {
			continue
		}
		if _, n := a.Begin(nil, path); n != 0 {
			t.Fatalf("path %d starts at %d", path, n)
		}
		exchange(t, a, b, path, "first here")
	}
	if _, n := a.Begin(nil, 0); n != 100 {
		t.Fatalf("path 0 goes on at %d", n)
	}
	// A packet relabelled to another path does not open: its nonce and header say otherwise.
	out, _ := a.Begin(nil, 2)
	out = a.Seal(append(out, 1), 0)
	out[0] = out[0]&^0x1c | 3<<2
	if _, _, _, err := b.Open(out); !errors.Is(err, ErrAuth) {
		t.Fatal(err)
	}
}

// The 24 bits in the header wrap; the number behind them goes on, over reordering and loss around the wrap.
func TestNumbersGoOnPastTheirLowBits(t *testing.T) {
	a, b := session(t, wire.FlagAES)
	for _, at := range []uint64{1<<24 - 300, 5<<24 - 300, 1<<40 - 300} {
		a.next[2] = at
		if b.seen[2] == nil {
			b.seen[2] = new(seq.Window)
		}
		b.seen[2].Accept(at - 1)
		rng := rand.New(rand.NewSource(int64(at)))
		var late [][]byte
		var numbers []uint64
		for range 600 {
			out, number := a.Begin(nil, 2)
			out = a.Seal(append(out, 9), 0)
			switch rng.Intn(5) {
			case 0: // lost
			case 1:
				late, numbers = append(late, out), append(numbers, number)
			default:
				if _, n, _, err := b.Open(out); err != nil || n != number {
					t.Fatalf("number %d: got %d, %v", number, n, err)
				}
			}
		}
		for i, out := range late {
			if _, n, _, err := b.Open(out); err != nil || n != numbers[i] {
				t.Fatalf("late number %d: got %d, %v", numbers[i], n, err)
			}
		}
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	for _, flags := range []uint32{0, wire.FlagAES, renewable, renewable | wire.FlagAES} {
		a, b := session(t, flags)
		buf := make([]byte, 0, wire.MaxDatagram)
		frames := make([]byte, 1100)
		round := func() {
			out, _ := a.Begin(buf, 2)
			out = a.Seal(append(out, frames...), 0)
			if _, _, _, err := b.Open(out); err != nil {
				t.Fatal(err)
			}
		}
		round() // builds the AEADs and the window
		if n := testing.AllocsPerRun(1000, round); n != 0 {
			t.Fatalf("%v allocations per packet", n)
		}
	}
}

// Seal works behind other bytes in one buffer, as for a relay header.
func TestSealBehindAPrefix(t *testing.T) {
	a, b := session(t, 0)
	out := wire.AppendRelayed(make([]byte, 0, 100), 77)
	start := len(out)
	out, _ = a.Begin(out, wire.PathRelay)
	out = a.Seal(append(out, "x"...), start)
	_, packet, ok := wire.ParseRelayed(out)
	if _, _, frames, err := b.Open(packet); !ok || err != nil || string(frames) != "x" {
		t.Fatal(ok, err)
	}
}

func benchmarkSession(b *testing.B, flags uint32, size int) {
	x, y := session(b, flags)
	buf := make([]byte, 0, wire.MaxDatagram)
	frames := make([]byte, size-wire.SessionHeader-wire.TagSize)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		out, _ := x.Begin(buf, 2)
		out = x.Seal(append(out, frames...), 0)
		if _, _, _, err := y.Open(out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealOpenAES64(b *testing.B)      { benchmarkSession(b, wire.FlagAES, 64) }
func BenchmarkSealOpenAES1200(b *testing.B)    { benchmarkSession(b, wire.FlagAES, 1200) }
func BenchmarkSealOpenChaCha64(b *testing.B)   { benchmarkSession(b, 0, 64) }
func BenchmarkSealOpenChaCha1200(b *testing.B) { benchmarkSession(b, 0, 1200) }

func BenchmarkPeerHandshake(b *testing.B) {
	p := newPlayers(1)
	for b.Loop() {
		p.connect(b)
	}
}
