package endpoint

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// requestLife is how long a PEER_REQUEST waits for the game (SECURITY: accept ≤ 60 s; the introduction itself lives 30 s).
const requestLife = 30 * time.Second

// Connect opens the link to the server. The profile follows by itself.
func (e *Endpoint) Connect(now time.Time) error {
	now = e.tick(now)
	if e.wanted {
		return api.NewError(api.ErrAlready, "already connected to the server, or connecting")
	}
	if len(e.cfg.Servers) == 0 {
		return api.NewError(api.ErrAddress, "no server address")
	}
	e.wanted, e.told = true, false
	e.link.Connect(now)
	e.drainLink(now)
	return nil
}

// Disconnect leaves the room and the server. Connections to peers stay.
func (e *Endpoint) Disconnect(now time.Time) error {
	now = e.tick(now)
	if !e.wanted {
		return api.NewError(api.ErrNotConnected, "not connected to a server")
	}
	e.wanted, e.linkUp = false, false
	e.link.Close(now)
	e.leaveRoom(api.ErrClosed, "disconnected from the server")
	e.drainLink(now)
	return nil
}

// RoomLeave leaves the room. Connections to its members are closed.
func (e *Endpoint) RoomLeave(now time.Time) error {
	err := e.roomCommand(now, func(r *rendezvous.Client) error { return r.Leave() })
	if err != nil {
		return err
	}
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.used && s.cur != nil {
			s.cur.Close(e.clock, api.ErrRemoteClosed, "the other player left the room")
			e.slots.touch(i)
		}
	}
	e.leaveRoom(api.ErrClosed, "left the room")
	return nil
}

func (e *Endpoint) roomCommand(now time.Time, f func(*rendezvous.Client) error) error {
	now = e.tick(now)
	if !e.wanted {
		return api.NewError(api.ErrNotConnected, "connect to a server first")
	}
	if err := f(e.link.Rooms()); err != nil {
		return err
	}
	e.flushLink(now)
	return nil
}

func (e *Endpoint) flushLink(now time.Time) {
	e.link.Flush(now)
	e.drainLink(now)
}

func (e *Endpoint) peerSlot(h api.PeerHandle) (int, *slot, error) {
	i, ok := e.slots.lookup(h)
	if !ok {
		return 0, nil, api.NewError(api.ErrPeer, fmt.Sprintf("no peer %#x: it is unknown, or has left", uint64(h)))
	}
	return i, &e.slots.list[i], nil
}

// PeerConnect asks a member of the room for a connection. data goes with the request, at most api.MaxRequestData bytes.
func (e *Endpoint) PeerConnect(now time.Time, h api.PeerHandle, data []byte) error {
	now = e.tick(now)
	_, s, err := e.peerSlot(h)
	switch {
	case err != nil:
		return err
	case len(data) > api.MaxRequestData:
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("request data of %d bytes: at most %d", len(data), api.MaxRequestData))
	case s.cur != nil && s.cur.Connected():
		return api.NewError(api.ErrAlready, "already connected to that peer")
	case !s.present:
		return api.NewError(api.ErrPeerGone, "that member left the room")
	}
	if s.request != nil { // the other side asked first: that is both
		return e.PeerAccept(now, h)
	}
	if err := e.link.Rooms().Connect(s.member, data); err != nil {
		return err
	}
	s.asked, s.awaits = true, true
	e.flushLink(now)
	return nil
}

// PeerAccept answers a PEER_REQUEST.
func (e *Endpoint) PeerAccept(now time.Time, h api.PeerHandle) error {
	now = e.tick(now)
	i, s, err := e.peerSlot(h)
	if err != nil {
		return err
	}
	if s.request == nil {
		return api.NewError(api.ErrPeer, "that peer has not asked to connect, or was answered already")
	}
	sig := s.request
	s.request, s.until, s.awaits = nil, time.Time{}, true
	e.answer(now, i, sig)
	return nil
}

// PeerReject answers a PEER_REQUEST; text reaches the other player.
func (e *Endpoint) PeerReject(now time.Time, h api.PeerHandle, text string) error {
	now = e.tick(now)
	i, s, err := e.peerSlot(h)
	if err != nil {
		return err
	}
	if s.request == nil {
		return api.NewError(api.ErrPeer, "that peer has not asked to connect, or was answered already")
	}
	if len(text) > api.MaxCloseText {
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("text of %d bytes: at most %d", len(text), api.MaxCloseText))
	}
	e.rejectRequest(i, api.ErrRejected, text)
	e.flushLink(now)
	return nil
}

func (e *Endpoint) rejectRequest(i int, code api.Code, text string) {
	s := &e.slots.list[i]
	if s.request != nil {
		e.link.Rooms().Reject(s.request.Intro, int32(code), text)
		e.link.Flush(e.clock)
	}
	s.request, s.until = nil, time.Time{}
}

// answer accepts a request: our handshake message goes back; the connection waits for the caller's.
func (e *Endpoint) answer(now time.Time, i int, sig *wire.Signal) {
	if e.pass.wait() {
		e.hold(i, sig)
		return
	}
	p, message, err := peer.NewCallee(now, e.peerConfig(sig.Flags&wire.RequestSameAddress != 0), e.pass.mixed(sig))
	if err != nil {
		e.link.Rooms().Reject(sig.Intro, int32(api.ErrHandshake), "the handshake could not start")
		e.log(logWarn, "request refused: "+err.Error())
		e.flushLink(now)
		return
	}
	s := &e.slots.list[i]
	if s.next != nil {
		e.slots.forget(i, s.next)
	}
	s.next = p
	e.slots.register(i, p)
	e.slots.touch(i)
	e.link.Rooms().Accept(sig.Intro, message)
	e.flushLink(now)
}

