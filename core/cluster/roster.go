package cluster

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// roster is who lives, and our own lease.
//
//	our lease   a key that we write each second; only that it was written counts
//	the others  say hello to all after each renewal; who is not heard for DeadAfter is looked up: dead if its key has expired
//
// That is done only while our own renewals come without a break, and have for settleTime: a node that can't renew takes nobody for
// dead, and after an outage of the directory everybody has time to renew first. If we were without a lease ourselves, that is DeadAfter.
type roster struct {
	byName  map[string]*neighbour
	byID    map[uint32]*neighbour
	order   []*neighbour    // by name
	buried  map[uint32]bool // ids that were alive once, and are not
	base    time.Time       // renewals are numbered by the time since then
	renewed time.Time       // start of our last renewal that succeeded; zero: none yet
	steady  time.Time       // since when our renewals came without a break, and over one connection to the bus
	leased  time.Time       // since when we were never without a lease
	renewAt time.Time
	heard   time.Time // the last frame of anybody
}

// settleTime is how long others may need longer than we to renew their leases after a bus or directory was away for a moment, and
// also what is no moment: three renewals.
const settleTime = 3 * time.Second

// expiryTime is how much later than its life a key may go, and a renewal before the hello that tells of it.
const expiryTime = 100 * time.Millisecond

type neighbour struct {
	NodeInfo
	name    string
	heard   time.Time
	checkAt time.Time // zero: it was looked up since it was heard
}

func (r *roster) init(now time.Time) {
	r.byName, r.byID, r.buried, r.base = map[string]*neighbour{}, map[uint32]*neighbour{}, map[uint32]bool{}, now
}

