package endpoint

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// roomState is what the game was told about its room.
type roomState struct {
	in    bool
	self  uint64
	owner uint64
	flags uint32 // wire.RoomPublic and so on
}

// drainLink acts on what the link and the rooms machine report.
func (e *Endpoint) drainLink(now time.Time) {
	for {
		ev, ok := e.link.NextEvent()
		if !ok {
			return
		}
		switch ev.Kind {
		case link.Up:
			e.linkIsUp(now, &ev)
		case link.Down:
			e.linkIsDown(&ev)
		case link.Signal:
			e.handleSignal(now, &ev.Signal)
		case link.Moved:
			e.moving = true
		}
		if e.flooded && e.wanted {
			e.shed(now)
			return
		}
	}
}

// shed ends the link, the one source of events that the game itself does not cause or can't close peer by peer. What the
// game has not taken yet is still there.
func (e *Endpoint) shed(now time.Time) {
	e.wanted, e.linkUp = false, false
	e.link.Close(now)
	for _, ok := e.link.NextEvent(); ok; _, ok = e.link.NextEvent() { // told before Close, of a room that is left now
	}
	text := fmt.Sprintf("the game does not poll: %d events are waiting", maxEvents)
	e.leaveRoom(api.ErrLimit, text)
	e.push(api.Event{Kind: api.EventServerLost, Code: api.ErrLimit, Text: text})
}

// eachPeer tells every connection of something, in a fixed order.
func (e *Endpoint) eachPeer(tell func(*peer.Peer)) {
	for i := range e.slots.used {
		if p := e.slots.list[i].cur; p != nil {
			tell(p)
			e.slots.touch(i)
		}
	}
}

func (e *Endpoint) linkIsUp(now time.Time, ev *link.ClientEvent) {
	// A server that names others is one node of several: another address is another node then, and relay legs stay where they
	// are. A server alone that has another address has moved, and they with it.
	away := e.linkUp || len(e.info.Nodes)+len(ev.Info.Nodes) > 0
	if left := e.server; e.linkUp { // it sent us away
		e.eachPeer(func(p *peer.Peer) { p.LeaveRelay(now, left) })
	}
	e.linkUp, e.moving = true, false
	e.info = ev.Info
	e.server = e.link.Remote()
	if ev.Resumed {
		e.log(logInfo, "link to the server resumed")
		e.serverBack(now, away)
	}
	if !ev.Resumed || !e.told { // a Connect soon after a Disconnect resumes too, and its caller waits for the event
		e.push(api.Event{Kind: api.EventServerConnected, Text: ev.Info.User})
		e.told = true
	}
	if e.link.OnStream() {
		e.log(logWarn, "the server does not answer over UDP: everything goes through it, over TCP")
		e.withoutUDP(now)
	}
	e.startProfile(now)
}

// serverBack tells every connection where the server is now: relay legs are bound there, or where they were, if the link is
// to another node by now.
func (e *Endpoint) serverBack(now time.Time, elsewhere bool) {
	server, stream := e.server, e.link.OnStream()
	if elsewhere && !stream {
		server = netip.AddrPort{}
	}
	e.eachPeer(func(p *peer.Peer) { p.ServerBack(now, server, stream, e.sampleServer(), e.info.STUNToken) })
}

func (e *Endpoint) linkIsDown(ev *link.ClientEvent) {
	e.linkUp = false
	if !ev.Final {
		e.log(logWarn, "link to the server lost, resuming: "+ev.Text)
		return
	}
	wasWanted := e.wanted
	e.wanted = false
	e.leaveRoom(ev.Code, ev.Text)
	if wasWanted {
		e.push(api.Event{Kind: api.EventServerLost, Code: ev.Code, Text: ev.Text})
	}
}

