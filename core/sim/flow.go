package sim

import (
	"encoding/binary"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rudp"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FlowConfig is one Musubi connection over a Bottleneck.
type FlowConfig struct {
	RTT    time.Duration // without queues
	Jitter time.Duration // of the way back, on top: an owner that is scheduled late
	Budget int           // send and receive budget, bytes; 0: the default
}

// Flow is one Musubi connection whose first end sends over a Bottleneck. It is rudp and nothing else.
type Flow struct {
	w      *World
	ends   [2]*flowEnd
	budget int

	// Bulk is what is left to send; BulkDone when all of it had arrived.
	Bulk     int
	BulkDone time.Time

	// Since Measure was called.
	since     time.Time
	delivered int             // bytes of bulk that arrived
	wire      int             // bytes of packets behind the bottleneck
	state     []time.Duration // one-way latency of state messages
	stateSent int
	modes     []api.Mode // of state; nil: none is sent
}

// flowEnd is one of the two transports, driven as its owner would.
type flowEnd struct {
	*rudp.Conn
	f      *Flow
	number uint64
	buf    []byte
	send   func(now time.Time, number uint64, b []byte)
	wake   wakeup
	last   time.Time // when the deadline was last served
}

const (
	flowPath    = wire.PathDirectFirst
	flowHeader  = wire.BaseDatagram - wire.MaxFrames // what sealing adds to the frames
	flowTimers  = time.Millisecond                   // core/node serves deadlines no more often
	bulkChannel = 9
	bulkMessage = 16 << 10
	bulkMargin  = 64 << 10 // bytes of budget
	stateEvery  = time.Second / 60
	stateSize   = 100
)

// AddFlow starts a connection.
func (l *Bottleneck) AddFlow(cfg FlowConfig) *Flow {
	if cfg.Budget == 0 {
		cfg.Budget = api.DefaultSendBytes
	}
	f := &Flow{w: l.w, since: l.w.now, budget: cfg.Budget}
	for i := range f.ends {
		e := &flowEnd{f: f, Conn: rudp.New(l.w.now, rudp.Config{SendBudget: cfg.Budget, RecvBudget: cfg.Budget, IdleTimeout: time.Hour})}
		e.OpenPath(l.w.now, flowPath, wire.MaxFrames, cfg.RTT)
		e.SetRoute(l.w.now, flowPath)
		e.wake = newWakeup(e.timeout)
		f.ends[i] = e
	}
	there := newWireDelay(l.w, cfg.RTT/2, 0, f.ends[1])
	back := newWireDelay(l.w, cfg.RTT-cfg.RTT/2, cfg.Jitter, f.ends[0])
	f.ends[0].send = func(now time.Time, number uint64, b []byte) { l.push(now, there, number, b) }
	f.ends[1].send = func(now time.Time, number uint64, b []byte) { back.arrive(now, crossing{number: number}, b) }
	return f
}

// Stats of the sender's path.
func (f *Flow) Stats() rudp.PathStats { return f.ends[0].PathStats(flowPath) }

// SendBulk starts a transfer of so many bytes, in reliable ordered messages of 16 KiB on a channel of its own.
func (f *Flow) SendBulk(bytes int) {
	f.Bulk = bytes
	f.ends[0].settle(f.w.now)
}

// SendState sends 100 bytes 60 times a second in each of the modes until StopState.
func (f *Flow) SendState(modes ...api.Mode) {
	f.modes = modes
	var step func(now time.Time)
	step = func(now time.Time) {
		if f.modes == nil {
			return
		}
		var b [stateSize]byte
		binary.BigEndian.PutUint64(b[:], uint64(now.Sub(Start)))
		for _, mode := range f.modes {
			if f.sendState(now, mode, b[:]) == nil {
				f.stateSent++
			}
		}
		f.ends[0].settle(now)
		f.w.After(stateEvery, step)
	}
	f.w.After(0, step)
}

// StopState ends SendState.
func (f *Flow) StopState() { f.modes = nil }

func (f *Flow) sendState(now time.Time, mode api.Mode, b []byte) error {
	return f.ends[0].SendMessage(now, api.Outgoing{Mode: mode, Priority: api.PriorityHigh}, b)
}

func (f *Flow) sendBulk(now time.Time) {
	var body [bulkMessage]byte
	for f.Bulk > 0 && f.ends[0].Queued() < f.budget-bulkMargin { // a game keeps room for its state
		n := min(f.Bulk, bulkMessage)
		if f.ends[0].Send(now, api.ReliableOrdered, bulkChannel, 0, body[:n]) != nil {
			return
		}
		f.Bulk -= n
	}
}

// Measure starts the figures anew.
func (f *Flow) Measure() {
	f.since, f.delivered, f.wire, f.state, f.stateSent = f.w.now, 0, 0, f.state[:0], 0
}

// Rate is bulk payload delivered since Measure, bit/s.
func (f *Flow) Rate() float64 { return rateOf(f.delivered, f.w.now.Sub(f.since)) }

// WireRate is everything of this flow that crossed the bottleneck since Measure, bit/s.
func (f *Flow) WireRate() float64 { return rateOf(f.wire, f.w.now.Sub(f.since)) }

// State is the one-way latency of the state messages that arrived since Measure, and the share of those sent that did.
func (f *Flow) State() (Spread, float64) {
	return NewSpread(f.state), float64(len(f.state)) / float64(max(f.stateSent, 1))
}

func rateOf(bytes int, d time.Duration) float64 { return float64(bytes) * 8 / max(d.Seconds(), 1e-9) }

// arrive takes a packet behind the bottleneck, or an answer.
func (e *flowEnd) arrive(now time.Time, c crossing, b []byte) {
	e.f.wire += c.wire
	if err := e.HandlePacket(now, flowPath, c.number, b[flowHeader:]); err != nil {
		panic("sim: " + err.Error())
	}
	e.settle(now)
}

func (e *flowEnd) timeout(now time.Time) {
	e.last = now
	e.HandleTimeout(now)
	e.settle(now)
}

// settle drains the connection as an owner does.
func (e *flowEnd) settle(now time.Time) {
	if e == e.f.ends[0] {
		e.f.sendBulk(now)
	}
	for ev, ok := e.NextEvent(); ok; ev, ok = e.NextEvent() {
		if ev.Kind == rudp.EventMessage {
			e.f.received(now, &ev)
			if ev.Mode.Reliable() {
				e.Consumed(now, len(ev.Data))
			}
		}
	}
	for {
		e.buf = append(e.buf[:0], make([]byte, flowHeader)...)
		out, ok := e.AppendPacket(now, flowPath, e.number, e.buf)
		if !ok {
			break
		}
		e.buf = out
		e.send(now, e.number, out)
		e.number++
	}
	next := e.NextTimeout()
	if soonest := e.last.Add(flowTimers); !next.IsZero() && next.Before(soonest) {
		next = soonest
	}
	e.wake.set(e.f.w, next)
}

func (f *Flow) received(now time.Time, ev *rudp.Event) {
	if ev.Mode == api.ReliableOrdered && ev.Channel == bulkChannel {
		f.delivered += len(ev.Data)
		if f.Bulk == 0 {
			f.BulkDone = now
		}
		return
	}
	sent := Start.Add(time.Duration(binary.BigEndian.Uint64(ev.Data)))
	f.state = append(f.state, now.Sub(sent))
}
