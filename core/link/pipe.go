package link

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rudp"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// path is the one path of a link. Its address may change under it; a new address of a client is proven on PathProbe.
const path = wire.PathDirectFirst

// pipe is what both ends do alike: seal and open packets, and carry signals as reliable ordered messages on channel 0.
type pipe struct {
	keys *secure.Session
	conn *rudp.Conn // nil while the pipe rests: use awake
	rest resting
	// asked is when the oldest packet that wants an acknowledgement went out since the last one that brought any; zero: none.
	// Other packets of the other end show only that it can reach us.
	asked time.Time
	out   []byte // one signal to send, reused
	in    []byte // one signal received, reused
	drops *Drops // a server's links count together
}

// Drops counts what arrived for a session and was ignored, by reason.
type Drops struct {
	Auth   uint64 // did not open
	Replay uint64 // opened, seen before
	Format uint64 // not a packet of this version
	Probe  uint64 // path probe that was malformed or not asked for
	Signal uint64 // message that is no signal we know
}

// The client keeps the link alive, because its NAT forgets. The server asks only when that has not been heard.
var (
	clientTransport = rudp.Config{SendBudget: sendBudget, RecvBudget: recvBudget, IdleTimeout: idleTimeout, KeepAlive: keepAlive}
	serverTransport = rudp.Config{SendBudget: sendBudget, RecvBudget: recvBudget, IdleTimeout: idleTimeout, KeepAlive: serverKeepAlive, LongestPTO: serverLongestPTO}
)

// newPipe makes one end: the server's if there are spares for its rest.
func newPipe(now time.Time, keys *secure.Session, rtt time.Duration, drops *Drops, spares *spares) *pipe {
	transport := &clientTransport
	if spares != nil {
		transport = &serverTransport
	}
	p := &pipe{drops: drops, keys: keys, conn: rudp.New(now, *transport), rest: resting{spares: spares}}
	p.conn.OpenPath(now, path, wire.MaxFrames, rtt)
	p.conn.SetRoute(now, path)
	return p
}

// open authenticates a packet. What it carries for RUDP is handled; what it carries on PathProbe is returned. ok is
// false for anything that was dropped. b is decrypted in place.
func (p *pipe) open(now time.Time, b []byte) (number uint64, probe wire.Probe, probed, ok bool) {
	id, number, frames, err := p.keys.Open(b)
	switch err {
	case nil:
	case secure.ErrReplay:
		p.drops.Replay++
		return 0, probe, false, false
	case secure.ErrAuth:
		p.drops.Auth++
		return 0, probe, false, false
	default:
		p.drops.Format++
		return 0, probe, false, false
	}
	if id == wire.PathProbe {
		if probe, ok = wire.ParseProbe(frames); !ok {
			p.drops.Probe++
		}
		return number, probe, true, ok
	}
	rested := p.conn == nil
	conn := p.awake(now)
	if err := conn.HandlePacket(now, id, number, frames); err != nil {
		conn.Close(now, api.ErrProtocol, "malformed frame on the link", 0)
	}
	if rested && !conn.HasEvents() { // a keepalive: no company will come for its acknowledgement
		conn.AckNow()
	}
	p.noteAsked(now)
	return number, probe, false, true
}

// append appends the next packet, if there is one to send now.
func (p *pipe) append(now time.Time, dst []byte) ([]byte, bool) {
	if p.conn == nil {
		return dst, false
	}
	out, number := p.keys.Begin(dst, path)
	out, ok := p.conn.AppendPacket(now, path, number, out)
	if !ok {
		return dst, false
	}
	out = p.keys.Seal(out, len(dst))
	p.noteAsked(now)
	return out, true
}

// noteAsked keeps p.asked true to what RUDP waits for.
func (p *pipe) noteAsked(now time.Time) {
	switch {
	case p.conn.Unheard(path) == 0:
		p.asked = time.Time{}
	case p.asked.IsZero():
		p.asked = now
	}
}

// appendProbe seals a path probe without padding.
func (p *pipe) appendProbe(dst []byte, probe *wire.Probe) []byte {
	out, _ := p.keys.Begin(dst, wire.PathProbe)
	return p.keys.Seal(wire.AppendProbe(out, probe), len(dst))
}

// send queues a signal. On an error nothing was queued: ErrTooLarge, ErrWouldBlock, ErrClosed.
func (p *pipe) send(now time.Time, s *wire.Signal) error {
	p.out = wire.AppendSignal(p.out[:0], s)
	if len(p.out) > wire.MaxSignal {
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("signal %d has %d bytes: at most %d", s.Type, len(p.out), wire.MaxSignal))
	}
	return p.awake(now).Send(now, api.ReliableOrdered, 0, 0, p.out)
}

// largest is how many bytes of a signal this end takes.
func (p *pipe) largest() int {
	if p.rest.spares != nil { // the server's end
		return wire.MaxUpSignal
	}
	return wire.MaxSignal
}

// receive takes the next signal or the news that the connection ended. The signal's bytes are valid until the next call
// of receive; done is true when there is nothing more.
func (p *pipe) receive(now time.Time) (s wire.Signal, closed *rudp.Event, done bool) {
	for {
		if p.conn == nil {
			return s, nil, true
		}
		ev, ok := p.conn.NextEvent()
		if !ok {
			return s, nil, true
		}
		switch ev.Kind {
		case rudp.EventMessage:
			size := len(ev.Data)
			if size <= p.largest() { // a larger one is not even kept: it would be memory for the link's whole life
				p.in = append(p.in[:0], ev.Data...) // the event's bytes end with the next call into the connection
			}
			if ev.Mode.Reliable() {
				p.conn.Consumed(now, size)
			}
			if size > p.largest() {
				p.drops.Signal++
				continue
			}
			s, ok := wire.ParseSignal(p.in)
			if !ok || ev.Mode != api.ReliableOrdered || ev.Channel != 0 {
				p.drops.Signal++ // a signal of a later version, or nonsense
				continue
			}
			return s, nil, false
		case rudp.EventClosed:
			return s, &ev, false
		}
	}
}

func (p *pipe) rtt() time.Duration {
	if p.conn == nil {
		return p.rest.state.RTT()
	}
	return p.conn.RTT(path)
}

// sameAddr compares addresses, taking IPv4 mapped into IPv6 as IPv4.
func sameAddr(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap()
}
