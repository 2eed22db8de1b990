// Package rudp is the transport of one connection: it turns messages into the frames of packets and back, over several
// paths at once, and looks after acknowledgement, loss, congestion, fragmentation, order and credit. docs/PROTOCOL.md
// has the frames. It opens no socket, reads no clock and seals nothing; its owner does, with secure.Session.
//
// The owner, after every input or command:
//
//	for each open path: while AppendPacket says ok, seal and send
//	while NextEvent says ok, pass the event on
//	NextTimeout: call HandleTimeout no later
//
// A connection's life:
//
//	open ---- Close ----> lingering ---- all delivered, or linger over ----> closing ---- 3 PTO, or peer's CLOSE ----> ended
//	  |                       |                                                 ^
//	  +--- silence -----------+-------------------------------------------------+
//	  +--- peer's CLOSE ------+---> draining ---- 3 PTO ----> ended
package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

type state uint8

const (
	stateOpen      state = iota
	stateLingering       // Close was called; what was accepted is still delivered
	stateClosing         // our CLOSE is out; every packet that comes is answered with it
	stateDraining        // the peer's CLOSE came; nothing more is sent but one CLOSE in answer
	stateEnded
)

// Conn is one connection. It is not safe for concurrent use, and its memory is bounded by the budgets of its Config.
type Conn struct {
	cfg    Config
	epoch  time.Time
	now    moment // of the current call; never goes backwards
	wanted moment // what NextTimeout said last
	state  state

	route   wire.PathID
	leaving leaving
	paths   [dataPaths]*path    // nil: never opened
	acks    [dataPaths]ackState // by the peer's path

	queue  sendQueue
	credit credit
	inbox  inbox
	crypto *cryptoStream // nil without Config.Crypto
	hold   bool          // see Hold
	pool   pool
	events seq.Ring[queuedEvent]
	lent   *buffer // behind the Data of the last event

	ackScratch wire.Ack
	live       liveness
	suspended  suspension
	closing    closing
	trimAt     moment
	trimmed    uint64 // packets received before the last trim
	stats      Stats
	meters     meters
}

// Stats counts what happened to packets and messages.
type Stats struct {
	Received        uint64 // packets taken
	Duplicates      uint64 // packets seen before
	Refused         uint64 // packets left unacknowledged because the owner does not drain events
	RepeatedMessage uint64 // message frames that brought nothing new
	LateUnreliable  uint64 // unreliable frames too old to deliver
	Repaired        uint64 // packets that did not come but whose reliable messages REPAIR frames brought
	Evicted         uint64 // unreliable messages given up during reassembly
	Overrun         uint64 // unreliable messages dropped because the owner does not drain events
	BlackHoles      uint64 // times that large packets stopped passing on a path
	Expired         uint64 // own unreliable messages dropped because their deadline passed before they could leave

	SentBytes   uint64 // of packets, as the path sees them without the headers of IP and UDP
	Repairs     uint64 // REPAIR frames sent
	RepairBytes uint64 // of SentBytes, those for REPAIR frames
	Resent      uint64 // message frames sent again
}

// New makes an open connection without paths.
func New(now time.Time, cfg Config) *Conn {
	// The epoch lies a second back so that no moment is zero.
	c := &Conn{cfg: cfg.withDefaults(), epoch: now.Add(-time.Second), route: noPath}
	c.tick(now)
	c.credit.init(&c.cfg)
	c.live.init(c.now)
	c.meters.init()
	if cfg.Crypto {
		c.crypto = new(cryptoStream)
	}
	return c
}

// tick takes the caller's time; a clock that goes backwards stands still instead.
func (c *Conn) tick(now time.Time) {
	c.now = max(c.now, moment(now.Sub(c.epoch)), 1)
	if c.wanted != 0 && c.now.since(c.wanted) > stallSlack {
		c.stalled(c.now.since(c.wanted))
	}
}

// stallSlack is how late a caller may be, at most, without having been away from its processor.
const stallSlack = 250 * time.Millisecond

// stalled: whoever calls us was away, or the clock jumped. What was under way meanwhile says nothing about the paths (one
// such RTT of 30 s made the next probe timeout two minutes), and that nothing was heard is nobody's silence.
func (c *Conn) stalled(gap time.Duration) {
	c.wanted = 0
	c.live.heard = min(c.live.heard.add(gap), c.now)
	c.distrustRTT()
}

// distrustRTT takes no RTT from what has left so far.
func (c *Conn) distrustRTT() {
	for _, p := range c.paths {
		if p != nil && p.open {
			p.opened = c.now
		}
	}
}

// time turns a moment into the caller's time; zero stays zero.
func (c *Conn) time(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return c.epoch.Add(time.Duration(m))
}

// Stats is a snapshot of the counters.
func (c *Conn) Stats() Stats { return c.stats }

// Every failure that Send and HandlePacket report.
var (
	errOutgoing   = api.NewError(api.ErrValue, "no such delivery mode or priority, or a deadline on a reliable message")
	errClosed     = api.NewError(api.ErrClosed, "the connection is closed")
	errTooLarge   = api.NewError(api.ErrTooLarge, "the message is larger than its mode allows")
	errWouldBlock = api.NewError(api.ErrWouldBlock, "the send budget is used up, wait for WRITABLE")

	errFrame     = api.NewError(api.ErrProtocol, "the peer sent a malformed frame")
	errPath      = api.NewError(api.ErrProtocol, "the peer sent data on a path that carries none")
	errAckUnsent = api.NewError(api.ErrProtocol, "the peer acknowledged a packet that was never sent")
	errCredit    = api.NewError(api.ErrProtocol, "the peer sent more than its credit")
	errWindow    = api.NewError(api.ErrProtocol, "the peer sent too far ahead of what arrived")
	errSize      = api.NewError(api.ErrProtocol, "the peer sent a message over the size limit, or of changing size")
)
