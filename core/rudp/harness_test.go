package rudp

import (
	"container/heap"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// seeds multiplies the number of seeds of the long stories: go test ./core/rudp -args -seeds 50
var seeds = flag.Int("seeds", 1, "how many times as many seeds to play")

// A pair is two connections joined by virtual links, one per path and direction, under a virtual clock. All chance
// comes from the seed.
type pair struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Time
	ends    [2]*end
	links   [dataPaths]link
	flights flights
	order   uint64
	trace   uint64 // hash of everything delivered, for determinism

	onPacket func(from, frames int) // nil, or told of every packet's frame bytes
	onEvent  func(e *end, ev Event) // nil, or told of every event instead of keeping it
	// onSettled is nil, or told of each end that has nothing more to say or to tell.
	onSettled func(i int)
}

// link says what a path does to packets, in both directions.
type link struct {
	delay     time.Duration // one way
	jitter    time.Duration // up to so much more: reorders
	loss      float64
	run, runs float64 // mean length of runs of losses, in packets, and the share lost to them; run 0: none
	inRun     [2]bool
	duplicate float64
	cut       bool
	rate      int                                         // bytes a second each way; 0: no limit
	buffer    time.Duration                               // longest queue of a limited link
	busy      [2]time.Time                                // when the queue of either direction is empty
	lose      func(from int, number uint64) bool          // a scripted loss
	late      func(from int, number uint64) time.Duration // a scripted delay
	mtu       int                                         // frame bytes of the largest packet that passes; 0: no limit
}

// end is one side and what it has seen so far.
type end struct {
	*Conn
	name     string
	numbers  [dataPaths]uint64 // next packet number
	sent     [dataPaths]int    // packets
	got      []Event           // messages with their own copy of Data
	pollLess bool              // leave events in the connection
	hoard    bool              // take events but consume no credit
	owed     int
}

type flight struct {
	at     time.Time
	order  uint64
	to     int
	path   wire.PathID
	number uint64
	frames []byte
}

type flights []*flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at.Before(f[j].at) || f[i].at.Equal(f[j].at) && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(*flight)) }
func (f *flights) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

var testStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// newPair has both ends talk on path 0 with 20 ms each way.
func newPair(t *testing.T, seed int64, cfg Config) *pair {
	p := &pair{t: t, rng: rand.New(rand.NewSource(seed)), now: testStart}
	for i := range p.links {
		p.links[i].delay = 20 * time.Millisecond
	}
	for i, name := range []string{"alice", "bob"} {
		p.ends[i] = &end{Conn: New(p.now, cfg), name: name}
		p.ends[i].OpenPath(p.now, 0, wire.MaxFramesRelayed, 0)
		p.ends[i].SetRoute(p.now, 0)
	}
	return p
}

func (p *pair) alice() *end { return p.ends[0] }
func (p *pair) bob() *end   { return p.ends[1] }

// openDirect opens path 2 on both sides.
func (p *pair) openDirect() {
	for _, e := range p.ends {
		e.OpenPath(p.now, 2, wire.MaxFrames, 0)
		e.SetReturn(2, 2)
	}
}

// settle does what an owner does after every input: transmits, then events.
func (p *pair) settle(i int) {
	e := p.ends[i]
	for again := true; again; {
		again = false
		for id := range wire.PathID(dataPaths) {
			for p.transmit(i, id) {
				again = true
			}
		}
		for !e.pollLess {
			ev, ok := e.NextEvent()
			if !ok {
				break
			}
			again = true
			p.take(e, ev)
		}
	}
	if p.onSettled != nil {
		p.onSettled(i)
	}
}

func (p *pair) take(e *end, ev Event) {
	p.mix(uint64(ev.Kind), uint64(len(ev.Data)), uint64(p.now.Sub(testStart)))
	if p.onEvent != nil {
		p.onEvent(e, ev)
	} else {
		ev.Data = append([]byte(nil), ev.Data...)
		e.got = append(e.got, ev)
	}
	if ev.Kind == EventMessage && ev.Mode.Reliable() {
		if e.owed += len(ev.Data); !e.hoard {
			e.Consumed(p.now, e.owed)
			e.owed = 0
		}
	}
}