func (e *Endpoint) handleSignal(now time.Time, s *wire.Signal) {
	switch s.Type {
	case wire.SigJoined:
		e.joined(now, s)
	case wire.SigRefused:
		e.pass.forget()
		e.push(api.Event{Kind: api.EventRoomLeft, Code: api.Code(s.Code), Text: s.Text})
	case wire.SigLeft:
		e.leaveRoom(api.Code(s.Code), s.Text)
	case wire.SigMemberJoined:
		e.memberJoined(&s.Members[0])
	case wire.SigMemberLeft:
		e.memberLeft(s.Member, api.Code(s.Code))
	case wire.SigOwner:
		e.room.owner = s.Owner
		e.push(api.Event{Kind: api.EventOwnerChanged, Peer: e.memberHandle(s.Owner)})
	case wire.SigRoomData:
		e.push(api.Event{Kind: api.EventRoomData, Code: api.Code(s.Code), Count: uint64(s.Version), Data: append([]byte(nil), s.Data...)})
	case wire.SigRequest:
		e.requested(now, s)
	case wire.SigIntroduction:
		e.introduced(now, s)
	case wire.SigAccepted, wire.SigAnswered:
		e.completeCallee(now, s)
	case wire.SigRejected:
		e.rejected(now, s)
	case wire.SigPunchGrant:
		e.punchGranted(now, s)
	case wire.SigCandidates:
		e.candidates(now, s)
	case wire.SigTokenSet, wire.SigTokenEnding:
		e.tokenNews(s)
	case wire.SigObserved:
		moved := e.info.Observed.Addr() != s.Addr.Addr() && e.linkUp
		if e.info.Observed = s.Addr; e.moving {
			e.udpIsBack(now)
		} else if moved {
			e.eachPeer(func(p *peer.Peer) { p.NetworkChanged(now, true) })
			e.startProfile(now)
		}
	default:
		e.roomSignal(s)
	}
}

// joined takes the room's whole state: on entering, and again after a resumed link, when only the differences are told.
func (e *Endpoint) joined(now time.Time, s *wire.Signal) {
	entering := !e.room.in || e.room.self != s.Member
	oldOwner := e.room.owner
	e.room = roomState{in: true, self: s.Member, owner: s.Owner, flags: s.Flags}
	if entering {
		e.pass.enter(s.Room)
	}
	present := map[uint64]bool{}
	for k := range s.Members {
		present[s.Members[k].ID] = true
	}
	for i := range e.slots.used {
		if sl := &e.slots.list[i]; sl.used && sl.present && !present[sl.member] {
			e.memberLeft(sl.member, api.ErrLost)
		}
	}
	at := len(e.events)
	if entering {
		e.push(api.Event{Kind: api.EventRoomJoined, Data: []byte(s.Text), Count: uint64(len(s.Members))})
	}
	for k := range s.Members {
		m := &s.Members[k]
		if m.ID == s.Member {
			continue
		}
		i, known := e.slots.byMember(m.ID)
		if known && e.slots.list[i].present {
			continue
		}
		if i, known = e.memberJoined(m); !known {
			continue
		}
		if entering && !e.cfg.ManualConnect && e.cfg.Privacy != api.PrivacyConsent {
			e.connectMember(i)
		}
	}
	if entering {
		e.events[at].Peer = e.memberHandle(s.Owner) // its slot exists only now
		e.push(roomOptions(s))
		if len(s.Data) > 0 || s.Version > 1 {
			e.push(api.Event{Kind: api.EventRoomData, Count: uint64(s.Version), Data: append([]byte(nil), s.Data...)})
		}
	} else if oldOwner != s.Owner {
		e.push(api.Event{Kind: api.EventOwnerChanged, Peer: e.memberHandle(s.Owner)})
	}
	e.link.Flush(now)
}

func (e *Endpoint) connectMember(i int) {
	s, rooms := &e.slots.list[i], e.link.Rooms()
	err := error(nil)
	if s.asked {
		err = rooms.Connect(s.member, nil)
	} else {
		err = rooms.ConnectUnasked(s.member)
	}
	if err != nil {
		e.log(logWarn, "connect: "+err.Error())
	}
}

func (e *Endpoint) memberHandle(id uint64) api.PeerHandle {
	if id == e.room.self {
		return 0
	}
	if i, ok := e.slots.byMember(id); ok {
		return e.slots.handle(i)
	}
	return 0
}

func (e *Endpoint) memberJoined(m *wire.Member) (int, bool) {
	i, ok := e.slots.byMember(m.ID)
	if ok {
		e.slots.list[i].present = true
	} else if i, ok = e.slots.add(m); !ok {
		e.log(logWarn, fmt.Sprintf("no place for member %s: at most %d peers", m.User, api.MaxPeers))
		return 0, false
	}
	e.push(api.Event{Kind: api.EventMemberJoined, Peer: e.slots.handle(i), Data: []byte(m.User)})
	return i, true
}

