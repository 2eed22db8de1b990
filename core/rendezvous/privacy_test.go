package rendezvous

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// permitted gives a player a token that permits so much.
func (p *player) permitted(perms uint8, room string) {
	p.ref.Grant = wire.Grant{Expires: uint64(p.w.now.Unix()) + 3600, Perms: perms, Room: room}
	p.w.s.LinkRenewed(p.ref)
}

// A token permits making, entering and listing rooms apart from each other, and by join code.
func TestTokensPermitRooms(t *testing.T) {
	w := newWorld(t, 3)
	host, guest := w.players[0], w.players[1]
	refused := func(p *player, err error) {
		t.Helper()
		wantCode(t, err, api.OK)
		if s := p.take(wire.SigRefused); api.Code(s.Code) != api.ErrUnauthorized {
			t.Errorf("%+v", s)
		}
	}
	host.permitted(wire.PermJoin|wire.PermList, "")
	refused(host, host.Create(0, nil))
	host.permitted(wire.PermCreate, "X*") // the region is E
	refused(host, host.Create(0, nil))
	host.permitted(wire.PermCreate, "E*")
	wantCode(t, host.Create(0, nil), api.OK)
	code := host.take(wire.SigJoined).Text

	guest.permitted(wire.PermCreate|wire.PermList, "")
	refused(guest, guest.Join(code))
	guest.permitted(wire.PermJoin, "E0000000")
	refused(guest, guest.Join(code))
	wantCode(t, guest.List(nil, nil, 0), api.OK)
	if s := guest.take(wire.SigList); api.Code(s.Code) != api.ErrUnauthorized {
		t.Errorf("%+v", s)
	}
	guest.permitted(wire.PermJoin|wire.PermList, code)
	wantCode(t, guest.List(nil, nil, 0), api.OK)
	guest.take(wire.SigRooms)
	wantCode(t, guest.Join(code), api.OK)
	guest.take(wire.SigJoined)
	if n := w.s.Stats().Rooms; n != 1 {
		t.Errorf("%d rooms: a refused one was kept", n)
	}
}

// Who gets a relay-only token after being introduced is told about no more: not its next address, and the lock on port prediction
// is not given either.
func TestStricterLaterEndsTheNews(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	introduce(w, a, b)
	w.wait(time.Minute)
	w.forgetEvents()
	a.ref.Privacy = api.PrivacyRelayOnly
	w.s.LinkRenewed(a.ref)
	a.ref.Addr = netip.MustParseAddrPort("198.51.100.7:5000")
	w.s.LinkMoved(a.ref)
	a.SetProfile(wire.Profile{Mapping: 4, Low: 77})
	b.Punch(a.ref.Member, true)
	w.quiet()
}

// One Connect that a game asked for is enough where both are direct; with consent the library's own is refused and leaves nothing.
func TestConsentRefusesUnaskedConnects(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	b.ref.Privacy = api.PrivacyConsent
	w.s.LinkRenewed(b.ref)
	wantCode(t, a.ConnectUnasked(b.ref.Member), api.OK)
	if s := a.take(wire.SigRejected); api.Code(s.Code) != api.ErrPrivacy {
		t.Errorf("%+v", s)
	}
	if w.quiet(); len(w.s.intros) != 0 {
		t.Error("an introduction was made")
	}
	wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
	if s := b.take(wire.SigRequest); s.Flags != wire.RequestConsent {
		t.Errorf("flags %d", s.Flags)
	}
}
