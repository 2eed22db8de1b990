package server

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/rendezvous"
)

// maxFailures is how many of the latest the admin page shows.
const maxFailures = 30

// observer is how others look at what only the owner may touch: they ask, and the owner answers between two rounds.
type observer struct {
	questions chan func()
	wake      func()
	started   time.Time
	failures  []admin.Failure // oldest first, the owner's
	notReady  atomic.Pointer[string]
}

func newObserver(wake func()) *observer {
	return &observer{questions: make(chan func(), 16), wake: wake, started: time.Now()}
}

// ask runs f on the owner's goroutine, or says that it did not answer.
func (o *observer) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case o.questions <- func() { f(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	o.wake()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer runs what was asked. The owner calls it once a round.
func (o *observer) answer() {
	for {
		select {
		case f := <-o.questions:
			f()
		default:
			return
		}
	}
}

// refuse makes the server not ready, with the reason; "" makes it ready again.
func (o *observer) refuse(why string) {
	if why == "" {
		o.notReady.Store(nil)
		return
	}
	o.notReady.Store(&why)
}

// note keeps what the page calls a failure.
func (o *observer) note(now time.Time, ev *hub.Event) {
	switch ev.Kind {
	case hub.EventRefused, hub.EventRelayed:
	case hub.EventLinkDown:
		if ev.Code == api.OK || ev.Code == api.ErrRemoteClosed {
			return
		}
	default:
		return
	}
	if len(o.failures) == maxFailures {
		o.failures = append(o.failures[:0], o.failures[1:]...)
	}
	o.failures = append(o.failures, admin.Failure{Time: now, Code: int32(ev.Code), Text: ev.Text})
}

// Ready is nil while the server wants new players. Any goroutine.
func (s *Server) Ready() error {
	if why := s.observer.notReady.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// Snapshot is what the admin page shows. Any goroutine, while Run runs.
func (s *Server) Snapshot(ctx context.Context) (*admin.Snapshot, error) {
	var snap *admin.Snapshot
	if err := s.observer.ask(ctx, func() { snap = s.snapshot() }); err != nil {
		return nil, err
	}
	return snap, nil
}

func (s *Server) snapshot() *admin.Snapshot {
	h, n, t := s.hub.Stats(), s.netStats(), s.doors.streams.Stats()
	snap := &admin.Snapshot{
		Time: time.Now(), Started: s.observer.started, Version: s.version, Node: s.node, Region: string(s.region),
		Links: h.Links, Rooms: h.Rooms, Members: h.Members, Introductions: h.Introductions,
		RelaySessions: h.RelaySessions, RelayLegs: h.RelayLegs,
		Handshakes: h.Handshakes, Resumed: h.Resumed, Introduced: h.Introduced, Refused: h.Refused,
		RelayPackets: h.RelayPackets, RelayBytes: h.RelayBytes,
		Received: n.Received + t.Received, Sent: n.Sent + t.Sent, SendFull: n.SendFull + t.Full, SendError: n.SendError,
		Streams: s.doors.streamCount(), Outcomes: outcomesOf(&h.Outcomes),
	}
	snap.Drops, snap.Connections = s.droppedDatagrams(), s.doors.refused()
	for i := len(s.observer.failures) - 1; i >= 0; i-- {
		snap.Failures = append(snap.Failures, s.observer.failures[i])
	}
	state := "up"
	if s.Ready() != nil {
		state = "draining"
	}
	snap.Nodes = []admin.Node{{Name: s.node, Region: string(s.region), State: state, Links: h.Links, Rooms: h.Rooms}}
	s.clusterSnapshot(snap)
	return snap
}

func outcomesOf(all *rendezvous.Outcomes) (out []admin.Outcome) {
	for a := range rendezvous.NATClasses {
		for b := a; b < rendezvous.NATClasses; b++ {
			n := all[a][b]
			out = append(out, admin.Outcome{A: a.String(), B: b.String(), Direct: n.Direct, Relayed: n.Relayed})
		}
	}
	return out
}

// openAdmin opens the admin address, if there is one.
func (s *Server) openAdmin(set *settings) (err error) {
	if set.admin.IsValid() {
		s.admin, err = openAdminAt(set, s, s.log)
	}
	return err
}

// openAdminAt opens the admin address. That it is taken is no reason not to serve players, unless the operator named it: then there is none.
func openAdminAt(set *settings, source admin.Source, log *slog.Logger) (*admin.Admin, error) {
	a, err := admin.Listen(set.admin, source, log)
	if err != nil {
		if set.adminWanted {
			return nil, describe(err, "TCP", set.admin, "--admin")
		}
		log.Warn("no admin page: " + describe(err, "TCP", set.admin, "--admin").Error())
		return nil, nil
	}
	if at := a.Addr().Addr(); !at.IsLoopback() {
		log.Warn("the admin page has no password: let nobody but you reach its address", "admin", a.Addr().String())
	}
	return a, nil
}

// AdminAddr is where the admin page is served; invalid: nowhere.
func (s *Server) AdminAddr() netip.AddrPort {
	if s.admin == nil {
		return netip.AddrPort{}
	}
	return s.admin.Addr()
}
