//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
)

// player is one client of the fleet. It sends every connected player a numbered message each interval, and keeps a diary of
// what it hears.
type player struct {
	index    uint32
	relayed  bool
	interval time.Duration
	host     *node.QueueHost
	stop     chan struct{}
	done     sync.WaitGroup

	mu       sync.Mutex // guards all below
	silent   bool       // sends nothing
	code     string     // of the room it is in
	joinedAt time.Time
	profiled bool
	flows    map[api.PeerHandle]*flow
	faults   []string
	lostAt   time.Time // of its link; zero: up
	resumes  []time.Duration
	moves    int // links made anew without a loss
	met      []string
	refused  []string
	told     []string // what the client logged, the newest last
}

// flow is the connection to one other player. Its numbers come one after the other or something is wrong.
type flow struct {
	other   uint32
	sent    uint32
	next    uint32 // number of the next message
	last    time.Time
	gap     time.Duration // longest between two messages
	route   api.Route
	changes int
}

const messageSize = 64 // bytes: sender(32) number(32), zeros

// prober is from where on indexes are of newcomers who only look in, and are in nobody's diary.
const prober = 100_000

func newPlayer(index uint32, addr secure.ServerAddress, bind netip.Addr, interval time.Duration) (*player, error) {
	p := &player{index: index, relayed: bind != netip.MustParseAddr(directAddr), interval: interval, stop: make(chan struct{}), flows: map[api.PeerHandle]*flow{}}
	cfg := node.Config{NoPortMapping: true, Bind: netip.AddrPortFrom(bind, 0),
		Endpoint: endpoint.Config{App: "outage", ManualConnect: index >= prober}}
	cfg.SetServer(addr)
	// The first server of the list has a start: so the fleet spreads over all.
	n := len(cfg.Servers)
	turned := make([]string, 0, n)
	for i := range n {
		turned = append(turned, cfg.Servers[(int(index)+i)%n])
	}
	cfg.Servers = turned
	var err error
	if p.host, err = node.Start(cfg); err != nil {
		return nil, err
	}
	p.done.Add(2)
	go p.listen()
	go p.talk()
	p.host.Do(node.Command{Kind: node.CmdConnect})
	return p, nil
}

func (p *player) close() {
	close(p.stop)
	p.host.Close()
	p.done.Wait()
}

func (p *player) create(members int) {
	p.host.Do(node.Command{Kind: node.CmdRoomCreate, Value: uint64(members)})
}
func (p *player) join(code string) { p.host.Do(node.Command{Kind: node.CmdRoomJoin, Text: code}) }

func (p *player) talk() {
	defer p.done.Done()
	time.Sleep(rand.N(p.interval))
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		for h, f := range p.flows {
			if p.silent || f.route == api.RouteNone {
				continue
			}
			var b [messageSize]byte
			binary.BigEndian.PutUint32(b[:], p.index)
			binary.BigEndian.PutUint32(b[4:], f.sent)
			if p.host.Do(node.Command{Kind: node.CmdSend, Peer: h, Data: b[:]}) {
				f.sent++
			}
		}
		p.mu.Unlock()
	}
}

func (p *player) listen() {
	defer p.done.Done()
	for {
		select {
		case <-p.host.Ended():
			return
		case ev := <-p.host.Events():
			p.mu.Lock()
			p.note(time.Now(), &ev)
			p.mu.Unlock()
		}
	}
}

// note takes an event into the diary. Once in its room a player expects nobody to leave it, nothing to be closed, and no
// number to be left out.
func (p *player) note(now time.Time, ev *api.Event) {
	f := p.flows[ev.Peer]
	switch ev.Kind {
	case api.EventNATProfiled:
		p.profiled = true
	case api.EventRoomJoined:
		p.code, p.joinedAt = string(ev.Data), now
	case api.EventMemberJoined:
		p.met = append(p.met, string(ev.Data))
	case api.EventPeerConnected:
		if f != nil {
			p.fault("connected anew to %d", f.other)
		}
		p.flows[ev.Peer] = &flow{other: prober, route: ev.Route, last: now}
	case api.EventRouteChanged:
		if f != nil {
			f.route = ev.Route
			f.changes++
			p.told = append(p.told, now.Format("15:04:05.000 ")+fmt.Sprintf("route to %d: %v, %s", f.other, ev.Route, ev.Text))
		}
	case api.EventMessage:
		p.message(now, f, ev)
	case api.EventMemberLeft, api.EventPeerClosed:
		if f != nil {
			p.fault("event %d of player %d: %v %s", ev.Kind, f.other, ev.Code, ev.Text)
		}
	case api.EventRoomLeft, api.EventServerLost, api.EventFailed:
		p.refused = append(p.refused, fmt.Sprintf("%v %s", ev.Code, ev.Text))
		if p.code != "" || ev.Kind == api.EventFailed {
			p.fault("event %d: %v %s", ev.Kind, ev.Code, ev.Text)
		}
	case api.EventLog:
		p.log(now, ev.Text)
		p.told = append(p.told[max(0, len(p.told)-99):], now.Format("15:04:05.000 ")+ev.Text)
	}
}

func (p *player) message(now time.Time, f *flow, ev *api.Event) {
	if f == nil || len(ev.Data) != messageSize {
		p.fault("a message of %d bytes from nobody", len(ev.Data))
		return
	}
	from, number := binary.BigEndian.Uint32(ev.Data), binary.BigEndian.Uint32(ev.Data[4:])
	if f.other == prober {
		f.other = from
	}
	if from != f.other || number != f.next {
		p.fault("message %d of %d where %d of %d was due", number, from, f.next, f.other)
	}
	f.next = number + 1
	f.gap = max(f.gap, now.Sub(f.last))
	f.last = now
}

// log reads the two lines by which a client tells of its link.
func (p *player) log(now time.Time, text string) {
	switch {
	case strings.HasPrefix(text, "link to the server lost"):
		p.lostAt = now
	case strings.HasPrefix(text, "link to the server resumed") && p.lostAt.IsZero():
		p.moves++
	case strings.HasPrefix(text, "link to the server resumed"):
		p.resumes = append(p.resumes, now.Sub(p.lostAt))
		p.lostAt = time.Time{}
	}
}

func (p *player) fault(format string, args ...any) {
	if len(p.faults) < 10 {
		p.faults = append(p.faults, fmt.Sprintf("player %d: ", p.index)+fmt.Sprintf(format, args...))
	}
}

// look runs f with the diary locked.
func (p *player) look(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}
