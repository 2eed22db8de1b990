package cluster

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
)

// roster is who lives, and our own lease.
//
// Another node is dead when we have renewed our own lease for DeadAfter without a break in which it did not renew its own. A
// node that can't renew takes nobody for dead: without quorum nothing changes.
type roster struct {
	byName  map[string]*neighbour
	byID    map[uint32]*neighbour
	order   []*neighbour // by name
	renewed time.Time    // start of our last renewal that succeeded; zero: none yet
	steady  time.Time    // since when our renewals came without a break
	renewAt time.Time
	asked   time.Time // start of the renewal under way
}

type neighbour struct {
	NodeInfo
	name  string
	heard time.Time
}

func (r *roster) init() {
	r.byName, r.byID = map[string]*neighbour{}, map[uint32]*neighbour{}
}

func (r *roster) next() time.Time { return r.renewAt }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// BusUp tells that the bus works, from now on or again. The roster is told after it, from the start.
func (n *Node) BusUp(now time.Time) {
	now = n.clock(now)
	n.up, n.upSince, n.cutAt = true, now, time.Time{}
	n.roster.steady = time.Time{}
	n.renew(now)
	n.refreshKeys(now)
}

// BusDown tells that the bus does not work: nothing of it is heard, and what is sent is lost.
func (n *Node) BusDown(now time.Time) {
	now = n.clock(now)
	if n.up {
		n.up, n.cutAt = false, now.Add(CutAfter)
		n.roster.renewAt = time.Time{}
	}
}

// Connected reports whether the bus works.
func (n *Node) Connected() bool { return n.up }

// Fenced reports that our lease is so old that others may soon take our rooms over.
func (n *Node) Fenced(now time.Time) bool {
	return n.roster.renewed.IsZero() || now.Sub(n.roster.renewed) >= FenceAfter
}

func (n *Node) renew(now time.Time) {
	r := &n.roster
	r.renewAt, r.asked = now.Add(RenewEvery), now
	info := NodeInfo{ID: n.id, Region: n.cfg.Region, Addr: n.cfg.Addr, Draining: n.drained}
	if n.cfg.Load != nil {
		info.Load = n.cfg.Load()
	}
	n.bus = append(n.bus, BusOut{Kind: Renew, Key: n.cfg.Name, Data: appendNodeInfo(nil, &info)})
}

// HandleRenewed answers the last Renew.
func (n *Node) HandleRenewed(now time.Time, ok bool) {
	now = n.clock(now)
	r := &n.roster
	if !ok || r.asked.IsZero() {
		return
	}
	// The lease counts from when we asked: it can't have been written later than we know.
	gap := r.asked.Sub(r.renewed)
	lost := !r.renewed.IsZero() && gap >= DeadAfter
	if r.steady.IsZero() || gap >= DeadAfter/2 {
		r.steady = r.asked
	}
	r.renewed, r.asked = r.asked, time.Time{}
	if lost { // others may have taken us for dead: what was between us is void, and so may be our rooms
		for _, p := range n.order {
			n.restart(now, p)
		}
		n.refreshKeys(now)
	}
	n.bury(now)
}

// HandleRoster tells what the roster says of a node: gone when value is nil.
func (n *Node) HandleRoster(now time.Time, name string, value []byte) {
	now = n.clock(now)
	if name == n.cfg.Name {
		return
	}
	r := &n.roster
	x := r.byName[name]
	info, ok := ParseNodeInfo(value)
	if !ok {
		if x != nil {
			n.dead(now, x)
		}
		return
	}
	if x != nil && x.ID != info.ID {
		n.dead(now, x) // it was started anew
		x = nil
	}
	if x == nil {
		x = &neighbour{name: name}
		r.byName[name], r.byID[info.ID] = x, x
		at, _ := slices.BinarySearchFunc(r.order, name, func(y *neighbour, name string) int { return cmp.Compare(y.name, name) })
		r.order = slices.Insert(r.order, at, x)
		n.pair(info.ID).alive = true
		n.event(Event{Kind: NodeUp, Node: info.ID, Code: name})
	}
	x.NodeInfo, x.heard = info, now
}

func (n *Node) dead(now time.Time, x *neighbour) {
	r := &n.roster
	delete(r.byName, x.name)
	delete(r.byID, x.ID)
	r.order = slices.DeleteFunc(r.order, func(y *neighbour) bool { return y == x })
	n.event(Event{Kind: NodeDown, Node: x.ID, Code: x.name})
	p := n.pair(x.ID)
	p.alive = false
	n.restart(now, p)
}

func (n *Node) leaseTimeout(now time.Time) {
	if n.up && deadline.Due(now, n.roster.renewAt) {
		n.renew(now)
	}
	if deadline.Due(now, n.cutAt) {
		n.cutAt = time.Time{}
		n.event(Event{Kind: Cut})
	}
}

// bury takes those for dead that did not renew their lease while we did.
func (n *Node) bury(now time.Time) {
	r := &n.roster
	for i := 0; i < len(r.order); {
		if x := r.order[i]; r.renewed.Sub(later(x.heard, r.steady)) >= DeadAfter {
			n.dead(now, x)
			continue
		}
		i++
	}
}

// grown reports whether the bus has been up for so long that a key that is not there has no owner.
func (n *Node) grown(now time.Time) bool {
	return n.up && !n.roster.steady.IsZero() && n.roster.renewed.Sub(n.roster.steady) >= DeadAfter
}

// Others are where clients may go instead of here: nodes of our region first, those that drain not at all, least loaded first.
func (n *Node) Others(most int) (addrs []netip.AddrPort) {
	var fit []*neighbour
	for _, x := range n.roster.order {
		if !x.Draining && x.Addr.IsValid() {
			fit = append(fit, x)
		}
	}
	slices.SortStableFunc(fit, func(a, b *neighbour) int {
		if here, there := a.Region == n.cfg.Region, b.Region == n.cfg.Region; here != there {
			if here {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Load, b.Load)
	})
	for _, x := range fit[:min(most, len(fit))] {
		addrs = append(addrs, x.Addr)
	}
	return addrs
}

// AddrOf is where clients reach a node; invalid: not alive.
func (n *Node) AddrOf(id uint32) netip.AddrPort {
	if id == 0 || id == n.id {
		return n.cfg.Addr
	}
	if x := n.roster.byID[id]; x != nil {
		return x.Addr
	}
	return netip.AddrPort{}
}

// Drain tells everybody that nothing new should come here.
func (n *Node) Drain(now time.Time) {
	n.drained = true
	if n.up {
		n.renew(n.clock(now))
	}
}

// Retire takes us out of the roster: a node that ends leaves nobody waiting for its lease.
func (n *Node) Retire() { n.bus = append(n.bus, BusOut{Kind: Retire, Key: n.cfg.Name}) }
