package peer

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// rig is two players who know no addresses of each other, with a relay for each of their two legs. Its relays open no
// tickets and check no MACs: core/relay does that, and tests it.
type rig struct {
	t      *testing.T
	now    time.Time
	rng    *rand.Rand
	queue  []parcel
	sides  [2]*side
	relays [2]*fakeRelay

	loss, twice float64       // shares of the datagrams that are lost, or come twice
	late        time.Duration // up to so much longer on the way: reorders
}

type side struct {
	*Peer
	addr   netip.AddrPort
	next   uint32 // the number of the next message to come
	last   time.Time
	gap    time.Duration // longest between two messages
	routes []string
	first  time.Time // when the first message came
	early  int       // messages that came before the keys were renewed
	closed string
}

type parcel struct {
	at       time.Time
	from, to netip.AddrPort
	b        []byte
}

// fakeRelay forwards from handle 2i+1 to handle 2i+2 and back, once both are bound.
type fakeRelay struct {
	addr  netip.AddrPort
	dead  bool
	bound map[uint32]netip.AddrPort
	binds int

	carried int // datagrams forwarded
}

const rigDelay = 15 * time.Millisecond // between a player and a relay, one way

func newRig(t *testing.T, seed uint64) *rig { return newRigWith(t, seed, func(int, *Config) {}) }

// newRigWith has tune change each side's configuration; the caller, 0, comes first.
func newRigWith(t *testing.T, seed uint64, tune func(i int, c *Config)) *rig {
	return newRigBound(t, seed, true, tune)
}

