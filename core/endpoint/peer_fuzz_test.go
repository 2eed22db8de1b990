package endpoint

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzPeerSession is a player that means harm and has the keys: any frames, sealed rightly, on any path, from any address or
// over the relay, between moments of time and commands of the game. Nothing panics, deadlines move on, and the game is
// told of the end at most once.
func FuzzPeerSession(f *testing.F) {
	probe := wire.AppendProbe(nil, &wire.Probe{Challenge: true, ChallengeNonce: 7, Size: 24})
	script := func(ops ...[]byte) (all []byte) {
		for _, op := range ops {
			all = append(all, op...)
		}
		return all
	}
	packet := func(way byte, frames []byte) []byte { return append([]byte{0, way, byte(len(frames))}, frames...) }
	f.Add(script(packet(0, []byte{1}), packet(2, []byte{0x40, 0, 0, 1, 'x'}), []byte{1, 200, 2, 9}))
	f.Add(script(packet(7, probe), []byte{1, 30}, packet(2, []byte{1}), packet(7|8, probe), []byte{1, 255, 3, 0}))
	f.Add(script(packet(7, wire.AppendProbe(nil, &wire.Probe{Response: true, RespNonce: 7, Observed: publicAddr})), []byte{4, 1, 1, 100}))
	f.Add(script(packet(8, wire.AppendSuspend(nil, wire.Suspend{Turn: 1, Millis: 900})), []byte{2, 3, 1, 255}, packet(0, []byte{6, 0, 0, 0, 1, 0})))
	offer := func(sequence uint64) []byte {
		return wire.AppendCrypto(nil, &wire.Crypto{Sequence: sequence, Size: 32, Payload: append([]byte{9}, make([]byte, 31)...)})
	}
	f.Add(script(packet(8, offer(0)), []byte{5, 0, 1, 5}, packet(8, []byte{1}), []byte{1, 255}, packet(8, offer(1))))
	f.Add(script([]byte{5, 0}, packet(8, []byte{1}), []byte{1, 1, 5, 0}, packet(8|1, []byte{0x40, 0, 0, 1, 'x'}), packet(8, offer(0)), packet(8, offer(1))))
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newEvil(t, 9)
		w.flags = wire.FlagRekey // its offers of X25519 alone fit one piece
		w.room(2)
		s, hs := w.introduction(2, 1, party("203.0.113.2:4000"))
		w.say(s)
		keys, _, err := hs.Finish(w.take(wire.SigAnswer).Noise)
		if err != nil {
			t.Fatal(err)
		}
		h := w.e.slots.handle(0)
		for ops := 0; len(script) > 1 && ops < 100; ops++ {
			op, arg := script[0], script[1]
			script = script[2:]
			switch op % 6 {
			case 0: // a packet: path, way and place of its sender, length, frames
				if len(script) == 0 {
					return
				}
				n := min(int(script[0]), len(script)-1)
				frames := script[1 : 1+n]
				script = script[1+n:]
				b, _ := keys.Begin(nil, wire.PathID(arg%wire.PathCount))
				b = keys.Seal(append(b, frames...), 0)
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 2 + arg>>5&1}), 4000+uint16(arg>>6))
				if arg&8 != 0 {
					b, from = append(wire.AppendRelayed(nil, 1), b...), evilAddr
				}
				w.e.HandleDatagram(w.now, api.MainSocket, from, b)
			case 1:
				w.wait(time.Duration(arg) * 10 * time.Millisecond)
			case 2:
				_ = w.e.Send(w.now, h, api.Outgoing{Mode: api.Mode(arg % 4), Channel: arg >> 4}, make([]byte, 10*int(arg)))
			case 3:
				w.e.NetworkChanged(w.now)
			case 5: // it goes on to another phase when it has heard the client in this one
				for _, p := range w.sent {
					_, _, _, _ = keys.Open(p.b)
				}
				for _, p := range w.control {
					if _, inner, ok := wire.ParseRelayed(p.b); ok {
						_, _, _, _ = keys.Open(inner)
					}
				}
				if w.sent, w.control = nil, nil; !keys.Turning() {
					keys.Advance(bytes.Repeat([]byte{9}, int(arg)))
				}
			case 4:
				if w.e.Suspend(w.now, time.Second); arg&1 == 0 {
					w.e.Resume(w.now)
				}
			}
			w.pump()
		}
		w.wait(4 * time.Second)
		if n := w.count(api.EventPeerClosed); n > 1 {
			t.Errorf("told of the end %d times", n)
		}
	})
}