func (r *roster) next() time.Time {
	at := r.renewAt
	for _, x := range r.order {
		at = deadline.Earlier(at, x.checkAt)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// BusUp tells that the bus works, from now on or again.
func (n *Node) BusUp(now time.Time) {
	now = n.clock(now)
	n.up = true
	n.roster.steady, n.roster.heard = time.Time{}, now
	n.renew(now)
	n.refreshKeys(now)
}

// BusDown tells that the bus does not work: nothing of it is heard, and what is sent is lost.
func (n *Node) BusDown(now time.Time) {
	n.clock(now)
	n.up, n.roster.renewAt = false, time.Time{}
}

// Connected reports whether the bus works.
func (n *Node) Connected() bool { return n.up }

// Met reports whether we know all that live: each says hello every second, and our lease was renewed for one.
func (n *Node) Met() bool {
	r := &n.roster
	return n.up && !r.steady.IsZero() && r.renewed.Sub(r.steady) >= RenewEvery
}

// Fenced reports that our lease is so old that others may soon take our rooms over.
func (n *Node) Fenced(now time.Time) bool {
	return n.roster.renewed.IsZero() || now.Sub(n.roster.renewed) >= FenceAfter
}

func (n *Node) info() []byte {
	info := NodeInfo{ID: n.id, Region: n.cfg.Region, Addr: n.cfg.Addr, Draining: n.drained}
	if n.cfg.Load != nil {
		info.Load = n.cfg.Load()
	}
	return appendNodeInfo(nil, &info)
}

func (n *Node) renew(now time.Time) {
	if n.roster.renewAt = now.Add(RenewEvery); !n.roster.renewed.IsZero() && now.Sub(n.roster.renewed) >= settleTime {
		n.hello(0, helloFaint) // so that others know at least that we hear each other
	}
	n.bus = append(n.bus, BusOut{Kind: Renew, Key: n.cfg.Name, Data: n.info(), Op: uint64(now.Sub(n.roster.base)) + 1})
}

// HandleRenewed tells that a Renew with this number was done.
func (n *Node) HandleRenewed(now time.Time, op uint64) {
	now = n.clock(now)
	r := &n.roster
	asked := r.base.Add(time.Duration(op - 1))
	if op == 0 || asked.After(now) || !asked.After(r.renewed) {
		return
	}
	// The lease counts from when we asked: it can't have been written later than we know.
	gap := asked.Sub(r.renewed)
	lost := !r.renewed.IsZero() && gap >= DeadAfter
	if r.steady.IsZero() || gap >= settleTime {
		r.steady = asked
	}
	if lost || r.leased.IsZero() {
		r.leased = asked
	}
	r.renewed = asked
	n.hello(0, 0)
	if lost { // others may have taken us for dead: what was between us is void, and so may be our rooms
		for _, p := range n.order {
			n.restart(now, p)
		}
		n.refreshKeys(now)
	}
	n.askAgain()
	n.suspect(now)
}

// hello tells a node, or all (0), that we live, or go.
func (n *Node) hello(to uint32, flags uint8) {
	m := message{typ: msgHello, flags: flags, body: wire.AppendBytes8(n.info(), []byte(n.cfg.Name))}
	n.bus = append(n.bus, BusOut{Kind: Publish, To: to, Data: n.seal(appendMessage(appendHeader(nil, header{from: n.id}), &m))})
}

func (n *Node) handleHello(now time.Time, from uint32, m *message) {
	r := &n.roster
	b := wire.NewReader(m.body)
	info, ok := readNodeInfo(&b)
	name := string(b.Bytes8())
	if !ok || b.Err() || info.ID != from || name == n.cfg.Name || name == "" {
		n.stats.Unmatched++
		return
	}
	if m.flags&helloFaint != 0 { // that anybody was heard is known by now; as long as it has no lease it is not one to count on
		return
	}
	x := r.byName[name]
	if x != nil && x.ID != info.ID {
		n.dead(now, x) // it was started anew
		x = nil
	}
	switch {
	case m.flags&helloBye != 0:
		if x != nil {
			n.dead(now, x)
		}
		return
	case x == nil:
		x = &neighbour{name: name}
		r.byName[name], r.byID[info.ID] = x, x
		delete(r.buried, info.ID)
		at, _ := slices.BinarySearchFunc(r.order, name, func(y *neighbour, name string) int { return cmp.Compare(y.name, name) })
		r.order = slices.Insert(r.order, at, x)
		n.pair(info.ID).alive = true
		n.event(Event{Kind: NodeUp, Node: info.ID, Code: name})
		if !n.Fenced(now) {
			n.hello(info.ID, 0) // it may be new, and should not wait for our next one
		}
	}
	x.NodeInfo, x.heard, x.checkAt = info, now, now.Add(DeadAfter+expiryTime)
}

// suspect looks up those who were not heard while we renewed our lease: their key tells.
func (n *Node) suspect(now time.Time) {
	for _, x := range n.roster.order {
		if n.silent(now, x) {
			n.query(now, BusOut{Kind: Check, Key: x.name}, func(now time.Time, a Answer) {
				info, ok := ParseNodeInfo(a.Value)
				if n.silent(now, x) && (a.Result == Missing || a.Result == Found && ok && info.ID != x.ID) {
					n.dead(now, x)
				}
			})
		}
	}
}

func (n *Node) silent(now time.Time, x *neighbour) bool {
	r := &n.roster
	if r.byID[x.ID] != x || r.steady.IsZero() || r.renewed.Sub(r.steady) < settleTime || now.Sub(r.renewed) >= settleTime {
		return false
	}
	return now.Sub(later(x.heard, r.leased)) >= DeadAfter
}

func (n *Node) dead(now time.Time, x *neighbour) {
	r := &n.roster
	delete(r.byName, x.name)
	delete(r.byID, x.ID)
	r.order = slices.DeleteFunc(r.order, func(y *neighbour) bool { return y == x })
	r.buried[x.ID] = true
	n.event(Event{Kind: NodeDown, Node: x.ID, Code: x.name})
	p := n.pair(x.ID)
	p.alive = false
	n.restart(now, p)
}

func (n *Node) leaseTimeout(now time.Time) {
	if n.up && deadline.Due(now, n.roster.renewAt) {
		n.renew(now)
	}
	due := false
	for _, x := range n.roster.order {
		if deadline.Due(now, x.checkAt) { // one that is alive is looked up again after each renewal of ours
			x.checkAt, due = time.Time{}, true
		}
	}
	if due {
		n.suspect(now)
	}
	if deadline.Due(now, n.cutAt()) {
		n.roster.heard = time.Time{}
		n.event(Event{Kind: Cut})
	}
}

// cutAt is when clients are better off elsewhere: nobody of the others is heard. Zero: they are, or there are none.
func (n *Node) cutAt() time.Time {
	if len(n.roster.order) == 0 || n.roster.heard.IsZero() {
		return time.Time{}
	}
	return n.roster.heard.Add(CutAfter)
}

// gone reports whether a node that a key names is dead for sure.
func (n *Node) gone(now time.Time, id uint32) bool {
	return n.roster.byID[id] == nil && (n.roster.buried[id] || n.grown(now))
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

// Neighbour is another node as an operator sees it.
type Neighbour struct {
	NodeInfo
	Name  string
	Heard time.Time
}

// Neighbours are the other nodes, by name.
func (n *Node) Neighbours() (all []Neighbour) {
	for _, x := range n.roster.order {
		all = append(all, Neighbour{x.NodeInfo, x.name, x.heard})
	}
	return all
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

// Burden is how many links a node has, and whether it drains; a node that is not alive drains.
func (n *Node) Burden(id uint32) (links uint32, draining bool) {
	switch x := n.roster.byID[id]; {
	case (id == 0 || id == n.id) && n.cfg.Load != nil:
		return n.cfg.Load(), n.drained
	case id == 0 || id == n.id:
		return 0, n.drained
	case x != nil:
		return x.Load, x.Draining
	}
	return 0, true
}

// Drain tells everybody that nothing new should come here.
func (n *Node) Drain(now time.Time) {
	n.drained = true
	if n.up {
		n.renew(n.clock(now))
	}
}

// Retire takes us out of the roster: a node that ends leaves nobody waiting for its lease.
func (n *Node) Retire() {
	n.hello(0, helloBye)
	n.bus = append(n.bus, BusOut{Kind: Retire, Key: n.cfg.Name})
}
