package endpoint

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Rooms as the game has them: options at create and join, requests to the server, and what comes back.

// RoomCreate makes a room and enters it. max counts this client too; 0 means api.DefaultMembers.
func (e *Endpoint) RoomCreate(now time.Time, max int, data []byte) error {
	return e.RoomOpen(now, &api.RoomOptions{Max: max, Data: data})
}

// RoomOpen is RoomCreate with all options.
func (e *Endpoint) RoomOpen(now time.Time, o *api.RoomOptions) error {
	size := o.Max
	if size == 0 {
		size = api.DefaultMembers
	}
	flags := uint32(o.Flags)
	switch {
	case size < 2 || size > api.MaxRoomMembers:
		return api.NewError(api.ErrValue, fmt.Sprintf("room for %d members: allowed are 2 to %d", size, api.MaxRoomMembers))
	case flags&^(wire.RoomSettable|wire.RoomPrivate) != 0:
		return api.NewError(api.ErrValue, fmt.Sprintf("room options %#x: this version does not know some of them", flags))
	case len(o.Data) > api.MaxRoomData:
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("room data of %d bytes: at most %d", len(o.Data), api.MaxRoomData))
	case len(o.Password) > 0:
		flags |= wire.RoomPassword
	}
	return e.enterRoom(now, o.Password, func(r *rendezvous.Client) error { return r.CreateWith(uint8(size), flags, o.Data) })
}

// RoomJoin enters the room with a join code.
func (e *Endpoint) RoomJoin(now time.Time, code string) error {
	return e.RoomEnter(now, &api.JoinOptions{Code: code})
}

// RoomEnter is RoomJoin with all options.
func (e *Endpoint) RoomEnter(now time.Time, o *api.JoinOptions) error {
	flags := uint32(0)
	if len(o.Password) > 0 {
		flags = wire.JoinPassword
	}
	return e.enterRoom(now, o.Password, func(r *rendezvous.Client) error { return r.JoinWith(o.Code, flags, o.Data) })
}

// enterRoom asks for a room, and keeps the password until the room's id is known.
func (e *Endpoint) enterRoom(now time.Time, password []byte, ask func(*rendezvous.Client) error) error {
	if len(password) > api.MaxPassword {
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("room password of %d bytes: at most %d", len(password), api.MaxPassword))
	}
	now = e.tick(now)
	if !e.wanted {
		return api.NewError(api.ErrNotConnected, "connect to a server first")
	}
	if err := ask(e.link.Rooms()); err != nil {
		return err
	}
	e.pass.begin(password)
	e.flushLink(now)
	return nil
}

// Request asks the server for one of the things that api.RequestKind lists. Its refusal, also a later one, is
// EventRequestFailed or EventInviteResult.
func (e *Endpoint) Request(now time.Time, q *api.Request) error {
	return e.roomCommand(now, func(r *rendezvous.Client) error {
		member := uint64(0)
		if q.Kind == api.RequestSetOwner || q.Kind == api.RequestKick {
			_, s, err := e.peerSlot(q.Peer)
			if err != nil {
				return err
			}
			member = s.member
		}
		switch q.Kind {
		case api.RequestSetData:
			return r.SetDataIf(q.Version, q.Data)
		case api.RequestConfigure:
			return r.Configure(uint32(q.Set), uint32(q.Clear), q.Max)
		case api.RequestSetOwner:
			return r.SetOwner(member)
		case api.RequestKick:
			return r.Kick(member, q.Yes, q.Text)
		case api.RequestAdmit:
			return r.Admit(q.ID, q.Yes, q.Text)
		case api.RequestList:
			return r.List(q.Data, q.After, q.Max)
		case api.RequestUser:
			return r.Query(q.User)
		case api.RequestInvite:
			return r.Invite(q.User, q.Data)
		}
		return api.NewError(api.ErrValue, fmt.Sprintf("there is no request of kind %d", q.Kind))
	})
}

