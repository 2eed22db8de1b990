package cluster

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Times of docs/CLUSTER.md.
const (
	RenewEvery = time.Second      // the lease
	FenceAfter = 8 * time.Second  // without a renewal: no room changes that has members elsewhere
	DeadAfter  = 10 * time.Second // without a renewal others take over; also the roster's keys' lifetime
	CutAfter   = 15 * time.Second // without a bus: our clients are better off elsewhere
	KeyLife    = 15 * time.Minute // of the directory's keys
	keyRefresh = 5 * time.Minute
	opTime     = 2 * time.Second // an operation of the directory
	lookTries  = 3               // looks after one that was not answered
	// doubtsAtOnce: keys that are asked for again with one renewal of the lease; the bus has 256 requests under way.
	doubtsAtOnce = 1000
	seekAgain    = 500 * time.Millisecond // a search that could not be answered, but may be soon
)

// Config is what a Node needs.
type Config struct {
	Rand   io.Reader
	Name   string           // stays over restarts; unique in the cluster
	Key    secure.TicketKey // seals frames
	Addr   netip.AddrPort   // where clients reach us
	Region byte
	// Load is asked when the lease is renewed.
	Load func() uint32
}

// Node is one node's part of the cluster. Not safe for two goroutines at once.
type Node struct {
	cfg   Config
	id    uint32
	now   time.Time
	pairs map[uint32]*pair
	order []*pair // the same, in an order that is the same in every run
	left  int     // pairs from here on are still to be asked for frames

	roster  roster
	up      bool // the bus
	drained bool

	clients map[uint64]*client // of ours: looking for a room, or attached elsewhere
	guests  map[uint64]*guest  // of others: in our rooms
	data    map[uint64]*farData
	rooms   map[string]*held // our rooms' keys
	taking  map[string]int   // attempts to take a room over that are under way
	held    []heldEvent      // of guests that wait for the last of them

	ops     map[uint64]op
	opTimes line[uint64]
	lastOp  uint64
	again   line[*client]
	renewal line[string]
	doubts  []string // codes of keys whose renewal was not answered
	hands   map[uint64]*hand
	handed  line[uint64]

	bus    []BusOut
	events []Event
	stats  Stats
	plain  []byte // scratch
}

// Stats are counters, except Clients, Guests, Held, Nodes and LeaseAge, which are as they are now.
type Stats struct {
	Nodes            int // alive, this one included
	Clients          int // ours in rooms of other nodes
	Guests           int // theirs in our rooms
	Held             int // keys
	LeaseAge         time.Duration
	Fenced           bool
	Sent, Received   uint64 // frames
	Repeated         uint64
	OutOfOrder       uint64 // frames that came again, behind a gap, or before their sender's hello
	Foreign          uint64 // frames that don't open, or are not for us
	Restarts         uint64 // pairs that began anew
	TakenOver        uint64
	RoomsLost        uint64
	Failed           uint64 // operations of the directory without an answer
	Asked, Unmatched uint64
}

