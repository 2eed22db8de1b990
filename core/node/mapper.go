package node

import (
	"context"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/portmap"
)

const (
	gatewayLimit = 250 * time.Millisecond // PCP and NAT-PMP: the gateway is one hop away; NAT.md, T6
	upnpLimit    = 3 * time.Second        // devices may wait a second before they answer a search, and then there are three calls
	releaseLimit = 200 * time.Millisecond // at the end of the client, beside the goodbyes
	mapAgain     = 10 * time.Minute       // for mappings without a lifetime: routers restart
	leastRenewal = time.Minute            // however short the lifetime that a router grants
)

// portMapper keeps a port mapped on the router while the client has a link. The router is asked in goroutines, by both
// families of protocols at once; the owner takes the answer when it is woken.
type portMapper struct {
	off    bool
	cancel context.CancelFunc // nonnil: asking
	asked  int                // answers still to come
	result chan mapped
	held   []mapping // to be released at the end
	again  time.Time
	port   uint16 // of the main socket
	nonce  portmap.Nonce

	releasing int // under way
	released  chan struct{}
}

// mapping is a *portmap.Mapping, or a test's.
type mapping interface {
	Release(ctx context.Context) error
}

type mapped struct {
	mapping *portmap.Mapping
	err     error
}

// worthMapping reports whether a router's port would help: the world sees us at a public address that is not our own.
func worthMapping(seen netip.Addr, own []netip.Addr) bool {
	for _, a := range own {
		if a == seen {
			return false
		}
	}
	shared := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT, RFC 6598
	return seen.Is4() && seen.IsGlobalUnicast() && !seen.IsPrivate() && !shared.Contains(seen)
}

// start asks the router, unless it is being asked.
func (m *portMapper) start(wake func()) {
	if m.off || m.cancel != nil {
		return
	}
	in, _ := portmap.Gateway() // unknown: the requests that need it fail at once, and say so
	in.Port, in.Nonce = m.port, m.nonce
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.asked, m.result, m.again = cancel, 2, make(chan mapped, 2), time.Time{}
	m.ask(ctx, gatewayLimit, func(ctx context.Context) (*portmap.Mapping, error) { return portmap.AskGateway(ctx, in) }, wake)
	m.ask(ctx, upnpLimit, func(ctx context.Context) (*portmap.Mapping, error) { return portmap.AskUPnP(ctx, in) }, wake)
}

func (m *portMapper) ask(ctx context.Context, limit time.Duration, f func(context.Context) (*portmap.Mapping, error), wake func()) {
	result := m.result
	Spawn(func() {
		defer wake()
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		Trouble("mapper")
		got, err := f(ctx)
		result <- mapped{got, err}
	}, func(text string) {
		result <- mapped{err: panicError(text)}
		wake()
	})
}

// answer takes one answer, if there is one.
func (m *portMapper) answer() (r mapped, ok bool) {
	if m.cancel == nil {
		return r, false
	}
	select {
	case r = <-m.result:
	default:
		return r, false
	}
	if m.asked--; m.asked == 0 {
		m.cancel()
		m.cancel = nil
	}
	return r, true
}

// keep remembers a mapping and when to renew it.
func (m *portMapper) keep(now time.Time, got *portmap.Mapping) {
	m.held = append(m.held, got)
	at := now.Add(mapAgain)
	if got.Lifetime > 0 {
		at = now.Add(max(got.Lifetime/2, leastRenewal))
	}
	m.again = deadline.Earlier(m.again, at)
}

// forget drops mappings that are the router's we left, or that were just made again.
func (m *portMapper) forget() { m.held = nil }

// beginStop ends the asking and begins to release what is held, beside the goodbyes to server and players: routers take
// their time.
func (m *portMapper) beginStop() {
	m.off = true
	if m.cancel != nil {
		m.cancel() // the answers are on their way: see stop
	}
	if len(m.held) == 0 {
		return
	}
	if m.released == nil {
		m.released = make(chan struct{})
	}
	for _, held := range m.held {
		m.releasing++
		Spawn(func() {
			ctx, cancel := context.WithTimeout(context.Background(), releaseLimit)
			defer cancel()
			_ = held.Release(ctx) // it runs out by itself
			m.released <- struct{}{}
		}, func(string) { m.released <- struct{}{} })
	}
	m.held = nil
}

// stop waits until everything that was started has ended. What a router granted meanwhile is released as well.
func (m *portMapper) stop() {
	m.beginStop()
	if m.cancel != nil {
		for ; m.asked > 0; m.asked-- {
			if r := <-m.result; r.mapping != nil {
				m.held = append(m.held, r.mapping)
			}
		}
		m.cancel = nil
		m.beginStop()
	}
	for ; m.releasing > 0; m.releasing-- {
		<-m.released
	}
}

// mapPort asks the router for a port where that can help.
func (o *owner) mapPort() {
	if worthMapping(o.engine.Observed().Addr(), o.local) {
		o.mapper.start(o.loop.Wake)
	}
}

// takeMappings passes on what the router said.
func (o *owner) takeMappings() {
	m := &o.mapper
	for {
		r, ok := m.answer()
		if !ok {
			break
		}
		carryOn(r.err)
		if r.err != nil {
			o.log(logDebug, "the router forwards no port: "+r.err.Error())
		} else {
			m.keep(o.now, r.mapping)
			o.engine.SetMapped(o.now, r.mapping.Protocol, r.mapping.External)
		}
	}
	if deadline.Due(o.now, m.again) {
		m.again = time.Time{}
		m.forget()
		o.mapPort()
	}
}
