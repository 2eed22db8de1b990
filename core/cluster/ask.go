package cluster

import (
	"slices"
	"time"
)

// A question goes to all nodes at once and may be lost; who asks knows how long answers count.

// Ask asks all other nodes. Answered follows for each answer.
func (n *Node) Ask(now time.Time, id uint64, body []byte) {
	n.clock(now)
	n.stats.Asked++
	if n.up {
		b := appendMessage(appendHeader(nil, header{from: n.id}), &message{typ: msgAsk, id: id, body: body})
		n.bus = append(n.bus, BusOut{Kind: Publish, Data: n.seal(b)})
	}
}

// Answer answers a question of another node.
func (n *Node) Answer(now time.Time, to uint32, id uint64, body []byte) {
	n.put(n.clock(now), to, &message{typ: msgTell, id: id, body: body})
}

// Half tells another node, or all (0), of a relayed pair of which one player is here. HalfCame follows there. It arrives, as long as
// both nodes live.
func (n *Node) Half(now time.Time, to uint32, body []byte) {
	now = n.clock(now)
	for _, x := range n.roster.order {
		if to == 0 || to == x.ID {
			n.put(now, x.ID, &message{typ: msgHalf, body: body})
		}
	}
}

func (n *Node) handleAsk(from uint32, m *message) {
	kind := Asked
	if m.typ == msgTell {
		kind = Answered
	}
	n.event(Event{Kind: kind, Node: from, ID: m.id, Body: slices.Clone(m.body)})
}
