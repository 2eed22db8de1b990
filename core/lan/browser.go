package lan

import (
	"encoding/binary"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	queryEvery  = time.Second
	quickRounds = 3 // the first queries follow each other faster: one lost broadcast should not cost a second
	quickEvery  = 250 * time.Millisecond
	lostAfter   = 3500 * time.Millisecond // three queries without an answer
	maxHosts    = 64                      // that are remembered; a hostile device could invent any number
	joinLimit   = 3 * time.Second
)

// EventKind is what a Browser reports.
type EventKind uint8

const (
	EventFound   EventKind = iota + 1 // a host appeared
	EventChanged                      // its members or data changed
	EventLost                         // it does not answer any more
	EventReady                        // Join: the host proved that it knows the code. Addr is its server's address, Key its key
	EventFailed                       // Join: Code, Text
)

// Event is news of a host. Session tells hosts apart, whatever address they were found at.
type Event struct {
	Kind         EventKind
	Session      uint64
	Addr         netip.AddrPort // of its server
	Key          [32]byte
	Members, Max uint8
	Data         []byte
	Code         api.Code
	Text         string
}

// Browser looks for hosts of one game, and asks one for proof before it is joined.
type Browser struct {
	rand io.Reader
	app  string
	now  time.Time

	on     bool
	nonce  uint64
	round  int
	nextAt time.Time
	due    bool
	hosts  []host // in the order in which they were found

	join   join
	events []Event
}

type host struct {
	shown Event
	heard time.Time
	round int // in which a change was told: one for each query, however many answers a hostile device sends
}

// join is one attempt to have a host prove itself.
type join struct {
	to     netip.AddrPort
	nonce  uint64
	tag    Tag
	wrong  bool // a host answered with a tag of another code
	sendAt time.Time
	endAt  time.Time // zero: none under way
}

// NewBrowser makes a browser that is off.
func NewBrowser(rand io.Reader, app string) *Browser { return &Browser{rand: rand, app: app} }

// Browse switches the search on or off; what was found is forgotten, so that switching on tells it anew.
func (b *Browser) Browse(now time.Time, on bool) {
	now = b.tick(now)
	b.on, b.hosts, b.round, b.due, b.nextAt = on, nil, 0, false, time.Time{}
	if on {
		b.nonce = b.random()
		b.query(now)
	}
}

// On reports whether the search runs.
func (b *Browser) On() bool { return b.on }

// Join asks the host at an address to prove that it knows the join code that tag stands for. EventReady or EventFailed
// follows; another Join replaces this one.
func (b *Browser) Join(now time.Time, to netip.AddrPort, tag Tag) {
	now = b.tick(now)
	b.join = join{to: to, nonce: b.random(), tag: tag, sendAt: now, endAt: now.Add(joinLimit)}
}

func (b *Browser) query(now time.Time) {
	every := queryEvery
	if b.round < quickRounds {
		every = quickEvery
	}
	b.round++
	b.due, b.nextAt = true, now.Add(every)
}

// HandleDatagram takes an answer; false: it is not for this browser.
func (b *Browser) HandleDatagram(now time.Time, from netip.AddrPort, data []byte) bool {
	now = b.tick(now)
	a, tag, ok := wire.ParseLANAnnouncement(data)
	if !ok || a.App != b.app {
		return false
	}
	server := netip.AddrPortFrom(from.Addr().Unmap(), a.Port)
	if j := &b.join; !j.endAt.IsZero() && a.Nonce == j.nonce {
		if want := j.tag(data[:len(data)-wire.LANTagSize]); want != [wire.LANTagSize]byte(tag) {
			j.wrong = true // perhaps somebody else on the network; the right one may still answer
			return true
		}
		*j = join{}
		b.events = append(b.events, Event{Kind: EventReady, Session: a.Session, Addr: server, Key: a.Key})
		return true
	}
	if !b.on || a.Nonce != b.nonce {
		return false
	}
	b.seen(now, server, &a)
	return true
}