func (e *Endpoint) memberLeft(id uint64, code api.Code) {
	i, ok := e.slots.byMember(id)
	if !ok || !e.slots.list[i].present {
		return
	}
	s := &e.slots.list[i]
	s.present, s.awaits, s.request, s.held, s.until = false, false, nil, nil, time.Time{}
	e.slots.abandon(i, api.ErrPeerGone, "the other player left the room")
	e.cutKicked(i, code)
	e.cutUnheard(i)
	e.push(api.Event{Kind: api.EventMemberLeft, Peer: e.slots.handle(i), Code: code})
	e.slots.touch(i)
}

// leaveRoom forgets the room; its members' slots live on while their connections do.
func (e *Endpoint) leaveRoom(code api.Code, text string) {
	e.pass.forget() // also of a room that was never entered
	if !e.room.in {
		return
	}
	e.room = roomState{}
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.used && s.present {
			s.present, s.awaits, s.request, s.held, s.until = false, false, nil, nil, time.Time{}
			e.slots.abandon(i, code, text)
			e.cutKicked(i, code)
			e.slots.touch(i)
		}
	}
	e.push(api.Event{Kind: api.EventRoomLeft, Code: code, Text: text})
}

// requested is the callee's side of a connect.
func (e *Endpoint) requested(now time.Time, s *wire.Signal) {
	i, ok := e.slots.byMember(s.Member)
	if !ok || e.slots.list[i].key != s.Key {
		e.link.Rooms().Reject(s.Intro, int32(api.ErrPeerGone), "the request names a member that is not in the room")
		e.link.Flush(now)
		return
	}
	if !e.asks(s) {
		e.answer(now, i, s)
		return
	}
	kept := *s
	kept.Data = append([]byte(nil), s.Data...)
	sl := &e.slots.list[i]
	sl.request, sl.until = &kept, now.Add(requestLife)
	e.push(api.Event{Kind: api.EventPeerRequest, Peer: e.slots.handle(i), Data: kept.Data})
}

// introduced is the caller's side: keys exist when it returns.
func (e *Endpoint) introduced(now time.Time, s *wire.Signal) {
	i, ok := e.slots.byMember(s.Member)
	if !ok || e.slots.list[i].key != s.Key {
		e.log(logWarn, "introduction to a member that is not in the room")
		return
	}
	if e.pass.wait() {
		e.hold(i, s)
		return
	}
	same := s.Flags&wire.IntroSameAddress != 0
	for _, a := range s.Party.Addrs {
		same = same || a.Addr() == e.info.Observed.Addr()
	}
	p, answer, err := peer.NewCaller(now, e.peerConfig(same), e.pass.mixed(s), e.server)
	if err != nil {
		code, text := e.handshakeFailure(err)
		e.link.Rooms().Reject(s.Intro, int32(code), text)
		e.link.Flush(now)
		if e.slots.list[i].cur == nil { // a connection that lives is not concerned
			e.push(api.Event{Kind: api.EventPeerClosed, Peer: e.slots.handle(i), Code: code, Text: text})
		}
		return
	}
	e.adopt(i, p)
	e.link.Rooms().Answer(s.Intro, answer)
	e.link.Flush(now)
}

// completeCallee takes the caller's addresses, then its handshake message.
func (e *Endpoint) completeCallee(now time.Time, s *wire.Signal) {
	for i := range e.slots.used {
		p := e.slots.list[i].next
		if p == nil || p.Intro() != s.Intro {
			continue
		}
		e.slots.touch(i)
		if s.Type == wire.SigAccepted {
			p.Accepted(now, s, e.server)
			e.slots.register(i, p)
			return
		}
		if err := p.Finish(now, s.Noise); err != nil {
			p.Abandon(api.ErrHandshake, "the other side's handshake does not match what the server said about it: "+err.Error())
			return
		}
		if s := &e.slots.list[i]; p.Unwanted() || p.Refused() && s.cur != nil {
			e.slots.register(i, p)
			return // the connection that lives is not concerned; this one only tells the other side
		}
		e.slots.list[i].next = nil
		e.adopt(i, p)
		return
	}
}

// adopt makes p the connection of a slot; an older one ends without a word.
func (e *Endpoint) adopt(i int, p *peer.Peer) {
	s := &e.slots.list[i]
	if old := s.cur; old != nil {
		old.Abandon(api.ErrRemoteClosed, "a new connection to the same player took its place")
		h := e.slots.handle(i)
		for {
			ev, ok := old.NextEvent()
			if !ok {
				break
			}
			ev.Peer, ev.Data = h, append([]byte(nil), ev.Data...)
			e.push(ev)
		}
		e.slots.forget(i, old)
	}
	s.cur = p
	e.slots.register(i, p)
	e.slots.touch(i)
}

