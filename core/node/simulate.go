package node

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/impair"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Simulation is a bad network between this client and everybody, the server included: what CmdSimulate asks for. A
// direction's zero Config leaves it alone.
type Simulation struct {
	Out, In         impair.Config
	OutSeed, InSeed uint64
	// The same, but only for what goes to, or comes from, other players directly: the server and what it relays are spared.
	OutDirect, InDirect bool
}

// simulator holds back, loses and repeats datagrams between the endpoint and the sockets. A direction that is off is nil.
//
//	endpoint ── transmit ──▶ out ──▶ netio
//	endpoint ◀── deliver ─── in ◀── netio
type simulator struct {
	out *impair.Pipe[endpoint.Transmit]
	in  *impair.Pipe[arrival]

	outDirect, inDirect bool
}

// spared reports whether a datagram passes a simulation of direct paths only.
func (o *owner) spared(directOnly bool, b []byte, other netip.AddrPort) bool {
	return directOnly && (wire.FamilyOf(b) != wire.FamilySession || other == o.engine.Server())
}

// arrival is where a datagram came in, and from whom.
type arrival struct {
	socket api.SocketID
	from   netip.AddrPort
}

// simulate changes the network from now on; datagrams under way keep their times.
func (o *owner) simulate(s *Simulation) {
	if s == nil {
		s = &Simulation{}
	}
	for _, c := range []impair.Config{s.Out, s.In} {
		if err := c.Check(); err != nil {
			o.log(logError, fmt.Sprintf("the network is not simulated: %v", err))
			return
		}
	}
	o.sim.outDirect, o.sim.inDirect = s.OutDirect, s.InDirect
	o.sim.out = oneWay(o.sim.out, s.Out, s.OutSeed)
	o.sim.in = oneWay(o.sim.in, s.In, s.InSeed)
}

// oneWay sets one direction. One that is switched off stays until it is empty.
func oneWay[T any](p *impair.Pipe[T], c impair.Config, seed uint64) *impair.Pipe[T] {
	off := c == impair.Config{}
	switch {
	case off && (p == nil || p.Len() == 0):
		return nil
	case p == nil || !off && seed != 0 && p.Len() == 0: // a seed that was named repeats its dice
		return impair.New[T](c, seed)
	}
	p.SetConfig(c)
	return p
}

// sendDue hands over what has been under way long enough.
func (o *owner) sendDue() {
	for {
		tx, b, ok := o.sim.out.Pop(o.now)
		if !ok {
			break
		}
		o.put(&tx, b)
	}
	if o.sim.out.Idle() {
		o.sim.out = nil
	}
}

// deliverDue hands the endpoint what has been under way long enough, and reports whether there was anything.
func (o *owner) deliverDue() (any bool) {
	for {
		a, b, ok := o.sim.in.Pop(o.now)
		if !ok {
			break
		}
		any = true
		o.engine.HandleDatagram(o.now, a.socket, a.from, b)
	}
	if o.sim.in.Idle() {
		o.sim.in = nil
	}
	return any
}

// next is when a datagram under way is due.
func (s *simulator) next() (at time.Time) {
	if s.out != nil {
		at = s.out.NextTimeout()
	}
	if s.in != nil {
		at = deadline.Earlier(at, s.in.NextTimeout())
	}
	return at
}

// sending reports whether datagrams of ours are under way: a client that closes lets its goodbye arrive.
func (s *simulator) sending() bool { return s.out != nil && s.out.Len() > 0 }
