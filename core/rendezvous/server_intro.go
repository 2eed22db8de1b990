package rendezvous

import (
	"slices"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// introduction brings two members together; the package comment draws it. A used one is kept until its time is over,
// only to be told again when a link is resumed; a new Connect replaces it.
type introduction struct {
	armed
	id             wire.IntroID
	psk            [32]byte
	room           *room
	epoch          uint32
	caller, callee *member
	state          introductionState
	deadline       time.Time // zero: over
	data           []byte    // the caller's payload
	kk1, kk2       []byte
	grants         [2]wire.RelayGrant // leg 0 the caller's, leg 1 the callee's
	backups        [2]wire.RelayGrant // the same at another node, with IntroBackup
	flags          uint32             // IntroPunchGranted, IntroRelayOnly
	privacy        api.Privacy
}

type introductionState uint8

const (
	asked  introductionState = iota // Request told, waits for Accept
	agreed                          // Introduction and Accepted told, waits for Answer
	used                            // Answered told
)

// pair is two members in one order.
type pair struct{ low, high uint64 }

func pairOf(a, b *member) pair {
	return pair{min(a.ref.Member, b.ref.Member), max(a.ref.Member, b.ref.Member)}
}

func (in *introduction) due() time.Time { return in.deadline }

func (in *introduction) fire(s *Server, _ time.Time) {
	if in.state != used {
		text := "the other player did not answer the request in 60 s"
		if in.state == agreed {
			text = "the introduction was not completed in 30 s"
		}
		s.tellRejected(in.caller, in, api.ErrTimeout, text)
		s.tellRejected(in.callee, in, api.ErrTimeout, text)
	}
	s.endIntro(in)
}

func (s *Server) endIntro(in *introduction) {
	in.deadline = time.Time{}
	delete(s.intros, in.id)
	delete(s.pairs, pairOf(in.caller, in.callee))
}

// endIntros ends those of a member that leaves its room.
func (s *Server) endIntros(m *member) {
	for _, other := range m.room.members {
		in := s.pairs[pairOf(m, other)]
		if in == nil {
			continue
		}
		if in.state != used {
			s.tellRejected(other, in, api.ErrPeerGone, "the other player left the room")
		}
		s.endIntro(in)
	}
}

// tellRejected tells one party that the introduction to the other is over.
func (s *Server) tellRejected(to *member, in *introduction, code api.Code, text string) {
	other := in.caller
	if to == in.caller {
		other = in.callee
	}
	s.send(to, wire.Signal{Type: wire.SigRejected, Member: other.ref.Member, Code: int32(code), Text: text, Intro: in.id})
}

// refuseConnect answers a Connect that made no introduction, hence by the member's id alone.
func (s *Server) refuseConnect(m *member, callee uint64, code api.Code, text string) {
	s.stats.Refused++
	s.event(Event{Kind: EventRefused, Member: m.ref.Member, Other: callee, Code: code, Text: text})
	s.send(m, wire.Signal{Type: wire.SigRejected, Member: callee, Code: int32(code), Text: text})
}

// connect makes the pair's introduction, or finds it. In a crossing the first one to arrive decides who is the caller;
// the other side's Connect only repeats the question it is about to get.
func (s *Server) connect(now time.Time, m *member, sig *wire.Signal) {
	callee := s.members[sig.Member]
	switch {
	case m.room == nil:
		s.refuseConnect(m, sig.Member, api.ErrNotInRoom, "not in a room")
		return
	case callee == nil || callee == m || callee.room != m.room:
		s.refuseConnect(m, sig.Member, api.ErrPeerGone, "that is not another member of the room")
		return
	case len(sig.Data) > api.MaxRequestData:
		s.refuseConnect(m, sig.Member, api.ErrTooLarge, "payload is larger than 256 bytes")
		return
	}
	privacy := s.privacy(m.room, m, callee)
	if privacy == api.PrivacyConsent && sig.Flags&wire.ConnectAsked == 0 {
		s.refuseConnect(m, sig.Member, api.ErrPrivacy, "both players' games have to ask for this connection")
		return
	}
	if in := s.pairs[pairOf(m, callee)]; in != nil {
		if in.state != used {
			s.repeatIntro(in, m)
			return
		}
		if !s.cfg.NoLimits && !m.pace.take(now, againCost, signalInterval, signalBurst) {
			s.stats.RateLimited++
			s.refuseConnect(m, sig.Member, api.ErrRateLimited, "connected to that player a moment ago, wait a little")
			return
		}
		s.endIntro(in)
	}
	in := &introduction{room: m.room, epoch: m.room.epoch, caller: m, callee: callee, data: slices.Clone(sig.Data),
		deadline: now.Add(AskTime), privacy: privacy}
	s.random(in.id[:])
	s.random(in.psk[:])
	s.intros[in.id], s.pairs[pairOf(m, callee)] = in, in
	s.alarms.set(in)
	s.send(callee, in.request())
}

// find looks up an introduction for one of its two members; an unknown one is told to be over, so that a client which
// was away while it ended does not wait for it.
func (s *Server) find(m *member, sig *wire.Signal) *introduction {
	in := s.intros[sig.Intro]
	if in == nil || in.caller != m && in.callee != m {
		s.stats.Stale++
		s.send(m, wire.Signal{Type: wire.SigRejected, Code: int32(api.ErrTimeout), Text: "the introduction is over", Intro: sig.Intro})
		return nil
	}
	return in
}

// accept is the moment at which the two are told each other's addresses, and not before.
func (s *Server) accept(now time.Time, m *member, sig *wire.Signal) {
	in := s.find(m, sig)
	if in == nil {
		return
	}
	if in.callee != m || in.state != asked || len(sig.Noise) == 0 || len(sig.Noise) > wire.MaxHandshake {
		s.stats.Stale++
		return
	}
	in.kk1 = slices.Clone(sig.Noise)
	in.state, in.deadline = agreed, now.Add(IntroTime)
	s.alarms.set(in)
	if s.cfg.Grant != nil {
		in.grants[0] = s.cfg.Grant(now, in.id, 0, in.caller.ref)
		in.grants[1] = s.cfg.Grant(now, in.id, 1, in.callee.ref)
		s.chooseRelays(in)
	}
	// Stricter by now, if one of them has a new token. Laxer it can't become: the callee's message was made for this.
	if in.privacy = max(in.privacy, s.privacy(in.room, in.caller, in.callee)); in.hidden() {
		in.flags = wire.IntroRelayOnly
	} else {
		in.flags |= s.punchFlags(now, in)
		s.acquaint(in.caller, in.callee)
	}
	s.stats.Introduced++
	s.event(Event{Kind: EventIntroduced, Room: in.room.id, Member: in.caller.ref.Member, Other: in.callee.ref.Member})
	s.send(in.caller, in.introduction())
	s.send(in.callee, in.accepted())
}

// answer passes message 2 on and uses the introduction up: from here on the two need no server.
func (s *Server) answer(m *member, sig *wire.Signal) {
	in := s.find(m, sig)
	if in == nil {
		return
	}
	if in.caller != m || in.state != agreed || len(sig.Noise) == 0 || len(sig.Noise) > wire.MaxHandshake {
		s.stats.Stale++
		return
	}
	in.state, in.kk2 = used, slices.Clone(sig.Noise)
	s.send(in.callee, in.answered())
}

// reject ends an introduction at the wish of either side. The reason goes to the other one, made harmless.
func (s *Server) reject(m *member, sig *wire.Signal) {
	in := s.find(m, sig)
	if in == nil {
		return
	}
	if in.state == used { // both have keys: whoever changed its mind closes the connection
		s.stats.Stale++
		return
	}
	other := in.caller
	if m == in.caller {
		other = in.callee
	}
	text := strings.ToValidUTF8(sig.Text[:min(len(sig.Text), api.MaxCloseText)], "")
	s.tellRejected(other, in, refusal(api.Code(sig.Code)), text)
	s.endIntro(in)
}

// refusal is the code that a player's refusal reaches the other one with: one that a player can know of, or a game's
// own, which are positive. It must look neither like a success nor like the server's word; on ErrRateLimited, for one, a caller
// asks again by itself.
func refusal(code api.Code) api.Code {
	switch code {
	case api.ErrTimeout, api.ErrPeerGone, api.ErrHandshake, api.ErrProtocol, api.ErrBadPassword:
		return code
	}
	if code > 0 {
		return code
	}
	return api.ErrRejected
}

// repeatIntros tells a member again what the link before may have lost.
func (s *Server) repeatIntros(m *member) {
	for _, other := range m.room.members {
		if in := s.pairs[pairOf(m, other)]; in != nil {
			s.repeatIntro(in, m)
		}
	}
}

func (s *Server) repeatIntro(in *introduction, to *member) {
	switch {
	case to == in.caller && in.state == agreed:
		s.send(to, in.introduction())
	case to == in.callee && in.state == asked:
		s.send(to, in.request())
	case to == in.callee && in.state == agreed:
		s.send(to, in.accepted())
	case to == in.callee && in.state == used:
		s.send(to, in.accepted())
		s.send(to, in.answered())
	}
}

// head is what Request and Introduction have in common, as one of the two is told about the other.
func (in *introduction) head(t wire.SignalType, about *member) wire.Signal {
	return wire.Signal{Type: t, Intro: in.id, PSK: in.psk, Room: in.room.id, Epoch: in.epoch, Member: about.ref.Member, Key: about.ref.Key}
}

func (in *introduction) request() wire.Signal {
	sig := in.head(wire.SigRequest, in.caller)
	sig.Data = in.data
	sig.Flags = in.requestFlags()
	return sig
}

func (in *introduction) sameAddress() bool {
	a, b := in.caller.ref.Addr, in.callee.ref.Addr
	return a.IsValid() && a.Addr() == b.Addr()
}

func (in *introduction) introduction() wire.Signal {
	sig := in.head(wire.SigIntroduction, in.callee)
	sig.Party, sig.Relay, sig.Backup, sig.Noise, sig.Flags = in.partyOf(in.callee), in.grants[0], in.backups[0], in.kk1, in.flags
	if !in.hidden() && in.sameAddress() {
		sig.Flags |= wire.IntroSameAddress
	}
	return sig
}

func (in *introduction) accepted() wire.Signal {
	return wire.Signal{Type: wire.SigAccepted, Intro: in.id, Party: in.partyOf(in.caller), Relay: in.grants[1], Backup: in.backups[1], Flags: in.flags}
}

func (in *introduction) answered() wire.Signal {
	return wire.Signal{Type: wire.SigAnswered, Intro: in.id, Noise: in.kk2}
}

// party is what the other side needs to reach m.
func (m *member) party() wire.Party {
	p := wire.Party{Profile: m.profile, RTTMillis: uint16(min(m.ref.RTT.Milliseconds(), 65535))}
	if m.ref.Addr.IsValid() && !m.ref.Stream {
		p.Addrs = append(p.Addrs, m.ref.Addr)
	}
	return p
}
