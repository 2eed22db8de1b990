package rendezvous

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// results are the last answers to a member's changes, so that one which is repeated after a lost link is done once.
type results []result

type result struct {
	request uint32
	code    api.Code
	text    string
}

// keep remembers an answer; the oldest makes room.
func (q *results) keep(r result) {
	if len(*q) >= maxResults {
		*q = slices.Delete(*q, 0, 1)
	}
	*q = append(*q, r)
}

// changes reports whether a signal asks for something that must not be done twice.
func changes(sig *wire.Signal) bool {
	switch sig.Type {
	case wire.SigSetData, wire.SigConfigure, wire.SigSetOwner, wire.SigKick, wire.SigAdmit:
		return true
	case wire.SigUser:
		return sig.Flags&wire.UserInvite != 0
	}
	return false
}

// repeatResult answers a change again that was answered before.
func (s *Server) repeatResult(m *member, sig *wire.Signal) bool {
	if sig.Request == 0 || !changes(sig) {
		return false
	}
	i := slices.IndexFunc(m.results, func(r result) bool { return r.request == sig.Request })
	if i >= 0 {
		s.tellResult(m, m.results[i])
	}
	return i >= 0
}

// done answers a change; a request number of 0 wants no answer.
func (s *Server) done(m *member, request uint32, code api.Code, text string) {
	if code != api.OK {
		s.stats.Refused++
		s.event(Event{Kind: EventRefused, Member: m.ref.Member, Code: code, Text: text})
	}
	if request != 0 {
		r := result{request, code, text}
		m.results.keep(r)
		s.tellResult(m, r)
	}
}

func (s *Server) tellResult(m *member, r result) {
	if r.code == api.OK {
		s.send(m, wire.Signal{Type: wire.SigDone, Request: r.request})
		return
	}
	s.send(m, wire.Signal{Type: wire.SigRefused, Request: r.request, Code: int32(r.code), Text: r.text})
}

// change does what a member asks for in its room, and answers.
func (s *Server) change(now time.Time, m *member, sig *wire.Signal) {
	r := m.room
	shared := sig.Type == wire.SigSetData && r != nil && r.flags&wire.RoomShared != 0
	switch {
	case r == nil:
		s.done(m, sig.Request, api.ErrNotInRoom, "not in a room")
		return
	case r.owner != m && !shared:
		s.done(m, sig.Request, api.ErrNotOwner, "only the room's owner may do that")
		return
	}
	code, text := api.OK, ""
	switch sig.Type {
	case wire.SigSetData:
		if sig.Version != 0 && sig.Version != r.version {
			s.conflict(m, sig)
			return
		}
		code, text = s.setData(r, sig)
	case wire.SigConfigure:
		code, text = s.configure(r, sig)
	case wire.SigSetOwner:
		code, text = s.setOwner(r, sig)
	case wire.SigKick:
		code, text = s.kick(now, r, sig)
	case wire.SigAdmit:
		code, text = s.admit(r, sig)
	}
	s.done(m, sig.Request, code, text)
}

// conflict answers a SetData for another version than the data has: with the data.
func (s *Server) conflict(m *member, sig *wire.Signal) {
	s.stats.Refused++
	r := m.room
	s.send(m, wire.Signal{Type: wire.SigRoomData, Epoch: r.epoch, Data: r.data, Version: r.version, Request: sig.Request, Code: int32(api.ErrConflict)})
}

// setData replaces the metadata; the client has checked what is refused here already.
func (s *Server) setData(r *room, sig *wire.Signal) (api.Code, string) {
	if len(sig.Data) > api.MaxRoomData {
		return api.ErrTooLarge, "metadata is larger than 4096 bytes"
	}
	r.data = slices.Clone(sig.Data)
	r.version++
	s.relist(r)
	s.changed(r)
	for _, other := range r.members {
		s.send(other, wire.Signal{Type: wire.SigRoomData, Epoch: r.epoch, Data: r.data, Version: r.version})
	}
	return api.OK, ""
}

// configure changes the room's flags and its size.
func (s *Server) configure(r *room, sig *wire.Signal) (api.Code, string) {
	size := sig.Max
	if size == 0 {
		size = r.max
	}
	switch {
	case (sig.Flags|sig.Clear)&^wire.RoomSettable != 0 || sig.Flags&sig.Clear != 0:
		return api.ErrValue, "that option of the room can't be changed, or is both set and cleared"
	case size < 2 || size > api.MaxRoomMembers:
		return api.ErrValue, "a room has 2 to 64 members"
	case int(size) < len(r.members):
		return api.ErrValue, fmt.Sprintf("%d members are in the room: its size can't be %d", len(r.members), size)
	}
	r.flags, r.max = r.flags&^sig.Clear|sig.Flags, size
	if r.flags&wire.RoomLocked != 0 {
		s.refuseKnocks(r, api.ErrRoomLocked, "the room is locked")
	}
	s.relist(r)
	s.changed(r)
	for _, other := range r.members {
		s.send(other, wire.Signal{Type: wire.SigRoomOptions, Epoch: r.epoch, Flags: r.flags, Max: r.max})
	}
	return api.OK, ""
}

// other finds another member of the room than its owner.
func (s *Server) other(r *room, id uint64) *member {
	if m := s.members[id]; m != nil && m.room == r && m != r.owner {
		return m
	}
	return nil
}

func (s *Server) setOwner(r *room, sig *wire.Signal) (api.Code, string) {
	m := s.other(r, sig.Member)
	if m == nil {
		return api.ErrPeerGone, "that is not another member of the room"
	}
	s.own(r, m)
	return api.OK, ""
}

// kick puts a member out, and with KickBan keeps its user and its key out for the room's life. What it was told is kept
// for a link that is resumed, since nothing of its membership is.
func (s *Server) kick(now time.Time, r *room, sig *wire.Signal) (api.Code, string) {
	m := s.other(r, sig.Member)
	if m == nil {
		return api.ErrPeerGone, "that is not another member of the room"
	}
	if sig.Flags&wire.KickBan != 0 {
		r.bans.add(&m.ref)
	}
	s.leave(now, m, api.ErrKicked)
	m.parting = &wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrKicked), Text: sentence(sig.Text)}
	if m.parting.Text == "" {
		m.parting.Text = "the room's owner removed you"
	}
	s.send(m, *m.parting)
	return api.OK, ""
}

// sentence is a player's text made harmless: bounded, and valid UTF-8.
func sentence(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), api.MaxCloseText)], "")
}

// bans are the users that a room keeps out, the longest banned first. A user id without a token is a hash of the key,
// and one that changes with the key can be had anew by whoever starts the game again: a ban binds where tokens are.
type bans []ban

type ban struct {
	user   string
	key    [32]byte
	digest [8]byte // of a ban that came by a ticket, in the place of the others
}

func (b bans) have(ref *LinkRef) bool {
	return slices.ContainsFunc(b, func(x ban) bool {
		if x.digest != ([8]byte{}) {
			return x.digest == banDigest(ref)
		}
		return x.user == ref.User && ref.User != "" || x.key == ref.Key
	})
}

func (b *bans) add(ref *LinkRef) {
	if len(*b) >= maxBans {
		*b = slices.Delete(*b, 0, 1)
	}
	*b = append(*b, ban{user: ref.User, key: ref.Key})
}
