package rendezvous

import (
	"fmt"
	"slices"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// maxAsked is how many requests may be under way: the server remembers its answers to as many.
const maxAsked = maxResults

// ofRoom reports whether a request concerns the room this client is in, and ends with it.
func ofRoom(t wire.SignalType) bool { return t != wire.SigList && t != wire.SigUser }

// request sends a request under a new number. It is kept until its answer: a link that is lost in between costs nothing
// but time, since it is said again on the next one, and the server knows by the number what it has done already.
func (c *Client) request(s wire.Signal) error {
	if len(c.asked) >= maxAsked {
		return api.NewError(api.ErrWouldBlock, fmt.Sprintf("%d requests are waiting for the server's answers, the most allowed: wait for one of them", maxAsked))
	}
	c.last++
	s.Request = c.last
	c.asked = append(c.asked, s)
	c.send(s)
	return nil
}

// repeatAsked says again the requests that concern the room, or those that don't.
func (c *Client) repeatAsked(room bool) {
	for i := range c.asked {
		if ofRoom(c.asked[i].Type) == room {
			c.send(c.asked[i])
		}
	}
}

// answered takes the answer to a request. What was done as asked shows by what follows in the room; the game hears of what was
// not, and of everything that has no other sign.
func (c *Client) answered(s *wire.Signal) bool {
	i := slices.IndexFunc(c.asked, func(q wire.Signal) bool { return q.Request == s.Request })
	if i < 0 {
		return false
	}
	q := c.asked[i]
	q.Code, q.Text = s.Code, s.Text
	invites := q.Type == wire.SigUser && q.Flags&wire.UserInvite != 0
	switch {
	case s.Type == wire.SigRefused:
		c.event(q)
	case s.Type == wire.SigDone && invites:
		q.Code, q.Text = int32(api.OK), ""
		c.event(q)
	case s.Type == wire.SigDone && q.Type != wire.SigUser && q.Type != wire.SigList:
	case s.Type == wire.SigRoomData && q.Type == wire.SigSetData: // the caller tells it
	case s.Type == wire.SigUserIs && q.Type == wire.SigUser && !invites && s.Flags <= wire.UserInRoom:
		c.event(wire.Signal{Type: s.Type, Request: s.Request, User: q.User, Flags: s.Flags})
	case s.Type == wire.SigRooms && q.Type == wire.SigList && c.listed(s):
	default:
		return false
	}
	c.asked = slices.Delete(c.asked, i, i+1)
	return true
}

// listed passes a page of rooms on, if it is sound.
func (c *Client) listed(s *wire.Signal) bool {
	t := wire.Signal{Type: s.Type, Request: s.Request, After: slices.Clone(s.After)}
	for _, e := range s.Rooms {
		code, ok := NormalCode(e.Code)
		if !ok {
			return false
		}
		e.Code, e.Data = code, slices.Clone(e.Data)
		t.Rooms = append(t.Rooms, e)
	}
	c.event(t)
	return true
}

// owned refuses what needs a room, and its ownership.
func (c *Client) owned(what string) error {
	switch {
	case c.state != inside:
		return api.NewError(api.ErrNotInRoom, what+": not in a room")
	case c.room.Owner != c.room.Self:
		return api.NewError(api.ErrNotOwner, what+": only the room's owner may do that")
	}
	return nil
}

// SetData replaces the room's metadata, whatever it is. The owner may, and where the room has wire.RoomShared everybody.
func (c *Client) SetData(data []byte) error { return c.SetDataIf(0, data) }

// SetDataIf is SetData while the metadata's version is still this one; 0: whatever it is.
func (c *Client) SetDataIf(version uint32, data []byte) error {
	if err := c.owned("room data"); err != nil && (c.state != inside || c.room.Flags&wire.RoomShared == 0) {
		return err
	}
	if len(data) > api.MaxRoomData {
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("room data of %d bytes: at most %d", len(data), api.MaxRoomData))
	}
	return c.request(wire.Signal{Type: wire.SigSetData, Version: version, Data: slices.Clone(data)})
}

// Configure sets and clears flags of the room, and changes its size; max 0 leaves it as it is.
func (c *Client) Configure(set, clear uint32, max uint8) error {
	if err := c.owned("room options"); err != nil {
		return err
	}
	if (set|clear)&^wire.RoomSettable != 0 || set&clear != 0 || max == 1 || max > api.MaxRoomMembers {
		return api.NewError(api.ErrValue, "room options: public, locked, ask and shared can be changed, and the size to 2 to 64 members")
	}
	return c.request(wire.Signal{Type: wire.SigConfigure, Flags: set, Clear: clear, Max: max})
}

