package endpoint

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// startProfile measures the NAT, anew after a network change.
func (e *Endpoint) startProfile(now time.Time) {
	e.closeProbeSocket()
	e.profiler = nat.NewProfiler(nat.ProfilerConfig{
		Rand: e.cfg.Rand, Local: e.main, LocalAddrs: e.lan, Server: e.server.Addr(), Ports: e.info.STUNPorts, Token: e.info.STUNToken,
	})
	e.profiler.Start(now)
	if e.profiler.WantSocket() {
		e.lastID++
		e.probing = e.lastID
		e.ops = append(e.ops, SocketOp{ID: e.probing, Open: true})
	}
	e.drainProfiler(now)
}

// SocketOpened answers a SocketOp.
func (e *Endpoint) SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort) {
	now = e.tick(now)
	if e.profiler != nil && id == e.probing {
		e.profiler.SocketOpened(now, id, local)
		e.drainProfiler(now)
	}
}

// SocketFailed answers a SocketOp that the system refused.
func (e *Endpoint) SocketFailed(now time.Time, id api.SocketID, text string) {
	now = e.tick(now)
	if id == e.probing {
		e.probing = 0
		e.profiler.SocketFailed(now)
		e.drainProfiler(now)
	}
	e.log(logWarn, fmt.Sprintf("socket for the NAT profile refused: %s", text))
}

func (e *Endpoint) wireProfile() wire.Profile {
	return wire.Profile{Mapping: uint8(e.profile.Mapping), Filtering: uint8(e.profile.Filtering)}
}

func (e *Endpoint) closeProbeSocket() {
	if e.probing != 0 {
		e.ops = append(e.ops, SocketOp{ID: e.probing})
		e.probing = 0
	}
}

func (e *Endpoint) drainProfiler(now time.Time) {
	if id, ok := e.profiler.CloseSocket(); ok && id == e.probing {
		e.closeProbeSocket()
	}
	info, done := e.profiler.Result()
	if !done {
		info = e.profiler.Known()
	}
	if info != e.profile && info.Mapping != api.BehaviourUnknown {
		e.profile = info
		own := e.wireProfile()
		e.link.Rooms().SetProfile(own)
		e.link.Flush(now)
		for i := range e.slots.used {
			for _, p := range [...]*peer.Peer{e.slots.list[i].cur, e.slots.list[i].next} {
				if p != nil {
					p.SetProfile(own)
				}
			}
		}
	}
	if !done {
		return
	}
	e.closeProbeSocket()
	e.profiler = nil
	e.profile = info
	e.push(api.Event{Kind: api.EventNATProfiled, NAT: info,
		Text: fmt.Sprintf("mapping %s, filtering %s, seen as %s", info.Mapping, info.Filtering, info.Public)})
}
