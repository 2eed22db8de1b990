// Package sim is a virtual internet: whole endpoints and a whole server node behind NAT boxes, under a virtual clock. It
// starts no goroutine and reads no clock; a minute of play takes milliseconds. The same seed gives the same bytes at the
// same times, which Trace proves.
//
// A World holds one server, sites (a NAT box each, perhaps behind another site's) and clients inside the sites. Run moves
// time from one event to the next. Datagrams cross one core router, which takes a hop, delays, loses, duplicates and
// reorders them by Weather.
package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// Weather is what the core does to datagrams. Probabilities are 0..1, times one way.
type Weather struct {
	Delay     time.Duration
	Jitter    time.Duration // uniform, added to Delay
	Loss      float64
	Duplicate float64
	Reorder   float64       // share of datagrams held back by ReorderBy
	ReorderBy time.Duration // 0: one Delay
	Run       float64       // mean number of datagrams between two addresses that are lost in a row; up to 1: each by itself
	Corrupt   float64       // share of datagrams that arrive with a bit turned over
	MTU       int           // largest UDP payload that is carried, larger ones vanish without a word; 0: any
}

// LANDelay is the one-way delay between two clients of one site.
const LANDelay = 200 * time.Microsecond

// World is one simulation.
type World struct {
	now     time.Time
	rng     *rand.Rand
	seed    uint64
	weather Weather
	queue   queue
	server  *Server
	servers map[netip.Addr]*Server // the server by each of its addresses
	sites   map[netip.Addr]*Site   // by public address
	hosts6  map[netip.Addr]*Client // by global IPv6 address
	spare   []*parcel              // delivered, to be filled again
	cuts    map[[2]netip.Addr]bool
	bad     map[[2]netip.Addr]bool          // ways in the bad state of a chain of losses
	harm    map[[2]netip.Addr]float64       // loss beside the weather's
	slow    map[[2]netip.Addr]time.Duration // delay, ditto
	streams uint32                          // opened so far
	trace   hash.Hash
	flows   map[[2]netip.Addr]int
	tap     func(p natsim.Packet) // sees every datagram that enters the core; Data is borrowed
	ears    *ears                 // nil: nobody listens
}

// Start is when every simulation begins.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewWorld makes an empty world.
func NewWorld(seed uint64, w Weather) *World {
	world := &World{
		now: Start, rng: rand.New(rand.NewPCG(seed, 0x6d757375)), seed: seed, weather: w, trace: sha256.New(),
		servers: map[netip.Addr]*Server{}, sites: map[netip.Addr]*Site{}, hosts6: map[netip.Addr]*Client{}, cuts: map[[2]netip.Addr]bool{}, bad: map[[2]netip.Addr]bool{}, harm: map[[2]netip.Addr]float64{}, slow: map[[2]netip.Addr]time.Duration{}, flows: map[[2]netip.Addr]int{},
	}
	if born != nil {
		born(world)
	}
	return world
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.now }

// SetWeather changes the core's behaviour for datagrams sent from now on.
func (w *World) SetWeather(weather Weather) { w.weather = weather }

// Trace is a digest of every datagram that was sent: when, from where, to where, what.
func (w *World) Trace() [sha256.Size]byte { return [sha256.Size]byte(w.trace.Sum(nil)) }

// Cut drops everything that the core carries from one public address to another; Heal ends it.
func (w *World) Cut(from, to netip.Addr)  { w.cuts[[2]netip.Addr{from, to}] = true }
func (w *World) Heal(from, to netip.Addr) { delete(w.cuts, [2]netip.Addr{from, to}) }

// Harm loses a share of what the core carries from one public address to another, beside what the weather loses.
func (w *World) Harm(from, to netip.Addr, loss float64) { w.harm[[2]netip.Addr{from, to}] = loss }

// Slow delays what the core carries from one public address to another, beside the weather's delay.
func (w *World) Slow(from, to netip.Addr, by time.Duration) { w.slow[[2]netip.Addr{from, to}] = by }

// Carried is how many datagrams the core delivered from one public address to another.
func (w *World) Carried(from, to netip.Addr) int { return w.flows[[2]netip.Addr{from, to}] }

// source gives each actor its own stream of random bytes, so that one's draws don't shift another's.
func (w *World) source(name string) *source {
	var seed [32]byte
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), w.seed))
	copy(seed[:], sum[:])
	return &source{rand.NewChaCha8(seed), w.ears}
}

// source is one actor's randomness. It does not lead to the world: privacy_test.go looks through all that an actor can reach.
type source struct {
	*rand.ChaCha8
	ears *ears
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.ChaCha8.Read(b)
	s.ears.overhear(b)
	return n, err
}

// At runs f at a time, not before now.
func (w *World) At(at time.Time, f func(now time.Time)) { w.schedule(at, happening{do: f}) }

func (w *World) schedule(at time.Time, what happening) {
	if at.Before(w.now) {
		at = w.now
	}
	w.queue.push(at.Sub(Start), what)
}

