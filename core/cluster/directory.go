package cluster

import (
	"slices"
	"time"
)

// held is the key of a room of ours.
type held struct {
	code   string
	entry  Entry
	rev    uint64
	busy   bool // an operation on it is under way
	made   bool // the directory has it, as far as we know
	queued bool // for its next renewal, or to be asked for again
	gone   bool // deleted while busy
}

// op is an operation of the directory that waits for its answer.
type op struct {
	then func(now time.Time, a Answer)
}

// Answer is what the directory says to a Lookup, Create or Update.
type Answer struct {
	Op     uint64
	Result Result
	Value  []byte // Found
	Rev    uint64 // Found, Done
}

// Result of an operation.
type Result uint8

const (
	Failed   Result = iota // no answer, or the directory can't now
	Found                  // Lookup
	Missing                // Lookup: no such key
	Done                   // Create, Update
	Conflict               // Create: there is such a key; Update: it has another revision, or there is none
)

// query sends an operation and remembers what to do with its answer. With the bus down the answer is Failed, at once.
func (n *Node) query(now time.Time, o BusOut, then func(now time.Time, a Answer)) {
	n.lastOp++
	o.Op = n.lastOp
	if !n.up {
		then(now, Answer{Op: o.Op, Result: Failed})
		return
	}
	n.ops[o.Op] = op{then}
	n.opTimes.put(now.Add(opTime), o.Op)
	n.bus = append(n.bus, o)
}

// HandleAnswer takes an answer of the directory.
func (n *Node) HandleAnswer(now time.Time, a Answer) {
	now = n.clock(now)
	if o, ok := n.ops[a.Op]; ok {
		delete(n.ops, a.Op)
		o.then(now, a)
	} else if a.Result == Done {
		n.stats.Unmatched++ // too late: what it made is found by whoever looks, and renewed or dies
	}
}

// Reserve makes the key of a new room. The event Reserved or Taken follows.
func (n *Node) Reserve(now time.Time, code string, room uint64, epoch uint32) {
	now = n.clock(now)
	h := &held{code: code, entry: Entry{n.id, epoch, room}, busy: true}
	n.query(now, BusOut{Kind: Create, Key: code, Data: appendEntry(nil, h.entry)}, func(now time.Time, a Answer) {
		kind := Reserved
		if a.Result == Conflict {
			kind = Taken
		} else if a.Result == Done {
			n.hold(now, h, a.Rev)
		}
		n.event(Event{Kind: kind, Room: room, Code: code, Epoch: epoch, OK: a.Result == Done})
	})
}

// hold takes note of a key that is ours.
func (n *Node) hold(now time.Time, h *held, rev uint64) {
	h.rev, h.busy, h.made = rev, false, true
	n.rooms[h.code] = h
	n.queueKey(now, h)
}

func (n *Node) queueKey(now time.Time, h *held) {
	if !h.queued {
		h.queued = true
		n.renewal.put(now.Add(keyRefresh), h.code)
	}
}

// Closed deletes the key of a room of ours that has ended.
func (n *Node) Closed(code string) {
	h := n.rooms[code]
	if h == nil {
		return
	}
	delete(n.rooms, code)
	if h.gone = true; !h.busy && n.up {
		n.bus = append(n.bus, BusOut{Kind: Delete, Key: code, Rev: h.rev})
	}
}

// doubt asks for a key again when the lease is renewed next: nobody answered, and its room may be another's by now.
func (n *Node) doubt(h *held) {
	if h.busy = false; !h.queued {
		h.queued = true
		n.doubts = append(n.doubts, h.code)
	}
}

// askAgain renews keys that are in doubt: some at a time, and only while the directory takes our lease. A thousand requests that
// nobody answers would keep the lease waiting.
func (n *Node) askAgain() {
	most := min(doubtsAtOnce, len(n.doubts))
	for _, code := range n.doubts[:most] {
		if h := n.rooms[code]; h != nil && !h.busy && h.queued {
			n.renewKey(h)
		}
	}
	if n.doubts = n.doubts[most:]; len(n.doubts) == 0 {
		n.doubts = nil
	}
}

