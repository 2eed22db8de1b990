package node

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
)

// oldMainKept is how long the main socket before is read after a network change. Where the old address still works, as with
// a cable plugged in beside a radio, what is under way to it arrives: others learn of the new one a round trip over the relay
// later.
const oldMainKept = 3 * time.Second

// secondMain is the loop's number of every second main socket. The endpoint knows one only, under api.MainSocket.
const secondMain = lanServer - 1

// mainSockets are the main socket and the one before.
type mainSockets struct {
	id     api.SocketID // the loop's number: api.MainSocket or secondMain
	oldEnd time.Time    // when the other one is closed; zero: it is not open
}

func (m *mainSockets) other() api.SocketID {
	if m.id == secondMain {
		return api.MainSocket
	}
	return secondMain
}

// inside gives the endpoint's number for one of the loop.
func (m *mainSockets) inside(id api.SocketID) api.SocketID {
	if id == secondMain {
		return api.MainSocket
	}
	return id
}

// outside is the reverse; what is sent leaves by the newest.
func (m *mainSockets) outside(id api.SocketID) api.SocketID {
	if id == api.MainSocket {
		return m.id
	}
	return id
}

// renewMain opens another main socket and keeps the old one readable for a while.
func (o *owner) renewMain() error {
	m := &o.mains
	if !m.oldEnd.IsZero() {
		o.close(m.other())
	}
	m.id, m.oldEnd = m.other(), o.now.Add(oldMainKept)
	return o.openMain()
}

// dropOldMain closes the one before when its time is over.
func (o *owner) dropOldMain() {
	if m := &o.mains; deadline.Due(o.now, m.oldEnd) {
		o.close(m.other())
		m.oldEnd = time.Time{}
	}
}