// SetOwner gives the room to another member.
func (c *Client) SetOwner(member uint64) error {
	if err := c.about("room owner", member); err != nil {
		return err
	}
	return c.request(wire.Signal{Type: wire.SigSetOwner, Member: member})
}

// Kick puts a member out, with a sentence for it; ban: for as long as the room lives.
func (c *Client) Kick(member uint64, ban bool, text string) error {
	if err := c.about("room kick", member); err != nil {
		return err
	}
	s := wire.Signal{Type: wire.SigKick, Member: member, Text: text[:min(len(text), api.MaxCloseText)]}
	if ban {
		s.Flags = wire.KickBan
	}
	return c.request(s)
}

// about refuses what is not the owner's, or not about another member.
func (c *Client) about(what string, member uint64) error {
	if err := c.owned(what); err != nil {
		return err
	}
	if member == c.room.Self || c.memberIndex(member) < 0 {
		return api.NewError(api.ErrPeer, what+": that is not another member of the room")
	}
	return nil
}

// Admit answers who asks to be let in.
func (c *Client) Admit(id uint64, yes bool, text string) error {
	if err := c.owned("room admit"); err != nil {
		return err
	}
	i := slices.Index(c.knocks, id)
	if i < 0 {
		return api.NewError(api.ErrPeer, "room admit: no join request has that number, or it is over")
	}
	s := wire.Signal{Type: wire.SigAdmit, Member: id, Text: text[:min(len(text), api.MaxCloseText)]}
	if yes {
		s.Flags = wire.AdmitYes
	}
	if err := c.request(s); err != nil {
		return err
	}
	c.knocks = slices.Delete(c.knocks, i, i+1)
	return nil
}

// List asks for the app's public rooms whose metadata begins with prefix, at most max of them (0: as many as fit), behind
// those of the page that ended at after.
func (c *Client) List(prefix, after []byte, max uint8) error {
	if len(prefix) > api.MaxListPrefix || len(after) > api.MaxListCursor {
		return api.NewError(api.ErrTooLarge, "room list: the prefix has at most 64 bytes, the place to go on from at most 72")
	}
	return c.request(wire.Signal{Type: wire.SigList, Max: max, Data: slices.Clone(prefix), After: slices.Clone(after)})
}

// Query asks where a user of this app is.
func (c *Client) Query(user string) error {
	if user == "" || len(user) > api.MaxUserID {
		return api.NewError(api.ErrValue, "user: an id has 1 to 64 bytes")
	}
	return c.request(wire.Signal{Type: wire.SigUser, User: user})
}

// Invite shows a user of this app the code of the room this client is in.
func (c *Client) Invite(user string, data []byte) error {
	switch {
	case c.state != inside:
		return api.NewError(api.ErrNotInRoom, "invite: not in a room")
	case user == "" || len(user) > api.MaxUserID:
		return api.NewError(api.ErrValue, "invite: a user id has 1 to 64 bytes")
	case len(data) > api.MaxRequestData:
		return api.NewError(api.ErrTooLarge, "invite: payload is larger than 256 bytes")
	}
	return c.request(wire.Signal{Type: wire.SigUser, Flags: wire.UserInvite, User: user, Data: slices.Clone(data)})
}

// SetPresence says how this client wants to be met: wire.PresenceNoInvite. It holds for all links to come.
func (c *Client) SetPresence(flags uint32) {
	c.presence = flags
	c.send(wire.Signal{Type: wire.SigPresence, Flags: flags})
}

// maxKnown bounds who asks to be let in: the server's own bound and room for its mistakes.
const maxKnown = 4 * maxKnocks

// handleKnock takes the news of somebody who asks this owner to be let in.
func (c *Client) handleKnock(s *wire.Signal) bool {
	i := slices.Index(c.knocks, s.Member)
	switch {
	case c.room.Owner != c.room.Self:
		return false
	case s.Type == wire.SigJoinGone && i >= 0:
		c.knocks = slices.Delete(c.knocks, i, i+1)
	case s.Type == wire.SigJoinRequest && i < 0 && len(c.knocks) < maxKnown && len(s.User) <= api.MaxUserID && len(s.Data) <= api.MaxRequestData:
		c.knocks = append(c.knocks, s.Member)
	default:
		return false
	}
	c.event(wire.Signal{Type: s.Type, Member: s.Member, User: s.User, Data: slices.Clone(s.Data)})
	return true
}

// dropKnocks tells that nobody who asked is waiting for this client any more.
func (c *Client) dropKnocks() {
	for _, id := range c.knocks {
		c.event(wire.Signal{Type: wire.SigJoinGone, Member: id})
	}
	c.knocks = nil
}
