package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// shortCircuit joins two connected endpoints without a network in between: what remains is what the machines cost. It
// plays what node does: a batch of commands, then all datagrams, then all events.
type shortCircuit struct {
	now     time.Time
	e       [2]*endpoint.Endpoint
	peer    [2]api.PeerHandle
	at      [2]netip.AddrPort
	wire    [][]byte
	packets int
	sent    int
	got     int
}

func newShortCircuit(t testing.TB) *shortCircuit {
	w, a, b := pair(1, "PUB", "PUB", Weather{Delay: time.Millisecond}, 64)
	if !w.Meet(a, b, 10*time.Second) {
		t.Fatal("not connected")
	}
	w.Run(3 * time.Second)
	if !a.Route.Direct() || !b.Route.Direct() {
		t.Fatal("not direct")
	}
	s := &shortCircuit{now: w.Now(), wire: make([][]byte, 0, 4096)}
	for i, p := range []*Player{a, b} {
		s.e[i], s.peer[i] = p.Endpoint, p.Peer
		s.at[i] = netip.AddrPortFrom(p.addr, p.ports[api.MainSocket])
	}
	for range cap(s.wire) {
		s.wire = append(s.wire, make([]byte, 0, 2048))
	}
	return s
}

// carry moves everything that one side has to send to the other, and takes its events.
func (s *shortCircuit) carry(from, to int) {
	n := 0
	for ; n < len(s.wire); n++ {
		out, tx, ok := s.e[from].AppendTransmit(s.now, s.wire[n][:0])
		if !ok {
			break
		}
		s.wire[n] = out
		if tx.To != s.at[to] {
			s.wire[n] = out[:0] // to the server: it has nothing to do with this
		}
	}
	for i := range n {
		if len(s.wire[i]) > 0 {
			s.e[to].HandleDatagram(s.now, api.MainSocket, s.at[from], s.wire[i])
			s.packets++
		}
	}
	for {
		ev, ok := s.e[to].NextEvent()
		if !ok {
			break
		}
		if ev.Kind == api.EventMessage {
			s.got++
			if ev.Mode.Reliable() {
				s.e[to].Consumed(s.now, ev.Peer, len(ev.Data))
			}
		}
	}
}

// round sends messages and lets all of them arrive.
func (s *shortCircuit) round(mode api.Mode, data []byte, count int) {
	for range count {
		if err := s.e[0].Send(s.now, s.peer[0], api.Outgoing{Mode: mode}, data); err != nil {
			panic(err)
		}
	}
	s.sent += count
	for s.got < s.sent {
		s.exchange()
	}
}

// exchange carries what both have to say and lets 100 µs pass.
func (s *shortCircuit) exchange() {
	s.carry(0, 1)
	s.now = s.now.Add(100 * time.Microsecond)
	s.carry(1, 0)
	for _, e := range s.e {
		for _, _, ok := e.NextRelease(); ok; _, _, ok = e.NextRelease() {
		}
		if at := e.NextTimeout(); !at.IsZero() && !s.now.Before(at) {
			e.HandleTimeout(s.now)
		}
	}
}

// rounds of 60 messages, about one row of datagrams.
const perRound = 60

func benchmarkEndpoints(b *testing.B, mode api.Mode, size int) {
	s, data := newShortCircuit(b), make([]byte, size)
	for range 500 {
		s.round(mode, data, perRound)
	}
	s.sent, s.got, s.packets = 0, 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for s.sent < b.N {
		s.round(mode, data, perRound)
	}
	b.ReportMetric(float64(s.packets)/float64(s.sent), "packets/op")
}

func BenchmarkEndpointsReliable1K(b *testing.B)   { benchmarkEndpoints(b, api.ReliableOrdered, 1024) }
func BenchmarkEndpointsReliable64(b *testing.B)   { benchmarkEndpoints(b, api.ReliableOrdered, 64) }
func BenchmarkEndpointsUnreliable64(b *testing.B) { benchmarkEndpoints(b, api.Unreliable, 64) }