// transmit asks for one packet and puts it on its way.
func (p *pair) transmit(i int, id wire.PathID) bool {
	e := p.ends[i]
	prefix := []byte("prefix")
	number := e.numbers[id]
	out, ok := e.AppendPacket(p.now, id, number, prefix)
	frames := out[len(prefix):]
	if !ok {
		if len(frames) != 0 {
			p.t.Fatalf("%s: refused packet left %d bytes", e.name, len(frames))
		}
		return false
	}
	if len(frames) == 0 || len(frames) > max(e.paths[id].maxFrames, e.paths[id].mtu.size) {
		p.t.Fatalf("%s: packet of %d frame bytes on path %d", e.name, len(frames), id)
	}
	e.numbers[id]++
	e.sent[id]++
	if p.onPacket != nil {
		p.onPacket(i, len(frames))
	}
	l := &p.links[id]
	if l.cut || l.mtu > 0 && len(frames) > l.mtu || p.rng.Float64() < l.loss || l.lose != nil && l.lose(i, number) {
		return true
	}
	if l.run > 1 {
		leave := 1 / l.run // Gilbert's model: a run ends after each packet with this chance
		if l.inRun[i] && p.rng.Float64() < leave {
			l.inRun[i] = false
		} else if !l.inRun[i] && p.rng.Float64() < leave*l.runs/(1-l.runs) {
			l.inRun[i] = true
		}
		if l.inRun[i] {
			return true
		}
	}
	queued := time.Duration(0)
	if l.rate > 0 {
		if l.busy[i].Before(p.now) {
			l.busy[i] = p.now
		}
		if queued = l.busy[i].Sub(p.now); queued > l.buffer {
			return true
		}
		l.busy[i] = l.busy[i].Add(time.Duration(len(frames)+52) * time.Second / time.Duration(l.rate))
		queued = l.busy[i].Sub(p.now)
	}
	copies := 1
	if p.rng.Float64() < l.duplicate {
		copies = 2
	}
	for range copies {
		at := p.now.Add(l.delay + queued)
		if l.late != nil {
			at = at.Add(l.late(i, number))
		}
		if l.jitter > 0 {
			at = at.Add(time.Duration(p.rng.Int63n(int64(l.jitter))))
		}
		p.order++
		heap.Push(&p.flights, &flight{at: at, order: p.order, to: 1 - i, path: id, number: number, frames: frames})
	}
	return true
}

func (p *pair) mix(values ...uint64) {
	for _, v := range values {
		p.trace = (p.trace ^ v) * 0x100000001b3
	}
}

// next is when something happens next.
func (p *pair) next() (at time.Time, who int) {
	who = -1
	for i, e := range p.ends {
		if d := e.NextTimeout(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at, who = d, i
		}
	}
	if len(p.flights) > 0 && (at.IsZero() || !p.flights[0].at.After(at)) {
		return p.flights[0].at, 2
	}
	return at, who
}

// advance lets d pass. A connection that keeps asking for the same instant is stuck in a busy loop.
func (p *pair) advance(d time.Duration) { p.advanceUntil(d, func() bool { return false }) }

// advanceUntil lets at most d pass and stops as soon as done says so; it reports whether it did.
func (p *pair) advanceUntil(d time.Duration, done func() bool) bool {
	p.settle(0)
	p.settle(1)
	limit, spins := p.now.Add(d), 0
	for !done() {
		at, who := p.next()
		if who < 0 || at.After(limit) {
			p.now = limit
			return false
		}
		if spins++; at.After(p.now) {
			p.now, spins = at, 0
		}
		if spins > 20000 {
			p.t.Fatalf("busy loop at %v: %d", p.now.Sub(testStart), who)
		}
		if who == 2 {
			f := heap.Pop(&p.flights).(*flight)
			p.mix(uint64(f.path), f.number, uint64(len(f.frames)), uint64(f.at.Sub(testStart)))
			if err := p.ends[f.to].HandlePacket(p.now, f.path, f.number, f.frames); err != nil {
				p.t.Fatalf("%s at %v: %v", p.ends[f.to].name, p.now.Sub(testStart), err)
			}
			p.settle(f.to)
			continue
		}
		p.ends[who].HandleTimeout(p.now)
		p.settle(who)
	}
	return true
}

// body makes message number n of a channel: recognisable and of the given size.
func body(n uint64, size int) []byte {
	b := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(b, n)
	for i := 8; i < len(b); i++ {
		b[i] = byte(n*31 + uint64(i)*7)
	}
	return b
}

func (p *pair) send(e *end, mode api.Mode, channel uint8, data []byte) {
	p.t.Helper()
	if err := e.Send(p.now, mode, channel, 0, data); err != nil {
		p.t.Fatalf("%s sends: %v", e.name, err)
	}
}

// messages are the payloads received on a channel.
func (e *end) messages(mode api.Mode, channel uint8) (all [][]byte) {
	for _, ev := range e.got {
		if ev.Kind == EventMessage && ev.Mode == mode && ev.Channel == channel {
			all = append(all, ev.Data)
		}
	}
	return all
}

func (e *end) count(kind EventKind) (n int) {
	for _, ev := range e.got {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// wantNumbered fails unless got are exactly the bodies first, first+1, … in order.
func (p *pair) wantNumbered(got [][]byte, first uint64, count int, size func(uint64) int) {
	p.t.Helper()
	if len(got) != count {
		p.t.Fatalf("%d messages, want %d", len(got), count)
	}
	for i, b := range got {
		n := first + uint64(i)
		if want := body(n, size(n)); string(b) != string(want) {
			p.t.Fatalf("message %d: %s", i, describe(b, want))
		}
	}
}

func describe(got, want []byte) string {
	if len(got) < 8 || len(got) != len(want) {
		return fmt.Sprintf("%d bytes, want %d", len(got), len(want))
	}
	return fmt.Sprintf("is number %d, want %d", binary.BigEndian.Uint64(got), binary.BigEndian.Uint64(want))
}

func constant(size int) func(uint64) int { return func(uint64) int { return size } }