// After runs f after a while.
func (w *World) After(d time.Duration, f func(now time.Time)) { w.At(w.now.Add(d), f) }

// Run moves time forward by d.
func (w *World) Run(d time.Duration) { w.RunUntil(d, func() bool { return false }) }

// maxSteps bounds one RunUntil: a machine whose deadline does not move would keep the world at one instant for ever.
const maxSteps = 20_000_000

// RunUntil moves time forward until cond holds, at most by d, and reports whether it held.
func (w *World) RunUntil(d time.Duration, cond func() bool) bool {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if cond() {
			return true
		}
		if w.queue.empty() || w.queue.next() > end.Sub(Start) {
			w.now = end
			return cond()
		}
		if steps > maxSteps {
			panic(fmt.Sprintf("sim: %d events without reaching %v: a deadline does not move", steps, end.Sub(Start)))
		}
		e := w.queue.pop()
		w.now = Start.Add(e.at)
		switch {
		case e.do != nil:
			e.do(w.now)
		case e.wake != nil:
			e.wake.ring(w, e.at)
		default:
			w.arrive(e.parcel)
		}
	}
}

// send puts a datagram that left its site (or the server) into the core.
func (w *World) send(p natsim.Packet) {
	w.record(p)
	if w.ears != nil {
		w.ears.datagram(p)
	}
	if w.tap != nil {
		w.tap(p)
	}
	if p.TTL <= 1 { // the core is a router too
		return
	}
	p.TTL--
	c := w.weather
	if len(w.cuts) > 0 && w.cuts[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}] || c.MTU > 0 && len(p.Data) > c.MTU || w.lost(c, p) {
		return
	}
	if len(w.harm) > 0 && w.rng.Float64() < w.harm[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}] {
		return
	}
	by := w.slow[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}]
	w.deliver(p, w.delay(c)+by)
	if w.rng.Float64() < c.Duplicate {
		w.deliver(p, w.delay(c)+by)
	}
}

// lost draws whether a datagram is lost: by itself, or by a chain with a good and a bad state for each pair of addresses.
func (w *World) lost(c Weather, p natsim.Packet) bool {
	if c.Run <= 1 {
		return w.rng.Float64() < c.Loss
	}
	way := [2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}
	change := 1 / c.Run // out of the bad state
	if !w.bad[way] {
		change = c.Loss / (1 - c.Loss) / c.Run
	}
	if w.rng.Float64() < change {
		w.bad[way] = !w.bad[way]
	}
	return w.bad[way]
}

func (w *World) delay(c Weather) time.Duration {
	d := c.Delay
	if c.Jitter > 0 {
		d += time.Duration(w.rng.Int64N(int64(c.Jitter)))
	}
	if w.rng.Float64() < c.Reorder {
		hold := c.ReorderBy
		if hold == 0 {
			hold = c.Delay
		}
		d += hold
	}
	return d
}

// parcel is a datagram on its way. Its bytes are its own.
type parcel struct {
	natsim.Packet
	to *Client // on the local network; nil: through the core
	at *Site   // on the local network, to the box of a site inside; nil as well
}

// ship copies a packet for its journey.
func (w *World) ship(p natsim.Packet, after time.Duration, to *Client, at *Site) {
	var box *parcel
	if n := len(w.spare); n > 0 {
		box, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		box = &parcel{}
	}
	p.Data = append(box.Data[:0], p.Data...)
	if c := w.weather.Corrupt; c > 0 && len(p.Data) > 0 && w.rng.Float64() < c {
		p.Data[w.rng.IntN(len(p.Data))] ^= 1 << w.rng.IntN(8)
	}
	*box = parcel{p, to, at}
	w.schedule(w.now.Add(after), happening{parcel: box})
}

func (w *World) deliver(p natsim.Packet, after time.Duration) { w.ship(p, after, nil, nil) }

func (w *World) arrive(box *parcel) {
	p := box.Packet
	switch {
	case box.to != nil:
		box.to.receive(w.now, p)
	case box.at != nil:
		box.at.receive(w.now, p)
	default:
		w.flows[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}]++
		dst := p.Dst.Addr()
		if s := w.servers[dst]; s != nil {
			s.receive(w.now, p)
		} else if site := w.sites[dst]; site != nil {
			site.receive(w.now, p)
		} else if c := w.hosts6[dst]; c != nil {
			c.receive6(w.now, p)
		}
	}
	w.spare = append(w.spare, box)
}

func (w *World) record(p natsim.Packet) {
	var b [64]byte
	out := binary.BigEndian.AppendUint64(b[:0], uint64(w.now.Sub(Start)))
	out = p.Src.Addr().AppendTo(out)
	out = binary.BigEndian.AppendUint16(out, p.Src.Port())
	out = p.Dst.Addr().AppendTo(out)
	out = binary.BigEndian.AppendUint16(out, p.Dst.Port())
	w.trace.Write(append(out, p.TTL))
	w.trace.Write(p.Data)
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