// PeerClose closes a connection, and what is under way to become one: what was accepted is still delivered, then the other side
// is told code and text.
func (e *Endpoint) PeerClose(now time.Time, h api.PeerHandle, code int32, text string) error {
	now = e.tick(now)
	i, s, err := e.peerSlot(h)
	switch {
	case err != nil:
		return err
	case len(text) > api.MaxCloseText:
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("text of %d bytes: at most %d", len(text), api.MaxCloseText))
	}
	pending := e.closePending(now, i, code, text)
	switch {
	case s.cur == nil && !pending:
		return api.NewError(api.ErrNotConnected, "not connected to that peer")
	case s.awaits && (s.cur == nil || !s.cur.Connected()):
		e.push(api.Event{Kind: api.EventPeerClosed, Peer: h, Code: api.Code(code), Text: text})
	}
	if s.cur != nil {
		s.cur.Close(now, api.Code(code), text)
	}
	e.slots.touch(i)
	return nil
}

// closePending ends what would become a connection; false: there was nothing. A callee's handshake under way goes on in silence:
// the caller may be connected already, and through the new connection alone it can be told that it is not wanted.
func (e *Endpoint) closePending(now time.Time, i int, code int32, text string) bool {
	s := &e.slots.list[i]
	pending := !s.askAgain.IsZero()
	s.request, s.held, s.until, s.askAgain = nil, nil, time.Time{}, time.Time{}
	if s.next != nil && s.next.Handshaking() && !s.next.Unwanted() {
		s.next.Close(now, api.Code(code), text)
		pending = true
	}
	if e.link.Rooms().Withdraw(s.member, code, text) {
		pending = true
		e.flushLink(now)
	}
	return pending
}

// PeerPunch tries to reach the peer directly again, now.
func (e *Endpoint) PeerPunch(now time.Time, h api.PeerHandle) error {
	now = e.tick(now)
	i, s, err := e.peerSlot(h)
	if err != nil {
		return err
	}
	if s.cur == nil || !s.cur.Connected() {
		return api.NewError(api.ErrNotConnected, "not connected to that peer")
	}
	s.cur.Punch(now)
	e.slots.touch(i)
	return nil
}

// Send queues a message to a peer; data is copied.
func (e *Endpoint) Send(now time.Time, h api.PeerHandle, how api.Outgoing, data []byte) error {
	now = e.tick(now)
	i, ok := e.slots.lookup(h)
	if !ok {
		return api.NewError(api.ErrPeer, "no such peer")
	}
	s := &e.slots.list[i]
	if s.cur == nil {
		return api.NewError(api.ErrNotConnected, "not connected to that peer")
	}
	e.slots.touch(i)
	return s.cur.Send(now, how, data)
}

// Consumed tells that the game took n bytes of reliable payload from a peer.
func (e *Endpoint) Consumed(now time.Time, h api.PeerHandle, n int) {
	now = e.tick(now)
	if i, ok := e.slots.lookup(h); ok && e.slots.list[i].cur != nil {
		e.slots.list[i].cur.Consumed(now, n)
		e.slots.touch(i)
	}
}

// PeerStats is a snapshot of one connection.
func (e *Endpoint) PeerStats(h api.PeerHandle) (api.PeerStats, bool) {
	i, ok := e.slots.lookup(h)
	if !ok || e.slots.list[i].cur == nil {
		return api.PeerStats{}, false
	}
	return e.slots.list[i].cur.Stats(e.clock), true
}

// EachPeer calls f for every peer with a connection, in a fixed order.
func (e *Endpoint) EachPeer(f func(h api.PeerHandle)) {
	for i := range e.slots.used {
		if e.slots.list[i].cur != nil {
			f(e.slots.handle(i))
		}
	}
}

// Suspend tells server and peers that this client may be silent for d, at most api.MaxSuspend: they keep what they have of
// it as long, and d longer than usual after that. Resume ends it.
func (e *Endpoint) Suspend(now time.Time, d time.Duration) {
	now = e.tick(now)
	e.link.Suspend(now, d)
	e.drainLink(now)
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.cur != nil {
			s.cur.Suspend(now, d)
			e.slots.touch(i)
		}
	}
}

// Resume ends a Suspend: link and paths are checked at once.
func (e *Endpoint) Resume(now time.Time) {
	now = e.tick(now)
	e.link.Resume(now)
	e.drainLink(now)
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.cur != nil {
			s.cur.Resume(now)
			e.slots.touch(i)
		}
	}
}

// NATInfo is what the profile found so far.
func (e *Endpoint) NATInfo() api.NATInfo { return e.profile }

// NetworkChanged tells that addresses or interfaces changed: link and relay are bound again, direct paths re-checked, the
// NAT profiled anew. Call SetLocal first.
func (e *Endpoint) NetworkChanged(now time.Time) {
	now = e.tick(now)
	e.mapped = 0
	e.link.NetworkChanged(now)
	e.drainLink(now)
	e.eachPeer(func(p *peer.Peer) { p.NetworkChanged(now, false) })
	if e.linkUp {
		e.startProfile(now)
	}
}
