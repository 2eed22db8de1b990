package rendezvous

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What access tokens permit, and what addresses a pair may learn of each other.

// may reports whether a member's token has a permission; under auth = open everybody has all of them.
func (m *member) may(perm uint8) bool {
	return m.ref.Grant.Expires == 0 || m.ref.Grant.Perms&perm != 0
}

// roomPrivacy is what a Create's flags ask for everybody in the room.
func roomPrivacy(flags uint32) api.Privacy {
	switch {
	case flags&wire.RoomRelayOnly != 0:
		return api.PrivacyRelayOnly
	case flags&wire.RoomConsent != 0:
		return api.PrivacyConsent
	}
	return api.PrivacyDirect
}

// privacy is the strictest that the server, the room and the two themselves ask for.
func (s *Server) privacy(r *room, a, b *member) api.Privacy {
	return max(s.cfg.Privacy, roomPrivacy(r.flags), a.ref.Privacy, b.ref.Privacy)
}

// hidden reports whether the two of an introduction learn nothing of each other's addresses.
func (in *introduction) hidden() bool { return in.privacy == api.PrivacyRelayOnly }

// requestFlags tells the callee what it may do and tell.
func (in *introduction) requestFlags() (flags uint32) {
	switch {
	case in.hidden():
		return wire.RequestRelayOnly
	case in.privacy == api.PrivacyConsent:
		flags = wire.RequestConsent
	}
	// One bit about the caller's address before the accept: the callee must know now whether KK message 1 may name
	// private addresses (SECURITY.md, "Privacy").
	if in.sameAddress() {
		flags |= wire.RequestSameAddress
	}
	return flags
}

// partyOf is what one of the two is told of the other. Hidden, it is how far away the server is, which says when the other has
// keys; not even a profile, whose port range may single out a router.
func (in *introduction) partyOf(m *member) wire.Party {
	if in.hidden() {
		return wire.Party{RTTMillis: m.party().RTTMillis}
	}
	return m.party()
}

// LinkRenewed tells that a link has another token: what it permits counts from now on. Introductions that were accepted stay.
func (s *Server) LinkRenewed(ref LinkRef) {
	if m := s.members[ref.Member]; m != nil && m.ref.Link == ref.Link {
		s.setRef(m, ref)
	}
}