// seen notes a host; the address at which it was heard first stays, so that one host is one entry.
func (b *Browser) seen(now time.Time, server netip.AddrPort, a *wire.LANAnnouncement) {
	i := slices.IndexFunc(b.hosts, func(h host) bool { return h.shown.Session == a.Session })
	kind := EventChanged
	if i < 0 {
		if len(b.hosts) == maxHosts {
			return
		}
		b.hosts = append(b.hosts, host{shown: Event{Session: a.Session, Addr: server, Key: a.Key}})
		i, kind = len(b.hosts)-1, EventFound
	}
	h := &b.hosts[i]
	h.heard = now
	if kind == EventChanged && h.shown.Members == a.Members && h.shown.Max == a.Max && slices.Equal(h.shown.Data, a.Data) {
		return
	}
	if kind == EventChanged && h.round == b.round {
		return
	}
	h.round = b.round
	h.shown.Members, h.shown.Max, h.shown.Data = a.Members, a.Max, slices.Clone(a.Data)
	ev := h.shown
	ev.Kind = kind
	b.events = append(b.events, ev)
}

// HandleTimeout asks again, and forgets hosts that fell silent.
func (b *Browser) HandleTimeout(now time.Time) {
	now = b.tick(now)
	if b.on && deadline.Due(now, b.nextAt) {
		b.hosts = slices.DeleteFunc(b.hosts, func(h host) bool {
			gone := now.Sub(h.heard) >= lostAfter
			if gone {
				ev := h.shown
				ev.Kind = EventLost
				b.events = append(b.events, ev)
			}
			return gone
		})
		b.query(now)
	}
	if j := &b.join; deadline.Due(now, j.endAt) {
		ev := Event{Kind: EventFailed, Addr: j.to, Code: api.ErrServerUnreachable, Text: "nobody hosts a game at " + j.to.String()}
		if j.wrong {
			ev.Code, ev.Text = api.ErrBadCode, "the host at "+j.to.String()+" has another join code"
		}
		*j = join{}
		b.events = append(b.events, ev)
	}
}

// NextTimeout is when HandleTimeout or AppendTransmit has something to do; zero: never.
func (b *Browser) NextTimeout() time.Time {
	at := b.join.endAt
	if !at.IsZero() {
		at = deadline.Earlier(at, b.join.sendAt)
	}
	if b.on {
		at = deadline.Earlier(at, b.nextAt)
	}
	return at
}

// AppendTransmit appends the next query. everywhere: it goes to every network that this machine is in, to multicast and
// broadcast; otherwise to one address.
func (b *Browser) AppendTransmit(now time.Time, dst []byte) (out []byte, to netip.AddrPort, everywhere, ok bool) {
	now = b.tick(now)
	if b.due {
		b.due = false
		return wire.AppendLANQuery(dst, &wire.LANQuery{Nonce: b.nonce, App: b.app}), to, true, true
	}
	if j := &b.join; !j.endAt.IsZero() && deadline.Due(now, j.sendAt) {
		j.sendAt = now.Add(quickEvery)
		return wire.AppendLANQuery(dst, &wire.LANQuery{Nonce: j.nonce, App: b.app}), j.to, false, true
	}
	return dst, to, false, false
}

// NextEvent takes the oldest event.
func (b *Browser) NextEvent() (Event, bool) {
	if len(b.events) == 0 {
		return Event{}, false
	}
	ev := b.events[0]
	b.events = slices.Delete(b.events, 0, 1)
	return ev, true
}

func (b *Browser) tick(now time.Time) time.Time {
	if now.After(b.now) {
		b.now = now
	}
	return b.now
}

func (b *Browser) random() uint64 {
	var n [8]byte
	if _, err := io.ReadFull(b.rand, n[:]); err != nil {
		panic("lan: randomness: " + err.Error())
	}
	return binary.BigEndian.Uint64(n[:])
}
