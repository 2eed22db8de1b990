package cluster

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// directory answers for a couple's one key as NATS does, and can do what it is asked and lose the answer.
type directory struct {
	c    *couple
	rev  uint64
	deaf int // so many changes are made without an answer
}

func (d *directory) take(from *Node, o BusOut) (taken bool) {
	switch o.Kind {
	case Lookup:
		from.HandleAnswer(d.c.now, Answer{Op: o.Op, Result: Found, Value: appendEntry(nil, d.c.entry), Rev: d.rev})
	case Update:
		a := Answer{Op: o.Op, Result: Conflict}
		if o.Rev == d.rev {
			d.rev++
			d.c.entry, _ = ParseEntry(o.Data)
			a.Result, a.Rev = Done, d.rev
		}
		if d.deaf--; a.Result == Done && d.deaf >= 0 {
			return true
		}
		from.HandleAnswer(d.c.now, a)
	default:
		return false
	}
	return true
}

// newLossyCouple is two nodes that have met, and whose directory has a room of a third one, dead, at revision 1.
func newLossyCouple(t *testing.T, deaf int) (c *couple, d *directory) {
	t.Helper()
	const dead = 77
	c = newCouple()
	c.a.BusUp(c.now)
	c.b.BusUp(c.now)
	c.run(1500 * time.Millisecond)
	c.a.roster.buried[dead], c.b.roster.buried[dead] = true, true
	c.entry.Owner = dead
	d = &directory{c: c, rev: 1, deaf: deaf}
	c.lose = d.take
	return c, d
}

func rejoins(n *Node, now time.Time, member uint64) {
	sig := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigRejoin, Request: 1, Ticket: []byte("ticket")})
	ref := rendezvous.LinkRef{Link: uint32(member), Member: member, Addr: netip.MustParseAddrPort("198.51.100.1:5000")}
	n.Seek(now, Search{Ref: ref, Code: "ABCDEFGH", Room: 7, Signal: sig, Rejoin: true, Epoch: 1})
}

// The directory gives a node a dead one's room, and the answer is lost. The room is the node's, or nobody's for ever.
func TestTakeoverWithoutAnAnswer(t *testing.T) {
	c, _ := newLossyCouple(t, 1)
	rejoins(c.b, c.now, 8)
	c.run(3 * time.Second)
	restored := events(c.b, Restore)
	if len(restored) != 1 || restored[0].Epoch != 2 || c.b.Stats(c.now).Held != 1 {
		t.Fatalf("%d rooms restored, %d held", len(restored), c.b.Stats(c.now).Held)
	}
	if c.entry.Owner != c.b.ID() || c.entry.Epoch != 2 {
		t.Errorf("directory: %+v", c.entry)
	}
	rejoins(c.a, c.now, 9) // and others find it there
	c.run(200 * time.Millisecond)
	if got := events(c.b, GuestUp); len(got) != 1 {
		t.Errorf("%d guests", len(got))
	}
}

// Two clients of a node look for the same room of a dead one, and only one of the answers says what was done. The room is made once:
// whoever makes it twice takes the second for a failure, and gives the key back.
func TestTwoTakeoversOfOneRoom(t *testing.T) {
	for first := range 2 {
		c, d := newLossyCouple(t, 0)
		updates := 0
		c.lose = func(from *Node, o BusOut) bool {
			if o.Kind != Update {
				return d.take(from, o)
			}
			if updates++; updates-1 == first { // not taken, or by a server that has no leader: who knows
				if o.Rev == d.rev {
					d.rev++
					c.entry, _ = ParseEntry(o.Data)
				}
				from.HandleAnswer(c.now, Answer{Op: o.Op, Result: Failed})
				return true
			}
			return d.take(from, o)
		}
		rejoins(c.b, c.now, 8)
		rejoins(c.b, c.now, 9)
		c.run(3 * time.Second)
		kinds := map[EventKind]int{}
		for e, ok := c.b.NextEvent(); ok; e, ok = c.b.NextEvent() {
			kinds[e.Kind]++
		}
		if kinds[Restore] != 1 || kinds[RoomHere] != 1 || c.b.Stats(c.now).Held != 1 {
			t.Errorf("the answer to update %d is lost: %d restored, %d found it there, %d held", first+1, kinds[Restore], kinds[RoomHere], c.b.Stats(c.now).Held)
		}
	}
}

