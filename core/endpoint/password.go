package endpoint

import (
	"errors"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// passState is the room's password on its way into the introductions' secrets:
//
//	none --begin(password)--> given --Joined tells the room's id--> wanted --NextDerivation--> deriving --Derived--> ready
//	  ^_______________________________ the room is left, or refused ______________________________________________|
//
// From given on every introduction is mixed with it, whatever the server says of the room: leaving its flag out must not
// get it connections without the password. Until ready, introductions wait in their slots.
type passState struct {
	state    passStep
	password []byte
	room     uint64
	key      [32]byte
}

type passStep uint8

const (
	passNone passStep = iota
	passGiven
	passWanted
	passDeriving
	passReady
)

func (p *passState) begin(password []byte) {
	p.forget()
	if len(password) > 0 {
		p.state, p.password = passGiven, append([]byte(nil), password...)
	}
}

func (p *passState) enter(room uint64) {
	if p.state == passGiven {
		p.state, p.room = passWanted, room
	}
}

func (p *passState) forget() {
	clear(p.password)
	*p = passState{}
}

// wait reports whether introductions have to wait for the key.
func (p *passState) wait() bool { return p.state != passNone && p.state != passReady }

// mixed is an introduction's signal with the secret that both ends have if they have the same password.
func (p *passState) mixed(s *wire.Signal) *wire.Signal {
	if p.state != passReady {
		return s
	}
	t := *s
	t.PSK = secure.MixPassword(s.PSK, p.key)
	return &t
}

// Derivation asks the edge for secure.RoomKey(Password, Room): it takes too long for the goroutine that owns a client.
// Answer with Derived.
type Derivation struct {
	Room     uint64
	Password []byte // the edge's own
}

// NextDerivation asks for the next key to compute.
func (e *Endpoint) NextDerivation() (Derivation, bool) {
	p := &e.pass
	if p.state != passWanted {
		return Derivation{}, false
	}
	d := Derivation{p.room, append([]byte(nil), p.password...)}
	clear(p.password)
	p.state, p.password = passDeriving, nil
	return d, true
}

// Derived gives the key for a Derivation. One for a room that was left meanwhile is nobody's.
func (e *Endpoint) Derived(now time.Time, room uint64, key [32]byte) {
	now = e.tick(now)
	if e.pass.state != passDeriving || e.pass.room != room {
		return
	}
	e.pass.state, e.pass.key = passReady, key
	for i := range e.slots.used {
		sig := e.slots.list[i].held
		if sig == nil {
			continue
		}
		e.slots.list[i].held = nil
		if sig.Type == wire.SigIntroduction {
			e.introduced(now, sig)
		} else {
			e.answer(now, i, sig)
		}
	}
}

// hold keeps a slot's introduction until the key is there. The server's time for it is a hundred times longer.
func (e *Endpoint) hold(i int, s *wire.Signal) {
	kept := *s // its slices are ours: the rooms machine has copied them
	e.slots.list[i].held = &kept
}

// handshakeFailure says why message 1 did not open. With a password in play that is the likeliest reason by far, and the
// one that players can do something about.
func (e *Endpoint) handshakeFailure(err error) (api.Code, string) {
	if errors.Is(err, secure.ErrAuth) && (e.pass.state != passNone || e.room.flags&wire.RoomPassword != 0) {
		return api.ErrBadPassword, "the two players gave different passwords for the room"
	}
	if known := (*api.Error)(nil); errors.As(err, &known) { // an identity certificate
		return known.Code, known.Text
	}
	return api.ErrHandshake, "the other side's handshake does not match what the server said about it: " + err.Error()
}