// requestKinds are the signals of requests as the game knows them.
var requestKinds = map[wire.SignalType]api.RequestKind{
	wire.SigSetData: api.RequestSetData, wire.SigConfigure: api.RequestConfigure, wire.SigSetOwner: api.RequestSetOwner,
	wire.SigKick: api.RequestKick, wire.SigAdmit: api.RequestAdmit, wire.SigList: api.RequestList, wire.SigUser: api.RequestUser,
}

// roomSignal takes what the rooms machine tells beside members, owner and data.
func (e *Endpoint) roomSignal(s *wire.Signal) {
	switch s.Type {
	case wire.SigRoomOptions:
		e.room.flags = s.Flags
		e.push(roomOptions(s))
	case wire.SigJoinRequest:
		e.push(api.Event{Kind: api.EventJoinRequest, Count: s.Member, Text: s.User, Data: append([]byte(nil), s.Data...)})
	case wire.SigJoinGone:
		e.push(api.Event{Kind: api.EventJoinWithdrawn, Count: s.Member})
	case wire.SigRooms:
		e.listed(s)
	case wire.SigUserIs:
		e.push(api.Event{Kind: api.EventUser, Count: uint64(s.Flags), Data: []byte(s.User)})
	case wire.SigInvited:
		data := append(append([]byte(s.User), 0), s.Data...)
		e.push(api.Event{Kind: api.EventInvited, Text: s.Text, Data: data})
	default:
		e.requestEnded(s)
	}
}

// roomOptions is the event of a Joined or a RoomOptions.
func roomOptions(s *wire.Signal) api.Event {
	return api.Event{Kind: api.EventRoomOptions, Count: uint64(s.Flags &^ wire.JoinedRecovering), Code: api.Code(s.Max)}
}

func (e *Endpoint) listed(s *wire.Signal) {
	for i := range s.Rooms {
		r := &s.Rooms[i]
		e.push(api.Event{Kind: api.EventRoomListed, Text: r.Code, Data: r.Data, Count: uint64(r.Flags)<<32 | uint64(r.Members), Code: api.Code(r.Max)})
	}
	e.push(api.Event{Kind: api.EventRoomListEnd, Count: uint64(len(s.Rooms)), Data: s.After})
}

// requestEnded takes a request that came back: refused, or an invitation.
func (e *Endpoint) requestEnded(s *wire.Signal) {
	kind := requestKinds[s.Type]
	switch {
	case kind == 0:
	case kind == api.RequestUser && s.Flags&wire.UserInvite != 0:
		e.push(api.Event{Kind: api.EventInviteResult, Code: api.Code(s.Code), Text: s.Text, Data: []byte(s.User)})
	default:
		ev := api.Event{Kind: api.EventRequestFailed, Count: uint64(kind), Code: api.Code(s.Code), Text: s.Text, Data: []byte(s.User)}
		if kind == api.RequestSetOwner || kind == api.RequestKick {
			ev.Peer = e.memberHandle(s.Member)
		}
		e.push(ev)
	}
}

// cutKicked ends the connection between a player who was put out of the room and one who stays, from both ends. After other
// partings connections go on: the game may want them.
func (e *Endpoint) cutKicked(i int, code api.Code) {
	if p := e.slots.list[i].cur; p != nil && code == api.ErrKicked {
		p.Close(e.clock, api.ErrKicked, "the room's owner removed the player")
	}
}

// cutUnheard ends a connection to a player who left before anything came over it: its handshake was under way, so that it had no
// keys to say goodbye with.
func (e *Endpoint) cutUnheard(i int) {
	if p := e.slots.list[i].cur; p != nil && !p.Heard() {
		p.Close(e.clock, api.ErrPeerGone, "the other player left the room before the connection was up")
	}
}

// Room is the room that this client is in, as it knows it; ok is false outside. Read, don't keep.
func (e *Endpoint) Room() (room rendezvous.Room, ok bool) { return e.link.Rooms().Room() }
