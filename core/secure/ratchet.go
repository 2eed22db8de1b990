package secure

import "github.com/musubi-p2p/musubi/core/wire"

// ratchet renews a session's keys. Each phase has a secret per direction, from which its packet key and iv come, and from which
// the next phase's is made in one of two ways:
//
//	secret' = HKDF-Expand(secret, "musubi next phase")                         symmetric: earlier phases stay closed
//	secret' = HKDF-Expand(HKDF-Extract(secret, mix), "musubi mixed phase")     with what both agreed on anew: later ones, too
//
// Both directions step together. Only the handshake's initiator begins a phase, so there are never two candidates:
//
//	initiator: Advance ──▶ seals with n+1, opens n and n+1 ──a packet of n+1 opens──▶ n+1, opens n until DropOld
//	responder:             a packet of n+1 opens ──▶ seals with n+1, opens n+1, and n until DropOld
//
// Numbers and replay windows go on over all phases: a nonce is new because its key is.
type ratchet struct {
	initiator  bool
	send, recv [32]byte   // secrets of the newest phase that both ends are known to have
	next       *phase     // initiator: begun, nothing of it came yet; responder: what may come
	old        *direction // opens what was late when its phase ended
	begun      uint64     // phases after the first that we have sealed with
	turned     uint64     // and those of which a packet came
	sealed     uint64     // packets of the phase that we send in
	opened     uint64     // and of the one that the other end does
	least      uint64     // see StepsAfter
}

// phase is the keys of one phase that is not both directions' yet.
type phase struct {
	sendSecret, recvSecret [32]byte
	send, recv             direction
}

// phases is how many the header tells apart.
const phases = 4

// renew lets a session begin new phases; send and recv are the handshake's keys.
func (s *Session) renew(send, recv [32]byte, initiator bool) {
	s.ratchet = &ratchet{initiator: initiator, send: send, recv: recv}
}

// after makes the keys of the phase behind the newest, with mix or, if that is empty, without.
func (r *ratchet) after(now *direction, mix []byte) *phase {
	step := func(secret [32]byte) (next [32]byte) {
		if len(mix) == 0 {
			return Derive(secret, "next phase")
		}
		expand(next[:], extract(mix, secret[:]), "mixed phase")
		return next
	}
	p := &phase{sendSecret: step(r.send), recvSecret: step(r.recv)}
	p.send, p.recv = newDirection(p.sendSecret, now.aes), newDirection(p.recvSecret, now.aes)
	p.send.phase = (now.phase + 1) % phases
	p.recv.phase = p.send.phase
	return p
}

// Renewable reports whether both ends take new phases. What follows is for sessions that are.
func (s *Session) Renewable() bool { return s.ratchet != nil }

// Begun counts the phases after the first that we have sealed with, Turned those of which a packet came.
func (s *Session) Begun() uint64  { return s.ratchet.begun }
func (s *Session) Turned() uint64 { return s.ratchet.turned }

// Spent is how many packets the keys in use have sealed or opened, of both directions the more.
func (s *Session) Spent() uint64 { return max(s.ratchet.sealed, s.ratchet.opened) }

// StepsAfter has a responder take a symmetric step only when a key of its phase has sealed or opened so many packets: to make
// keys takes it ten times as long as to open a packet, and who steps with each would have that for nothing.
func (s *Session) StepsAfter(packets uint64) { s.ratchet.least = packets }

// Turning reports whether an initiator has begun a phase of which nothing came yet.
func (s *Session) Turning() bool { return s.ratchet.initiator && s.ratchet.next != nil }

// HasOld reports whether packets of the phase before still open.
func (s *Session) HasOld() bool { return s.ratchet.old != nil }

// DropOld ends that.
func (s *Session) DropOld() { s.ratchet.old = nil }

// Advance begins the next phase as initiator: from now on packets are sealed with it. mix is what both agreed on; empty: a
// symmetric step. The other end has the phase in use: a packet sealed with it came.
func (s *Session) Advance(mix []byte) {
	r := s.ratchet
	if !r.initiator || r.next != nil {
		panic("secure: a phase begun by the wrong side, or over one that is not through")
	}
	r.next = r.after(&s.send, mix)
	s.send = r.next.send
	r.begun++
	r.sealed = 0
}

// Expect tells a responder that the next phase is one with mix.
func (s *Session) Expect(mix []byte) { s.ratchet.next = s.ratchet.after(&s.recv, mix) }

// keysOf gives the keys that open packets of a phase other than the one in use; nil: none do.
func (r *ratchet) keysOf(now *direction, p uint8) *direction {
	switch (p - now.phase) % phases {
	case phases - 1:
		return r.old
	case 1:
		if r.next == nil && !r.initiator && max(r.sealed, r.opened) >= r.least {
			r.next = r.after(now, nil)
		}
		if r.next != nil {
			return &r.next.recv
		}
	}
	return nil
}

// turned makes the next phase the one in use: a packet of it has opened.
func (s *Session) turned() {
	r, old := s.ratchet, s.recv
	r.old = &old
	r.turned++
	r.send, r.recv, s.recv = r.next.sendSecret, r.next.recvSecret, r.next.recv
	if r.opened = 0; !r.initiator {
		s.send = r.next.send
		r.begun++
		r.sealed = 0
	}
	*r.next = phase{}
	r.next = nil
}

// openOther is Open for a packet of another phase than the one in use.
func (s *Session) openOther(h wire.Session, b, body []byte) (number uint64, frames []byte, err error) {
	if s.ratchet == nil {
		return 0, nil, ErrFormat
	}
	d := s.ratchet.keysOf(&s.recv, h.KeyPhase)
	if d == nil {
		return 0, nil, ErrPhase
	}
	number, frames, err = s.openWith(d, h, b, body)
	if err == nil && d != s.ratchet.old {
		s.turned()
	}
	return number, frames, err
}

// rest drops what a session that says nothing can build again.
func (r *ratchet) rest() {
	if r.old != nil {
		r.old.aead = nil
	}
	if r.next != nil {
		r.next.send.aead, r.next.recv.aead = nil, nil
	}
}
