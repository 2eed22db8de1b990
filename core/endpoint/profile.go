package endpoint

import (
	"fmt"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// startProfile measures the NAT, anew after a network change.
func (e *Endpoint) startProfile(now time.Time) {
	e.endProfile()
	e.profiler = nat.NewProfiler(nat.ProfilerConfig{
		Rand: e.cfg.Rand, Local: e.main, LocalAddrs: e.lan, Server: e.server.Addr(), Ports: e.info.STUNPorts, Alternate: e.info.Alternate,
		Token: e.info.STUNToken,
	})
	e.profiler.Start(now)
	e.drainProfiler(now)
}

func (e *Endpoint) wireProfile() wire.Profile {
	p := &e.profile
	return wire.Profile{
		Mapping: uint8(p.Mapping), Filtering: uint8(p.Filtering), Certain: p.Certain, Allocation: uint8(p.Allocation), Step: p.PortStep,
		Low: p.PortLow, High: p.PortHigh, Poisonable: uint8(p.Poisonable), OpenerTTL: p.OpenerTTL,
	}
}

// endProfile ends a measurement, if one runs, and closes its sockets.
func (e *Endpoint) endProfile() {
	for _, id := range e.probing {
		e.ops = append(e.ops, SocketOp{ID: id})
	}
	e.probing, e.profiler = e.probing[:0], nil
}

// profileSockets opens and closes what the profiler asks for.
func (e *Endpoint) profileSockets() {
	for e.profiler.WantSocket() {
		e.lastID++
		e.probing = append(e.probing, e.lastID)
		e.ops = append(e.ops, SocketOp{ID: e.lastID, Open: true})
	}
	for id, ok := e.profiler.CloseSocket(); ok; id, ok = e.profiler.CloseSocket() {
		if i := slices.Index(e.probing, id); i >= 0 {
			e.probing = slices.Delete(e.probing, i, i+1)
			e.ops = append(e.ops, SocketOp{ID: id})
		}
	}
}

func (e *Endpoint) drainProfiler(now time.Time) {
	e.profileSockets()
	info, done := e.profiler.Result()
	if !done {
		info = e.profiler.Known()
	}
	if info.Mapping == api.BehaviourUDPBlocked && e.linkUp && !e.link.OnStream() { // the link is what shows that it is not
		info.Mapping, info.Filtering = api.BehaviourUnknown, api.BehaviourUnknown
	}
	if info.Mapping != api.BehaviourUnknown || done {
		e.learn(now, info)
	}
	if !done {
		return
	}
	e.endProfile()
	e.profile = info
	e.push(api.Event{Kind: api.EventNATProfiled, NAT: info, Text: describeNAT(&info)})
}

// learn tells server and connections what is known of the NAT by now.
func (e *Endpoint) learn(now time.Time, info api.NATInfo) {
	if info == e.profile {
		return
	}
	e.profile = info
	own := e.wireProfile()
	e.link.Rooms().SetProfile(own)
	e.link.Flush(now)
	for i := range e.slots.used {
		for _, p := range [...]*peer.Peer{e.slots.list[i].cur, e.slots.list[i].next} {
			if p != nil {
				p.SetProfile(now, own)
				e.slots.touch(i)
			}
		}
	}
}

// describeNAT is one line for people.
func describeNAT(n *api.NATInfo) string {
	if n.Mapping == api.BehaviourUDPBlocked {
		return "UDP is blocked"
	}
	text := fmt.Sprintf("mapping %s, filtering %s, ports %s", n.Mapping, n.Filtering, n.Allocation)
	switch n.Allocation {
	case api.AllocSequential:
		text += fmt.Sprintf(" by %+d", n.PortStep)
	case api.AllocBlock, api.AllocRandom:
		text += fmt.Sprintf(" in %d-%d", n.PortLow, n.PortHigh)
	}
	if n.Poisonable == api.AnswerYes {
		text += ", early packets poison it"
	}
	return text + ", seen as " + n.Public
}
