package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Player is a client that keeps a diary: what it was told, what it received, whether anything was lost, doubled or out of
// order. Messages carry a running number and a body that depends on it.
type Player struct {
	*Client
	Name string

	Code      string         // join code of the room we are in
	Peer      api.PeerHandle // the other one, once known
	Profile   api.NATInfo
	Joined    time.Time // is in the room
	Connected time.Time // keys exist; zero: not yet
	Pong      time.Time // first authenticated answer on a direct path
	GaveUp    string    // why the last search for a direct path ended, and when
	GaveUpAt  time.Time
	Route     api.Route
	Routes    []RouteChange
	Refused   []api.Event // SERVER_LOST, ROOM_LEFT, PEER_CLOSED in order, without data

	Sent, Received, UnreliableSent, UnreliableReceived int
	First, Last                                        time.Time     // reliable message received
	MaxGap                                             time.Duration // between two reliable messages
	interrupted                                        int           // PEER_INTERRUPTED
	left                                               int           // MEMBER_LEFT
	Faults                                             []string      // anything doubled, reordered or corrupt
	Doubled, Reordered, Corrupt                        int           // the same, counted
	seen                                               map[uint32]bool
	size                                               int

	onKeys  func() // called once
	stopped bool   // streamFromKeys ends
}

// RouteChange is one ROUTE_CHANGED event.
type RouteChange struct {
	At    time.Time
	Route api.Route
	Text  string
}

// AddPlayer puts a player into the site; messages are size bytes, at least 8.
func (s *Site) AddPlayer(name string, size int, configure func(*endpoint.Config)) *Player {
	p := &Player{Client: s.AddClient(configure), Name: name, seen: map[uint32]bool{}, size: max(size, 8)}
	p.OnEvent = p.note
	return p
}

func (p *Player) note(now time.Time, ev *api.Event) {
	switch ev.Kind {
	case api.EventNATProfiled:
		p.Profile = ev.NAT
	case api.EventRoomJoined:
		p.Code, p.Joined = string(ev.Data), now
	case api.EventMemberJoined:
		p.Peer = ev.Peer
	case api.EventMemberLeft:
		p.left++
	case api.EventPeerConnected:
		if p.Connected.IsZero() && p.onKeys != nil {
			p.onKeys()
		}
		p.Connected, p.Route, p.Peer = now, ev.Route, ev.Peer
	case api.EventPunch:
		if ev.Code != api.OK {
			p.GaveUp, p.GaveUpAt = ev.Text, now
		} else if p.Pong.IsZero() {
			p.Pong = now
		}
	case api.EventRouteChanged:
		p.Route = ev.Route
		p.Routes = append(p.Routes, RouteChange{now, ev.Route, ev.Text})
	case api.EventPeerInterrupted:
		p.interrupted++
	case api.EventServerLost, api.EventRoomLeft, api.EventPeerClosed:
		kept := *ev
		kept.Data = nil
		p.Refused = append(p.Refused, kept)
	case api.EventMessage:
		p.message(now, ev)
	}
}

func (p *Player) message(now time.Time, ev *api.Event) {
	n := -1
	if len(ev.Data) >= 8 {
		n = int(binary.BigEndian.Uint32(ev.Data))
	}
	if n < 0 || string(ev.Data) != string(p.body(uint32(n))) {
		p.Corrupt++
		p.fault("message of %d bytes is not what was sent", len(ev.Data))
		return
	}
	if !ev.Mode.Reliable() {
		p.UnreliableReceived++
		if p.seen[uint32(n)] {
			p.Doubled++
			p.fault("unreliable %d came twice", n)
		}
		p.seen[uint32(n)] = true
		return
	}
	switch {
	case n < p.Received:
		p.Doubled++
		p.fault("reliable %d came when %d was due", n, p.Received)
	case n > p.Received:
		p.Reordered++
		p.fault("reliable %d came when %d was due", n, p.Received)
	}
	if p.Received == 0 {
		p.First = now
	} else {
		p.MaxGap = max(p.MaxGap, now.Sub(p.Last))
	}
	p.Last = now
	p.Received++
}

func (p *Player) fault(format string, args ...any) {
	p.Faults = append(p.Faults, fmt.Sprintf(format, args...))
}

func (p *Player) body(n uint32) []byte {
	b := make([]byte, p.size)
	binary.BigEndian.PutUint32(b, n)
	for i := 4; i < len(b); i++ {
		b[i] = byte(n*31 + uint32(i))
	}
	return b
}

// SendReliable and SendUnreliable send the next numbered message; it is not counted when the library refuses it.
func (p *Player) SendReliable() error {
	var err error
	p.Do(func(now time.Time, e *endpoint.Endpoint) {
		err = e.Send(now, p.Peer, api.Outgoing{}, p.body(uint32(p.Sent)))
	})
	if err == nil {
		p.Sent++
	}
	return err
}

func (p *Player) SendUnreliable() error {
	var err error
	p.Do(func(now time.Time, e *endpoint.Endpoint) {
		err = e.Send(now, p.Peer, api.Outgoing{Mode: api.Unreliable, Channel: 1}, p.body(uint32(p.UnreliableSent)))
	})
	if err == nil {
		p.UnreliableSent++
	}
	return err
}

// Stream sends total reliable messages, one each interval, beside as many unreliable ones when both is set.
func (p *Player) Stream(total int, interval time.Duration, both bool) {
	var step func(time.Time)
	step = func(time.Time) {
		if p.Sent >= total || len(p.Refused) > 0 {
			return
		}
		if !p.Connected.IsZero() && !p.frozen {
			_ = p.SendReliable() // refused: tried again at the next interval
			if both {
				_ = p.SendUnreliable()
			}
		}
		p.w.After(interval, step)
	}
	p.w.After(0, step)
}

// Meet lets host make a room and guest join it, until both hold keys or d has passed.
func (w *World) Meet(host, guest *Player, d time.Duration) bool {
	host.Do(func(now time.Time, e *endpoint.Endpoint) {
		_ = e.Connect(now)
		_ = e.RoomCreate(now, 0, nil)
	})
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now) })
	end := w.now.Add(d)
	profiled := func() bool { return host.Profile.Mapping != 0 && guest.Profile.Mapping != 0 }
	if !w.RunUntil(d, func() bool { return host.Code != "" && profiled() }) {
		return false
	}
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.RoomJoin(now, host.Code) })
	return w.RunUntil(end.Sub(w.now), func() bool { return !host.Connected.IsZero() && !guest.Connected.IsZero() })
}
