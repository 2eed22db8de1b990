package cluster

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// couple is two nodes and what is between them.
type couple struct {
	now  time.Time
	a, b *Node
	lose func(from *Node, o BusOut) bool // nil: nothing
	// The directory has one key, of a room at b.
	entry Entry
}

func newCouple() *couple {
	c := &couple{now: epoch}
	make := func(name string, seed byte) *Node {
		return New(c.now, Config{Rand: rand.NewChaCha8([32]byte{seed}), Name: name, Key: secure.TicketKey{1}, Addr: netip.MustParseAddrPort("192.0.2.1:3478")})
	}
	c.a, c.b = make("a", 1), make("b", 2)
	c.entry = Entry{Owner: c.b.ID(), Epoch: 1, Room: 7}
	return c
}

// run lets time pass.
func (c *couple) run(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(10 * time.Millisecond) {
		for _, n := range []*Node{c.a, c.b} {
			n.HandleTimeout(c.now)
			c.carry(n)
		}
	}
}

func (c *couple) carry(n *Node) {
	other := c.a
	if n == c.a {
		other = c.b
	}
	for o, ok := n.NextBus(c.now); ok; o, ok = n.NextBus(c.now) {
		switch {
		case c.lose != nil && c.lose(n, o):
		case o.Kind == Publish && (o.To == 0 || o.To == other.ID()):
			other.HandleBus(c.now, append([]byte(nil), o.Data...))
		case o.Kind == Renew:
			n.HandleRenewed(c.now, o.Op)
		case o.Kind == Lookup:
			n.HandleAnswer(c.now, Answer{Op: o.Op, Result: Found, Value: appendEntry(nil, c.entry), Rev: 1})
		}
	}
}

// events gives what a node has to tell of one kind.
func events(n *Node, kind EventKind) (list []Event) {
	for e, ok := n.NextEvent(); ok; e, ok = n.NextEvent() {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// A client comes from a node whose hellos were all lost so far: its owner waits for one, and then the answer arrives.
func TestFrameBeforeTheHello(t *testing.T) {
	c := newCouple()
	c.lose = func(from *Node, o BusOut) bool { return from == c.a && o.Kind == Publish && isHello(c.a, o) }
	c.b.BusUp(c.now)
	c.a.BusUp(c.now)
	c.run(200 * time.Millisecond)
	if len(c.a.Neighbours()) != 1 || len(c.b.Neighbours()) != 0 {
		t.Fatalf("a knows %d, b knows %d", len(c.a.Neighbours()), len(c.b.Neighbours()))
	}
	ref := rendezvous.LinkRef{Link: 3, Member: 9, Addr: netip.MustParseAddrPort("198.51.100.1:5000"), App: "x"}
	join := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigJoin, Request: 1, Text: "ABCDEFGH"})
	c.a.Seek(c.now, Search{Ref: ref, Code: "ABCDEFGH", Signal: join})
	// b answers each guest as soon as it hears of it.
	answered := 0
	pass := func(d time.Duration) {
		for range d / (10 * time.Millisecond) {
			c.run(10 * time.Millisecond)
			for _, e := range events(c.b, GuestUp) {
				c.b.Down(c.now, rendezvous.To{Node: e.Ref.Node, Member: e.Ref.Member, Link: e.Ref.Link}, &wire.Signal{Type: wire.SigJoined, Request: 1, Room: 7})
			}
			answered += len(events(c.a, Tell))
		}
	}
	pass(500 * time.Millisecond)
	if answered != 0 {
		t.Fatal("b answered a node it had not met")
	}
	c.lose = nil
	if pass(3 * time.Second); answered != 1 {
		t.Errorf("%d answers", answered)
	}
}

func isHello(n *Node, o BusOut) bool {
	plain, err := n.cfg.Key.OpenFrame(o.Data)
	if err != nil {
		return false
	}
	h, _, ok := readFrame(plain)
	return ok && h.to == 0
}

// Two nodes that start side by side know each other as soon as one has heard the other, and say so only after a second in
// which everybody else would have said hello.
func TestNodesMeet(t *testing.T) {
	c := newCouple()
	c.b.BusUp(c.now)
	c.lose = func(_ *Node, o BusOut) bool { return o.Kind == Publish }
	c.run(400 * time.Millisecond) // b's first hello is heard by nobody: a is not there
	c.lose = nil
	c.a.BusUp(c.now)
	c.run(20 * time.Millisecond)
	if len(c.a.Neighbours()) != 1 || len(c.b.Neighbours()) != 1 {
		t.Errorf("a knows %d, b knows %d after one round trip", len(c.a.Neighbours()), len(c.b.Neighbours()))
	}
	if c.a.Met() || c.b.Met() {
		t.Error("met before everybody's hello could come")
	}
	if c.run(1100 * time.Millisecond); !c.a.Met() || !c.b.Met() {
		t.Error("not met after a second on the bus")
	}
	if c.a.BusDown(c.now); c.a.Met() {
		t.Error("met without a bus")
	}
}

// A node takes a room over. Another one hears of that from the directory, and sends its client, before the directory's answer
// is with the new owner: the client waits there until the room is.
func TestGuestComesBeforeTheAnswer(t *testing.T) {
	const dead = 77
	c := newCouple()
	c.a.BusUp(c.now)
	c.b.BusUp(c.now)
	c.run(1500 * time.Millisecond)
	c.b.roster.buried[dead] = true
	c.entry.Owner = dead
	var update BusOut
	c.lose = func(from *Node, o BusOut) bool {
		if o.Kind == Update {
			update, c.entry = o, Entry{Owner: c.b.ID(), Epoch: 2, Room: 7}
		}
		return o.Kind == Update
	}
	rejoin := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigRejoin, Request: 1, Ticket: []byte("ticket")})
	c.b.Seek(c.now, Search{Ref: rendezvous.LinkRef{Link: 1, Member: 8}, Code: "ABCDEFGH", Room: 7, Signal: rejoin, Rejoin: true, Epoch: 1})
	c.run(20 * time.Millisecond)
	if update.Op == 0 {
		t.Fatal("b does not take the room over")
	}
	guest := rendezvous.LinkRef{Link: 3, Member: 9, Addr: netip.MustParseAddrPort("198.51.100.1:5000"), App: "x"}
	c.a.Seek(c.now, Search{Ref: guest, Code: "ABCDEFGH", Room: 7, Signal: rejoin, Rejoin: true, Epoch: 1})
	c.run(20 * time.Millisecond)
	c.a.Up(c.now, guest, &wire.Signal{Type: wire.SigLeave})
	c.run(500 * time.Millisecond)
	if len(c.b.guests) != 1 {
		t.Fatal("the client did not come")
	}
	kinds := func() (list []EventKind) {
		for e, ok := c.b.NextEvent(); ok; e, ok = c.b.NextEvent() {
			if e.Kind != NodeUp {
				list = append(list, e.Kind)
			}
		}
		return list
	}
	if early := kinds(); len(early) != 0 {
		t.Errorf("events %v before the room is there", early)
	}
	c.b.HandleAnswer(c.now, Answer{Op: update.Op, Result: Done, Rev: 2})
	if got := kinds(); !slices.Equal(got, []EventKind{Restore, GuestUp, GuestSays}) {
		t.Errorf("events %v", got)
	}
}