// Neither did the node hear any answer to its looks: its next client finds the room by the node's own name in the directory.
func TestTakeoverForgotten(t *testing.T) {
	c, d := newLossyCouple(t, 1)
	c.lose = func(from *Node, o BusOut) bool {
		return o.Kind == Lookup && c.entry.Owner == c.b.ID() || d.take(from, o)
	}
	rejoins(c.b, c.now, 8)
	c.run((1 + lookTries) * (opTime + 100*time.Millisecond))
	if got := events(c.b, Restore); len(got) != 0 {
		t.Fatalf("%d rooms restored by answers that were lost", len(got))
	}
	c.lose = d.take
	c.run(3 * time.Second)
	for e, ok := c.b.NextEvent(); ok; e, ok = c.b.NextEvent() {
		if e.Kind == Restore && e.Epoch == 3 && c.entry == (Entry{c.b.ID(), 3, 7}) {
			return
		} else if e.Kind == NotFound {
			t.Fatal("the client was told that its room is gone")
		}
	}
	t.Error("the room is at no node")
}

// A node gives a room away in good order, the directory has it, and the next owner never heard so in time. It has the room, and the
// one before knows that it has not.
func TestHandoverWithoutAnAnswer(t *testing.T) {
	c, d := newLossyCouple(t, 0)
	c.entry.Owner = c.a.ID()
	c.a.hold(c.now, &held{code: "ABCDEFGH", entry: c.entry}, d.rev)
	d.deaf = 1
	c.lose = func(from *Node, o BusOut) bool {
		return from == c.b && o.Kind == Lookup && c.now.Sub(epoch) < 5*time.Second || d.take(from, o)
	}
	c.a.HandOver(c.now, c.b.ID(), "ABCDEFGH", []byte("room"))
	c.run(6 * time.Second)
	came := events(c.b, HandoverCame)
	if len(came) != 1 || came[0].Epoch != 2 || c.entry.Owner != c.b.ID() {
		t.Fatalf("%d rooms came, directory: %+v", len(came), c.entry)
	}
	if got := events(c.a, RoomTaken); len(got) != 1 || c.a.Stats(c.now).Held != 0 {
		t.Errorf("%d rooms taken from the owner before, which holds %d", len(got), c.a.Stats(c.now).Held)
	}
}

// A node stood still, and its room was taken over. What it asks the directory when it wakes is not answered: it asks again as soon as
// its lease is renewed, and not after minutes in which it takes the room for its own.
func TestWokenWithoutAnAnswer(t *testing.T) {
	c, d := newLossyCouple(t, 0)
	c.entry = Entry{Owner: c.a.ID(), Epoch: 1, Room: 7}
	c.a.hold(c.now, &held{code: "ABCDEFGH", entry: c.entry}, d.rev)
	c.now = c.now.Add(25 * time.Second)
	d.rev, c.entry = d.rev+1, Entry{Owner: c.b.ID(), Epoch: 2, Room: 7}
	refused := 0
	c.lose = func(from *Node, o BusOut) bool {
		if from == c.a && (o.Kind == Update || o.Kind == Lookup) && refused < 2 {
			refused++
			from.HandleAnswer(c.now, Answer{Op: o.Op, Result: Failed})
			return true
		}
		return d.take(from, o)
	}
	c.run(5 * time.Second)
	if got := events(c.a, RoomTaken); len(got) != 1 || c.a.Stats(c.now).Held != 0 {
		t.Errorf("%d rooms taken, %d held", len(got), c.a.Stats(c.now).Held)
	}
}
