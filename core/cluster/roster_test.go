package cluster

import (
	"testing"
	"time"
)

// silence makes a of a couple a node that says nothing more, and whose lease ends when leases do; life is what b is to see of it.
func silence(c *couple, alive func() bool) {
	c.lose = func(from *Node, o BusOut) bool {
		if from == c.b && o.Kind == Check {
			a := Answer{Op: o.Op, Result: Missing}
			if alive() {
				a.Result, a.Value = Found, c.a.info()
			}
			from.HandleAnswer(c.now, a)
			return true
		}
		return from == c.a
	}
}

// A node dies. It is taken for dead as soon as its lease has ended, not at some renewal of another's after that.
func TestDeathIsNoticed(t *testing.T) {
	for offset := time.Duration(0); offset < time.Second; offset += 130 * time.Millisecond {
		c := newCouple()
		c.b.BusUp(c.now)
		c.run(offset)
		c.a.BusUp(c.now)
		c.run(5 * time.Second)
		heard := c.b.roster.order[0].heard
		silence(c, func() bool { return c.now.Sub(heard) < DeadAfter })
		c.run(DeadAfter + expiryTime + 20*time.Millisecond - c.now.Sub(heard))
		if len(c.b.Neighbours()) != 0 {
			t.Errorf("offset %v: alive %v after it was heard", offset, c.now.Sub(heard))
		}
	}
}

// The bus is away for some seconds when a node dies, because it was that node's NATS. Its death is noticed no later for that.
func TestDeathTakesTheBusAlong(t *testing.T) {
	c := newCouple()
	c.b.BusUp(c.now)
	c.a.BusUp(c.now)
	c.run(5 * time.Second)
	silence(c, func() bool { return false })
	died := c.now
	c.b.BusDown(c.now)
	c.run(5 * time.Second)
	c.b.BusUp(c.now)
	for len(c.b.Neighbours()) != 0 && c.now.Sub(died) < time.Minute {
		c.run(10 * time.Millisecond)
	}
	if took := c.now.Sub(died); took < DeadAfter-RenewEvery || took > DeadAfter+expiryTime+50*time.Millisecond {
		t.Errorf("taken for dead after %v", took)
	}
}

// After an outage of the directory that outlived all leases, who renews first does not take the others for dead.
func TestAllLeasesEnd(t *testing.T) {
	c := newCouple()
	c.b.BusUp(c.now)
	c.a.BusUp(c.now)
	c.run(5 * time.Second)
	c.lose = func(_ *Node, o BusOut) bool { return true }
	c.run(20 * time.Second)
	silence(c, func() bool { return false }) // a comes back, but later
	c.run(8 * time.Second)
	if len(c.b.Neighbours()) != 1 {
		t.Error("taken for dead before it could renew its lease")
	}
}

// Without a quorum nobody's lease is renewed. Nodes that hear each other are not cut off, and send nobody away.
func TestNoQuorumIsNoCut(t *testing.T) {
	c := newCouple()
	c.b.BusUp(c.now)
	c.a.BusUp(c.now)
	c.run(5 * time.Second)
	c.lose = func(_ *Node, o BusOut) bool { return o.Kind != Publish }
	c.run(60 * time.Second)
	if got := len(events(c.a, Cut)) + len(events(c.b, Cut)); got != 0 || len(c.a.Neighbours()) != 1 || len(c.b.Neighbours()) != 1 {
		t.Errorf("%d cut off, a knows %d, b knows %d", got, len(c.a.Neighbours()), len(c.b.Neighbours()))
	}
	c.lose = func(_ *Node, o BusOut) bool { return true }
	if c.run(CutAfter + time.Second); len(events(c.a, Cut)) != 1 {
		t.Error("not cut off when nobody is heard")
	}
}