// rejected ends an introduction, on either side. A caller whom the server told to slow down, or whose
// introduction went with its node, asks again by itself: the newcomer in a large room connects to everybody at once.
func (e *Endpoint) rejected(now time.Time, sig *wire.Signal) {
	i, ok := e.slots.byMember(sig.Member)
	if !ok {
		return
	}
	s := &e.slots.list[i]
	called := false
	if s.request != nil && s.request.Intro == sig.Intro {
		s.request, s.until, called = nil, time.Time{}, true
	}
	if s.held != nil && s.held.Intro == sig.Intro {
		s.held = nil
	}
	if s.next != nil && s.next.Intro() == sig.Intro {
		unwanted := s.next.Unwanted()
		e.slots.forget(i, s.next)
		if s.next, called = nil, true; unwanted {
			return // the game has closed it
		}
	}
	switch code := api.Code(sig.Code); {
	case code == api.ErrUnavailable && called, code == api.ErrUnavailable && s.cur != nil && s.cur.Heard():
		return // whoever called calls again; what is connected stays
	case code == api.ErrUnavailable && s.present, code == api.ErrRateLimited && s.present:
		wait := min(time.Duration(sig.Wait)*time.Millisecond, mostConnectAgain)
		s.askAgain = now.Add(max(wait, connectAgain) + time.Duration(e.random32()%1000)*time.Millisecond)
		return
	}
	if api.Code(sig.Code) == api.ErrPrivacy { // only what the library asked for by itself is refused so
		e.log(logInfo, "not connected to "+s.user+": "+sig.Text)
		return
	}
	if s.cur == nil {
		e.push(api.Event{Kind: api.EventPeerClosed, Peer: e.slots.handle(i), Code: api.Code(sig.Code), Text: sig.Text})
	}
}

// connectAgain is the shortest wait after a connect that a server put off; up to a second is added at random.
const connectAgain, mostConnectAgain = time.Second, 30 * time.Second

func (e *Endpoint) peerConfig(sameAddress bool) peer.Config {
	cfg := peer.Config{
		Rand: e.cfg.Rand, Static: e.static, App: e.cfg.App, AES: e.cfg.AES, LocalAddrs: e.lan, LinkRTT: e.link.RTT(),
		LocalNAT: e.wireProfile(), SendBudget: e.cfg.SendBudget, MappedPort: e.mapped,
		Global6: e.globalCandidates(), Punch: e.cfg.Punch, PunchRate: e.cfg.PunchRate,
		STUN: e.sampleServer(), STUNToken: e.info.STUNToken, IdleTimeout: e.cfg.IdleTimeout,
		RelayOnly: e.cfg.Privacy == api.PrivacyRelayOnly, Certificate: e.cfg.Certificate,
		PQ: e.cfg.PQ, RatchetEvery: e.cfg.RatchetEvery, RekeyPackets: e.cfg.RekeyPackets,
	}
	if e.cfg.AppKey != nil {
		cfg.Verify = e.verifyPeer
	}
	for cfg.ConnID = e.random32(); e.connTaken(cfg.ConnID); cfg.ConnID = e.random32() {
	}
	if sameAddress { // private addresses are told only to somebody behind the same public one
		cfg.LAN = e.lanCandidates()
	}
	return cfg
}

// sampleServer is the STUN port that fresh sockets ask for their outer port: not the main one.
func (e *Endpoint) sampleServer() netip.AddrPort {
	if len(e.info.STUNPorts) < 2 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(e.server.Addr(), e.info.STUNPorts[1])
}

func (e *Endpoint) connTaken(id uint32) bool {
	_, taken := e.slots.conns[id]
	return taken || e.link.Owns(id)
}

// globalCandidates are this device's IPv6 addresses that the world can reach. The other side learns them with the handshake,
// after both accepted; the server does not.
func (e *Endpoint) globalCandidates() []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range e.lan {
		if a.Is6() && a.IsGlobalUnicast() && !a.IsPrivate() && len(out) < wire.MaxGlobal6 {
			out = append(out, netip.AddrPortFrom(a, e.main.Port()))
		}
	}
	return out
}

func (e *Endpoint) lanCandidates() []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range e.lan {
		if a.Is4() && len(out) < wire.MaxLANAddrs {
			out = append(out, netip.AddrPortFrom(a, e.main.Port()))
		}
	}
	return out
}
