package relay

import (
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ClientConfig is one leg as it was granted.
type ClientConfig struct {
	Rand  io.Reader
	Grant wire.RelayGrant
	Addr  netip.AddrPort // the relay, when the grant names none
}

// Client holds one leg.
//
//	idle --Bind--> binding --CHALLENGE--> proving --BOUND--> idle (bound)
//	                  \__ tries used up __/--> idle, EventFailed
//
// A leg that was bound, by the server or by an earlier Bind, stays usable while it is bound again.
type Client struct {
	rand     io.Reader
	grant    wire.RelayGrant
	addr     netip.AddrPort
	server   bool // addr is the server's: the grant names none
	now      time.Time
	handle   uint32
	rate     wire.RelayRate
	state    clientState
	nonce    [16]byte
	cookie   wire.Cookie
	counter  uint64 // of the last BIND2; each is new
	began    time.Time
	tries    int
	wait     time.Duration
	next     time.Time // when to send again
	due      bool
	events   []Event
	homeless bool // our address is another since the leg was bound, and BIND2 has not gone out yet
}

type clientState uint8

const (
	idle clientState = iota
	binding
	proving
)

// Retransmission of BIND and BIND2: 8 tries take 5.4 s.
const (
	firstWait = 200 * time.Millisecond
	mostWait  = 1500 * time.Millisecond
	mostTries = 8
)

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventBound  EventKind = iota + 1 // the leg can be used
	EventFailed                      // Bind got no answer
)

// Event is news of a leg.
type Event struct {
	Kind EventKind
	Rate wire.RelayRate
	Code api.Code
	Text string
}

// NewClient takes a leg. One that the server has bound already can be used at once.
func NewClient(cfg ClientConfig) *Client {
	c := &Client{rand: cfg.Rand, grant: cfg.Grant, addr: cfg.Grant.Addr, handle: cfg.Grant.Handle, rate: cfg.Grant.Rate}
	if !c.addr.IsValid() {
		c.addr, c.server = cfg.Addr, true
	}
	return c
}

// Bound reports whether a handle is known, so that packets may be sent.
func (c *Client) Bound() bool { return c.handle != 0 }

// Handle goes into every packet, and is in every packet that arrives.
func (c *Client) Handle() uint32 { return c.handle }

// Addr is the relay's address.
func (c *Client) Addr() netip.AddrPort { return c.addr }

// Follow tells where the server is now: a relay that is the server moved with it, or was started again, and must be asked
// whether it knows the leg. A Bind there that began a moment ago asks already.
func (c *Client) Follow(now time.Time, server netip.AddrPort) {
	moved := c.server && server.IsValid() && server != c.addr
	if moved {
		c.addr = server
	}
	if moved || c.state == idle || c.tries > 1 {
		c.Bind(now)
	}
}

// Through says that nothing but this server can be reached: it is to be the relay of this leg, whichever was.
func (c *Client) Through(server netip.AddrPort) { c.server = server.IsValid() }

// Rate is what the relay grants; zeros: no limit.
func (c *Client) Rate() wire.RelayRate { return c.rate }

// Moved is Bind for a client that knows that its address is another now: until the relay can know it, packets of ours are
// lost there. Homeless says so.
func (c *Client) Moved(now time.Time) {
	c.Bind(now)
	c.homeless = c.state == binding
}

// Homeless reports whether a packet sent now would come from an address that the relay does not know. From BIND2 on it knows:
// what follows arrives behind it.
func (c *Client) Homeless() bool { return c.homeless }

// Binding reports whether a Bind is under way.
func (c *Client) Binding() bool { return c.state != idle }

// Bind proves this client's present address to the relay. It may be called again at any time, after an address change or
// when nothing comes through; a Bind under way starts over.
func (c *Client) Bind(now time.Time) {
	now = c.clock(now)
	if len(c.grant.Ticket) == 0 || !c.addr.IsValid() {
		c.fail("relay bind: no ticket for a leg was granted")
		return
	}
	if _, err := io.ReadFull(c.rand, c.nonce[:]); err != nil {
		panic("relay: randomness: " + err.Error())
	}
	c.state, c.began, c.tries, c.wait, c.due = binding, now, 0, firstWait, true
}

// HandleDatagram takes a datagram of the relay family. It reports whether it was for this leg's Bind.
func (c *Client) HandleDatagram(now time.Time, b []byte) bool {
	c.clock(now)
	if c.state == idle || len(b) == 0 {
		return false
	}
	switch b[0] {
	case wire.TypeChallenge:
		m, ok := wire.ParseBindChallenge(b)
		if !ok || m.Nonce != c.nonce {
			return false
		}
		// A cookie is bound to our address and to a minute: another one means that the first may be no good any more.
		if c.state == binding || m.Cookie != c.cookie {
			c.state, c.cookie, c.due = proving, m.Cookie, true
			c.counter++
		}
		return true
	case wire.TypeBound:
		m, covered, ok := wire.ParseBound(b)
		if !ok || m.Nonce != c.nonce || m.Handle == 0 || !genuine(&c.grant.Key, covered, &m.MAC) {
			return false
		}
		c.state, c.due, c.next, c.homeless = idle, false, time.Time{}, false
		c.handle, c.rate = m.Handle, m.Rate
		c.events = append(c.events, Event{Kind: EventBound, Rate: m.Rate})
		return true
	}
	return false
}

// HandleTimeout sends again, or gives up.
func (c *Client) HandleTimeout(now time.Time) {
	now = c.clock(now)
	if c.state == idle || c.next.IsZero() || now.Before(c.next) {
		return
	}
	c.next = time.Time{}
	if c.tries >= mostTries {
		seconds := strconv.FormatFloat(now.Sub(c.began).Seconds(), 'f', 1, 64)
		c.fail("relay bind " + c.addr.String() + ": no answer to " + strconv.Itoa(c.tries) + " tries in " + seconds + " s")
		return
	}
	c.due = true
}

// NextTimeout is when HandleTimeout has something to do.
func (c *Client) NextTimeout() time.Time { return c.next }

// AppendTransmit appends the next datagram for Addr.
func (c *Client) AppendTransmit(now time.Time, dst []byte) (out []byte, ok bool) {
	now = c.clock(now)
	if !c.due {
		return dst, false
	}
	c.due = false
	c.tries++
	c.next = now.Add(c.wait)
	c.wait = min(c.wait*3/2, mostWait)
	if c.state == proving {
		m := wire.Bind2{Ticket: c.grant.Ticket, Nonce: c.nonce, Cookie: c.cookie, Counter: c.counter}
		out = wire.AppendBind2(dst, &m)
		c.homeless = false
	} else {
		out = wire.AppendBind(dst, &wire.Bind{Ticket: c.grant.Ticket, Nonce: c.nonce})
	}
	mac := seal(&c.grant.Key, out[len(dst):])
	return append(out, mac[:]...), true
}

// NextEvent takes the next event.
func (c *Client) NextEvent() (Event, bool) {
	if len(c.events) == 0 {
		return Event{}, false
	}
	e := c.events[0]
	c.events = append(c.events[:0], c.events[1:]...)
	return e, true
}

func (c *Client) fail(text string) {
	c.homeless = false // there is no better way either
	c.state, c.due, c.next = idle, false, time.Time{}
	c.events = append(c.events, Event{Kind: EventFailed, Code: api.ErrRelay, Text: text})
}

func (c *Client) clock(now time.Time) time.Time {
	if now.After(c.now) {
		c.now = now
	}
	return c.now
}