// New makes a node. It is alone until the bus is up.
func New(now time.Time, cfg Config) *Node {
	n := &Node{
		cfg: cfg, now: now, pairs: map[uint32]*pair{}, clients: map[uint64]*client{}, guests: map[uint64]*guest{},
		rooms: map[string]*held{}, data: map[uint64]*farData{}, taking: map[string]int{}, ops: map[uint64]op{}, hands: map[uint64]*hand{},
	}
	n.roster.init(now)
	for n.id == 0 {
		var b [4]byte
		n.random(b[:])
		n.id = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return n
}

// ID is the node's; random at each start and not zero.
func (n *Node) ID() uint32 { return n.id }

// BusOut is something for the bus to do.
type BusOut struct {
	Kind BusKind
	To   uint32 // Publish: a node's id, 0: all
	Data []byte // Publish: the frame; Create, Update, Renew: the value
	Key  string // of the directory; Renew, Retire: the node's name
	Op   uint64 // to be given back with the answer, or to HandleRenewed
	Rev  uint64 // Update, Delete: the revision that the key must have
}

// BusKind is what the bus is to do.
type BusKind uint8

const (
	Publish BusKind = iota + 1
	Lookup          // directory: HandleAnswer
	Create          // if there is no such key: HandleAnswer
	Update          // if the key has that revision: HandleAnswer
	Delete          // if the key has that revision; no answer
	Check           // the roster, as Lookup: HandleAnswer
	Renew           // the roster: HandleRenewed
	Retire          // from the roster; no answer
)

// NextBus takes what the bus is to do next. Data is valid until the next call.
func (n *Node) NextBus(now time.Time) (BusOut, bool) {
	now = n.clock(now)
	if len(n.bus) > 0 {
		o := n.bus[0]
		n.bus = n.bus[1:]
		return o, true
	}
	n.bus = nil
	for ; n.left < len(n.order); n.left++ {
		p := n.order[n.left]
		if !p.alive || !n.up {
			continue
		}
		var ok bool
		if n.plain, ok = p.transmit(now, n.id, n.plain[:0]); ok {
			n.stats.Sent++
			return BusOut{Kind: Publish, To: p.id, Data: n.seal(n.plain)}, true
		}
	}
	n.left = 0
	return BusOut{}, false
}

func (n *Node) seal(plain []byte) []byte {
	b, err := n.cfg.Key.SealFrame(n.cfg.Rand, nil, plain)
	if err != nil {
		panic("cluster: randomness: " + err.Error())
	}
	return b
}

// HandleBus takes a frame that another node has published for us or for all.
func (n *Node) HandleBus(now time.Time, sealed []byte) {
	now = n.clock(now)
	plain, err := n.cfg.Key.OpenFrame(sealed)
	if err != nil {
		n.stats.Foreign++
		return
	}
	h, r, ok := readFrame(plain)
	if !ok || h.from == n.id || h.to != n.id && h.to != 0 {
		if h.from != n.id {
			n.stats.Foreign++
		}
		return
	}
	n.stats.Received++
	n.roster.heard = now
	if h.to == 0 { // outside all order: only what says the same when it comes twice
		n.broadcast(now, h.from, &r)
		return
	}
	if n.roster.byID[h.from] == nil {
		n.stats.OutOfOrder++ // we can't answer it before its hello: not taken now, it comes again
		return
	}
	p := n.pair(h.from)
	again, take := p.handle(now, h)
	if again {
		n.restarted(now, p)
	}
	if take {
		n.messages(now, h.from, &r)
	} else if h.seq != 0 {
		n.stats.OutOfOrder++
	}
}

// messages acts on a frame's messages. One that does not read is another version's fault: the rest of the frame is lost with it.
func (n *Node) messages(now time.Time, from uint32, r *wire.Reader) {
	for r.Len() > 0 {
		m, ok := readMessage(r)
		if !ok {
			n.stats.Unmatched++
			return
		}
		m.ref.Node = from
		switch m.typ {
		case msgAttach:
			n.handleAttach(now, &m)
		case msgUp, msgMoved, msgLost, msgGone:
			n.handleGuest(now, &m)
		case msgDown:
			n.handleDown(now, from, &m)
		case msgDetach:
			n.handleDetach(now, from, &m)
		case msgHandover, msgHanded:
			n.handleHandover(now, from, &m)
		case msgTell:
			n.handleAsk(from, &m)
		case msgHalf:
			n.event(Event{Kind: HalfCame, Node: from, Body: slices.Clone(m.body)})
		default:
			n.stats.Unmatched++
		}
	}
}

// broadcast acts on what is said to all.
func (n *Node) broadcast(now time.Time, from uint32, r *wire.Reader) {
	switch m, ok := readMessage(r); {
	case ok && m.typ == msgAsk:
		n.handleAsk(from, &m)
	case ok && m.typ == msgHello:
		n.handleHello(now, from, &m)
	default:
		n.stats.Unmatched++
	}
}

// pair finds, or makes, what we have with another node.
func (n *Node) pair(id uint32) *pair {
	p := n.pairs[id]
	if p == nil {
		p = newPair(id)
		p.alive = n.roster.byID[id] != nil
		n.pairs[id] = p
		n.order = append(n.order, p)
		n.forgetPair()
	}
	return p
}

// maxPairs is how many nodes are remembered, dead ones among them: those that may come back and must be told that all is void.
const maxPairs = 256

// forgetPair makes room for a new pair: the longest known dead one goes.
func (n *Node) forgetPair() {
	if len(n.order) <= maxPairs {
		return
	}
	for i, p := range n.order[:len(n.order)-1] {
		if !p.alive {
			delete(n.pairs, p.id)
			delete(n.roster.buried, p.id)
			n.order = append(n.order[:i], n.order[i+1:]...)
			n.left = 0
			return
		}
	}
}

func (n *Node) put(now time.Time, to uint32, m *message) {
	p := n.pair(to)
	if !p.alive {
		return // its death has told, or will tell, whom it concerns
	}
	p.put(m)
	if p.overflowed {
		n.restart(now, p)
	}
}

// restart begins a pair anew, because what was under way can't be delivered any more.
func (n *Node) restart(now time.Time, p *pair) {
	p.restart(true)
	n.restarted(now, p)
}

// restarted acts on a pair that began anew, or whose other end died: everything between the two is void.
func (n *Node) restarted(now time.Time, p *pair) {
	n.stats.Restarts++
	n.loseGuests(now, p.id)
	n.loseOwner(now, p.id)
}

// HandleTimeout acts on deadlines that have come.
func (n *Node) HandleTimeout(now time.Time) {
	now = n.clock(now)
	for _, p := range n.order {
		if p.alive {
			was := p.repeats
			p.timeout(now)
			n.stats.Repeated += uint64(p.repeats - was)
		}
	}
	n.leaseTimeout(now)
	for id, ok := n.opTimes.take(now); ok; id, ok = n.opTimes.take(now) {
		if o, waits := n.ops[id]; waits {
			delete(n.ops, id)
			n.stats.Failed++
			o.then(now, Answer{Op: id, Result: Failed})
		}
	}
	for c, ok := n.again.take(now); ok; c, ok = n.again.take(now) {
		c.waits = false
		if n.clients[c.ref.Member] == c && c.state == looking {
			n.look(now, c)
		}
	}
	for code, ok := n.renewal.take(now); ok; code, ok = n.renewal.take(now) {
		if h := n.rooms[code]; h != nil && !h.busy && n.up {
			n.renewKey(h)
		} else if h != nil {
			h.queued = false // whoever ends the operation under way queues it, or the bus does when it is back
		}
	}
	for room, ok := n.handed.take(now); ok; room, ok = n.handed.take(now) {
		n.handOver(now, room, false)
	}
}

// NextTimeout is when HandleTimeout has something to do at the earliest.
func (n *Node) NextTimeout() time.Time {
	at := deadline.Earlier(n.roster.next(), n.cutAt())
	for _, p := range n.order {
		if p.alive {
			at = deadline.Earlier(at, p.next())
		}
	}
	for _, t := range [...]time.Time{n.opTimes.next(), n.again.next(), n.renewal.next(), n.handed.next()} {
		at = deadline.Earlier(at, t)
	}
	return at
}

// Stats are the counters now.
func (n *Node) Stats(now time.Time) Stats {
	s := n.stats
	s.Nodes, s.Clients, s.Guests, s.Held = 1+len(n.roster.byID), len(n.clients), len(n.guests), len(n.rooms)
	s.LeaseAge, s.Fenced = now.Sub(n.roster.renewed), n.Fenced(now)
	return s
}

// clock keeps time from going backwards.
func (n *Node) clock(now time.Time) time.Time {
	if now.After(n.now) {
		n.now = now
	}
	return n.now
}

func (n *Node) random(b []byte) {
	if _, err := io.ReadFull(n.cfg.Rand, b); err != nil {
		panic("cluster: randomness: " + err.Error())
	}
}

// line is a queue of things that come due in the order in which they were put, each the same time after.
type line[T any] struct {
	items []struct {
		at   time.Time
		what T
	}
}

func (l *line[T]) put(at time.Time, what T) {
	l.items = append(l.items, struct {
		at   time.Time
		what T
	}{at, what})
}

func (l *line[T]) take(now time.Time) (what T, ok bool) {
	if len(l.items) == 0 || now.Before(l.items[0].at) {
		return what, false
	}
	what = l.items[0].what
	if l.items = l.items[1:]; len(l.items) == 0 {
		l.items = nil
	}
	return what, true
}

func (l *line[T]) next() (at time.Time) {
	if len(l.items) > 0 {
		at = l.items[0].at
	}
	return at
}
