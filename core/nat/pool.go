package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// maxSockets bounds the sockets of one Agent beside the main one: a birthday's, or a covering's if it may have one.
const maxSockets, maxCovering = birthdaySockets + 8, coverMost + 8

// pool is the sockets that an Agent has had opened for itself. Whoever asked last for sockets gets those that come.
type pool struct {
	ids     []api.SocketID // open, in the order of their opening
	wanted  int            // not asked for yet
	pending int            // asked for, not answered
	closing []api.SocketID
	most    int
}

// want asks for n more sockets and returns how many it may be.
func (p *pool) want(n int) int {
	n = min(n, p.most-len(p.ids)-p.wanted-p.pending)
	p.wanted += max(n, 0)
	return max(n, 0)
}

// WantSockets reports how many fresh sockets are needed. Each is answered with SocketOpened or SocketFailed.
func (a *Agent) WantSockets() int {
	n := a.pool.wanted
	a.pool.wanted = 0
	a.pool.pending += n
	return n
}

// SocketOpened gives a socket that WantSockets asked for.
func (a *Agent) SocketOpened(now time.Time, id api.SocketID, _ netip.AddrPort) {
	now = a.tick(now)
	a.pool.pending = max(0, a.pool.pending-1)
	a.pool.ids = append(a.pool.ids, id)
	if a.closed || !a.hunt.takeSocket(now, id) {
		a.pool.close(id)
	}
	a.run(now)
}

// SocketFailed tells that there is one less.
func (a *Agent) SocketFailed(now time.Time) {
	now = a.tick(now)
	a.pool.pending = max(0, a.pool.pending-1)
	a.hunt.refused++
	a.run(now)
}

// CloseSocket reports, once, a socket that is needed no more.
func (a *Agent) CloseSocket() (id api.SocketID, ok bool) {
	if len(a.pool.closing) == 0 {
		return 0, false
	}
	id = a.pool.closing[0]
	if a.pool.closing = a.pool.closing[1:]; len(a.pool.closing) == 0 {
		a.pool.closing = nil
	}
	return id, true
}

// SocketsWaiting reports whether WantSockets or CloseSocket has something to say.
func (a *Agent) SocketsWaiting() bool { return a.pool.wanted > 0 || len(a.pool.closing) > 0 }

func (p *pool) close(id api.SocketID) {
	if i := slices.Index(p.ids, id); i >= 0 {
		p.ids = slices.Delete(p.ids, i, i+1)
		p.closing = append(p.closing, id)
	}
}

// sweep closes the sockets that no living pair uses, and forgets the pairs on them. A pair that has not answered yet lives
// for grace: the answer to what came in may be on its way.
func (a *Agent) sweep(grace time.Duration) {
	if len(a.pool.ids) == 0 {
		return
	}
	won := grace == 0 && a.haveValid(1) // then whatever is not valid is not needed
	a.pairs = slices.DeleteFunc(a.pairs, func(p *pair) bool {
		idle := p.state == pairWaiting && (grace == 0 || a.now.Sub(p.began) >= grace) || p.mourned || won && p.state != pairValid
		return p.socket != a.cfg.Main && p != a.selected && idle
	})
	kept := a.pool.ids[:0]
	for _, id := range a.pool.ids {
		if slices.ContainsFunc(a.pairs, func(p *pair) bool { return p.socket == id }) {
			kept = append(kept, id)
		} else {
			a.pool.closing = append(a.pool.closing, id)
		}
	}
	a.pool.ids = kept
}

// Quit ends the search for good, because the connection is about to end: the sockets of paths that work stay for its last words,
// all others are given back.
func (a *Agent) Quit() {
	if a.quit || a.closed {
		return
	}
	a.quit, a.endAt = true, time.Time{}
	a.endHunt(a.now, "the connection ends")
	a.pool.wanted = 0
	for _, p := range a.pairs {
		if p.state == pairWaiting {
			p.next = time.Time{}
		}
	}
}

// Close ends everything: sockets are given back, and nothing is sent any more.
func (a *Agent) Close() {
	a.hunt.stop()
	a.closed, a.started = true, false
	a.pool.wanted = 0
	a.pool.closing = append(a.pool.closing, a.pool.ids...)
	a.pool.ids, a.pairs, a.out, a.selected = nil, nil, nil, nil
}
