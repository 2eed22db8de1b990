package server

import (
	"net/netip"
	"sync"
	"time"
)

// desk is the place at which the hub is served; whoever is at it owns the hub and what it sends through.
//
//	Run:    at the desk, but while it waits for news or a deadline
//	shard:  packets of links? desk free? --> serves them there, so that nobody has to be woken
//	                               taken --> into the inbox, which Run empties
//
// A wake-up costs as much as the keepalive that it is for: of 100,000 idle links 6,700 come a second.
type desk struct {
	sync.Mutex
	until   time.Time // Run waits until then; zero: for news only
	waiting bool      // Run waits, and was not woken by a shard yet
	retired bool      // nobody serves any more
}

// retire closes the desk for good.
func (d *desk) retire() {
	d.retired = true
	d.Unlock()
}

// wait leaves the desk until something comes or the deadline.
func (s *Server) wait(until time.Time) error {
	if s.edge == nil {
		return s.loop.Wait(until)
	}
	if !s.edge.Inbox.Sleep() {
		return nil
	}
	s.desk.until, s.desk.waiting = until, true
	s.desk.Unlock()
	err := s.loop.Wait(until)
	s.desk.Lock()
	s.desk.waiting = false
	s.edge.Inbox.Wake()
	return err
}

// TryEnter, Serve and Leave are forward.Desk.
func (s *Server) TryEnter(now time.Time) bool {
	if !s.desk.TryLock() {
		return false
	}
	if s.desk.retired {
		s.desk.Unlock()
		return false
	}
	if now.After(s.now) {
		s.now = now
	}
	return true
}

// Serve serves one packet of a link.
func (s *Server) Serve(from netip.AddrPort, b []byte) {
	s.hub.HandleDatagram(s.now, 0, from, b)
	s.transmit()
}

// Leave ends a shard's turn. Run must know of a deadline that is nearer than the one it waits for, and of the end of the last link
// when it stops; and it writes the log: a shard, which others' packets wait for, does nothing that may block.
func (s *Server) Leave() {
	s.send()
	at := s.hub.NextTimeout()
	wake := s.desk.waiting && (s.hub.HasEvents() || s.stopping.Load() || !at.IsZero() && (s.desk.until.IsZero() || at.Before(s.desk.until)))
	if wake {
		s.desk.waiting = false
	}
	s.desk.Unlock()
	if wake {
		s.loop.Wake()
	}
}