// refreshKeys renews all keys: the directory may have lost them, or given them to others.
func (n *Node) refreshKeys(now time.Time) {
	n.doubts = nil
	codes := make([]string, 0, len(n.rooms))
	for code := range n.rooms {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		if h := n.rooms[code]; !h.busy {
			n.renewKey(h)
		}
	}
}

// renewKey writes a key of ours again. That it is not as we know it means that the directory was lost, or the room.
func (n *Node) renewKey(h *held) {
	h.busy, h.queued = true, false
	n.writeKey(n.now, h, BusOut{Kind: Update, Rev: h.rev})
}

// writeKey writes a key of ours as out says, and looks who has it if that does not go.
func (n *Node) writeKey(now time.Time, h *held, out BusOut) {
	out.Key, out.Data = h.code, appendEntry(nil, h.entry)
	n.query(now, out, func(now time.Time, a Answer) {
		switch a.Result {
		case Done:
			n.renewed(now, h, a.Rev)
		case Conflict:
			n.findKey(now, h)
		default:
			n.doubt(h)
		}
	})
}

func (n *Node) renewed(now time.Time, h *held, rev uint64) {
	h.rev, h.busy = rev, false
	if h.gone {
		n.bus = append(n.bus, BusOut{Kind: Delete, Key: h.code, Rev: rev})
		return
	}
	n.queueKey(now, h)
}

// findKey looks what has become of a key.
func (n *Node) findKey(now time.Time, h *held) {
	n.query(now, BusOut{Kind: Lookup, Key: h.code}, func(now time.Time, a Answer) {
		e, ok := ParseEntry(a.Value)
		switch {
		case a.Result == Missing:
			n.makeKey(now, h)
		case a.Result != Found || !ok:
			n.doubt(h)
		case e == h.entry: // an answer to an earlier renewal was lost
			n.renewed(now, h, a.Rev)
		case e.Room == h.entry.Room && e.Epoch <= h.entry.Epoch && e.Owner != n.id && n.gone(now, e.Owner):
			// what an older directory knew
			h.rev, h.busy = a.Rev, false
			n.renewKey(h)
		default:
			n.lose(h)
		}
	})
}

func (n *Node) makeKey(now time.Time, h *held) {
	if h.gone {
		return
	}
	n.writeKey(now, h, BusOut{Kind: Create})
}

// lose gives a room up that has another owner.
func (n *Node) lose(h *held) {
	if n.rooms[h.code] == h {
		delete(n.rooms, h.code)
		n.stats.RoomsLost++
		n.event(Event{Kind: RoomTaken, Room: h.entry.Room, Code: h.code, Epoch: h.entry.Epoch})
	}
}

// take makes a room ours: over the entry that was found, or anew without one (rev 0).
func (n *Node) take(now time.Time, code string, e Entry, rev uint64, then func(now time.Time, r Result)) {
	h := &held{code: code, entry: e, busy: true}
	o := BusOut{Kind: Create, Key: code, Data: appendEntry(nil, e)}
	if rev != 0 {
		o.Kind, o.Rev = Update, rev
	}
	n.query(now, o, func(now time.Time, a Answer) { n.tried(now, h, a, lookTries, then) })
}

// tried is what became of taking a room. Without an answer it may have been done all the same: then nobody else takes the room,
// because we are alive, and we don't have it. So the directory is asked, some times, whether it is ours.
func (n *Node) tried(now time.Time, h *held, a Answer, left int, then func(now time.Time, r Result)) {
	x := n.rooms[h.code]
	switch {
	case a.Result == Done && x != nil && x.entry == h.entry: // by another client of ours, who was told so first
		x.rev = max(x.rev, a.Rev)
		a.Result = Conflict
	case a.Result == Done:
		n.hold(now, h, a.Rev)
	case a.Result == Failed && left > 0 && n.up:
		n.query(now, BusOut{Kind: Lookup, Key: h.code}, func(now time.Time, a Answer) {
			if e, ok := ParseEntry(a.Value); a.Result == Found && ok && e == h.entry {
				a.Result = Done
			} else if a.Result != Failed {
				a.Result = Conflict
			}
			n.tried(now, h, a, left-1, then)
		})
		return
	}
	then(now, a.Result)
}