// newRigBound has the legs at the first relay bound, or not yet.
func newRigBound(t *testing.T, seed uint64, bound bool, tune func(i int, c *Config)) *rig {
	r := &rig{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 1))}
	source := func(n byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{byte(seed), n}) }
	for i := range r.relays {
		r.relays[i] = &fakeRelay{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 3478), bound: map[uint32]netip.AddrPort{}}
	}
	var keys [2]secure.PrivateKey
	for i := range keys {
		keys[i], _ = secure.GenerateKey(source(byte(10 + i)))
		r.sides[i] = &side{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}), 4000)}
	}
	cfg := func(i int) Config {
		c := Config{Rand: source(byte(20 + i)), Static: keys[i], ConnID: uint32(100 + i), App: "rig", AES: true, LinkRTT: 2 * rigDelay, SendBudget: api.DefaultSendBytes}
		tune(i, &c)
		return c
	}
	signal := func(other int, typ wire.SignalType) *wire.Signal {
		me := 1 - other
		s := &wire.Signal{Type: typ, Intro: wire.IntroID{9}, PSK: [32]byte{8}, Room: 7, Epoch: 1, Key: keys[other].Public(), Flags: wire.IntroBackup}
		s.Relay = r.grant(0, me, bound)
		s.Backup = r.grant(1, me, false)
		s.Party.RTTMillis = uint16(2 * rigDelay / time.Millisecond)
		return s
	}
	callee, kk1, err := NewCallee(r.now, cfg(1), signal(0, wire.SigRequest))
	if err != nil {
		t.Fatal(err)
	}
	intro := signal(1, wire.SigIntroduction)
	intro.Noise = kk1
	caller, kk2, err := NewCaller(r.now, cfg(0), intro, r.relays[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	r.sides[0].Peer, r.sides[1].Peer = caller, callee
	callee.Accepted(r.now, signal(0, wire.SigAccepted), r.relays[0].addr)
	if err := callee.Finish(r.now, kk2); err != nil {
		t.Fatal(err)
	}
	r.drain()
	return r
}

// grant is a player's leg at a relay: of the first one bound already, as by the server that the link goes to.
func (r *rig) grant(relay, player int, bound bool) wire.RelayGrant {
	g := wire.RelayGrant{Key: [32]byte{byte(relay), byte(player)}, Ticket: []byte{byte(player)}}
	if relay > 0 || !bound {
		g.Addr = r.relays[relay].addr
	}
	if bound {
		g.Handle = uint32(1 + player)
		r.relays[relay].bound[g.Handle] = r.sides[player].addr
	}
	return g
}

func (r *rig) send(from, to netip.AddrPort, b []byte) {
	copies := 1
	switch p := r.rng.Float64(); {
	case p < r.loss:
		return
	case p < r.loss+r.twice:
		copies = 2
	}
	for range copies {
		at := r.now.Add(rigDelay)
		if r.late > 0 {
			at = at.Add(time.Duration(r.rng.Int64N(int64(r.late))))
		}
		r.queue = append(r.queue, parcel{at, from, to, append([]byte(nil), b...)})
	}
}

func (f *fakeRelay) receive(r *rig, from netip.AddrPort, b []byte) {
	if f.dead {
		return
	}
	if handle, _, ok := wire.ParseRelayed(b); ok {
		other := (handle - 1) ^ 1 + 1
		if to, ok := f.bound[other]; ok && f.bound[handle] == from {
			f.carried++
			binary.BigEndian.PutUint32(b[1:], other)
			r.send(f.addr, to, b)
		}
	} else if m, _, ok := wire.ParseBind(b); ok {
		r.send(f.addr, from, wire.AppendBindChallenge(nil, &wire.BindChallenge{Nonce: m.Nonce}))
	} else if m, _, ok := wire.ParseBind2(b); ok {
		player := m.Ticket[0]
		f.binds++
		f.bound[1+uint32(player)] = from
		key := [32]byte{byte(f.addr.Addr().As4()[3] - 1), player}
		mac, _ := blake2s.New128(key[:])
		out := wire.AppendBound(nil, &wire.Bound{Nonce: m.Nonce, Handle: 1 + uint32(player)})
		mac.Write(out)
		r.send(f.addr, from, mac.Sum(out))
	}
}

func (r *rig) drain() {
	for _, s := range r.sides {
		for {
			out, tx, ok := s.AppendTransmit(r.now, nil)
			if !ok {
				break
			}
			r.send(s.addr, tx.To, out)
		}
		for ev, ok := s.NextEvent(); ok; ev, ok = s.NextEvent() {
			r.note(s, &ev)
		}
	}
}

func (r *rig) note(s *side, ev *api.Event) {
	switch ev.Kind {
	case api.EventMessage:
		if s.next == 0 {
			s.first = r.now
		}
		if s.session.Turned() == 0 {
			s.early++
		}
		if n := binary.BigEndian.Uint32(ev.Data); n != s.next {
			r.t.Errorf("message %d came when %d was due", n, s.next)
		}
		if s.next++; !s.last.IsZero() {
			s.gap = max(s.gap, r.now.Sub(s.last))
		}
		s.last = r.now
		s.Consumed(r.now, len(ev.Data))
	case api.EventRouteChanged:
		s.routes = append(s.routes, ev.Text)
	case api.EventPeerClosed:
		s.closed = ev.Text
	}
}

// run moves time on by d in the steps that the machines ask for; each side sends a numbered message every interval, 0: none.
func (r *rig) run(d, interval time.Duration, sent *[2]uint32) {
	end := r.now.Add(d)
	sendAt := r.now
	for {
		next := end
		if interval > 0 && sendAt.Before(next) {
			next = sendAt
		}
		for _, p := range r.queue {
			if p.at.Before(next) {
				next = p.at
			}
		}
		for _, s := range r.sides {
			if at := s.NextTimeout(); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !next.Before(end) {
			r.now = end
			return
		}
		if next.After(r.now) {
			r.now = next
		}
		if interval > 0 && !r.now.Before(sendAt) {
			sendAt = sendAt.Add(interval)
			for i, s := range r.sides {
				if s.send(r.now, sent[i]) == nil {
					sent[i]++
				}
			}
		}
		r.deliver()
		for _, s := range r.sides {
			if at := s.NextTimeout(); !at.IsZero() && !at.After(r.now) {
				s.HandleTimeout(r.now)
			}
		}
		r.drain()
	}
}

func (r *rig) deliver() {
	due := r.queue
	r.queue = nil
	for _, p := range due {
		if p.at.After(r.now) {
			r.queue = append(r.queue, p)
			continue
		}
		for _, f := range r.relays {
			if f.addr == p.to {
				f.receive(r, p.from, p.b)
			}
		}
		for _, s := range r.sides {
			if s.addr == p.to {
				s.receive(r.now, p.from, p.b)
			}
		}
	}
}

func (s *side) receive(now time.Time, from netip.AddrPort, b []byte) {
	handle, packet, ok := wire.ParseRelayed(b)
	if !ok {
		s.HandleRelayControl(now, b)
		return
	}
	handles, addrs := s.RelayHandles()
	for leg := range handles {
		if handles[leg] == handle && addrs[leg] == from {
			s.HandleRelayed(now, wire.PathRelay+wire.PathID(leg), packet)
		}
	}
}

func (s *side) send(now time.Time, n uint32) error {
	return s.Send(now, api.Outgoing{}, binary.BigEndian.AppendUint32(nil, n))
}
