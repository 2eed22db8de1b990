package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// patient makes two players whose peers may be silent for a minute.
func patient(t *testing.T, seed uint64, a, b string) (*World, *Player, *Player) {
	t.Helper()
	w := NewWorld(seed, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	cfg := func(cfg *endpoint.Config) { cfg.IdleTimeout = time.Minute }
	host, guest := w.AddSite(a, wanA).AddPlayer("host", 100, cfg), w.AddSite(b, wanB).AddPlayer("guest", 100, cfg)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatalf("seed %d %s×%s: no keys", seed, a, b)
	}
	w.Run(5 * time.Second)
	return w, host, guest
}

// One player's process stands still for 30 s without having said so, and both have set a minute's patience: nothing is
// lost, doubled or reordered, on a direct path and on the relay.
func TestUnannouncedPause(t *testing.T) {
	for seed, nats := range [][2]string{{"PR", "PR"}, {"SR", "SR"}, {"FC", "SR"}} {
		w, host, guest := patient(t, uint64(seed), nats[0], nats[1])
		host.Stream(600, 100*time.Millisecond, true)
		guest.Stream(600, 100*time.Millisecond, true)
		w.Run(5 * time.Second)
		interrupted := 0
		note := host.OnEvent
		host.OnEvent = func(now time.Time, ev *api.Event) {
			if ev.Kind == api.EventPeerInterrupted {
				interrupted++
			}
			note(now, ev)
		}
		guest.Freeze()
		w.Run(30 * time.Second)
		guest.Thaw()
		back := w.Now()
		if !w.RunUntil(3*time.Second, func() bool { return host.Last.After(back) && guest.Last.After(back) }) {
			t.Errorf("%v: no message both ways within 3 s of the end of the pause", nats)
		}
		w.Run(60 * time.Second)
		for _, p := range []*Player{host, guest} {
			if p.Received != 600 || len(p.Faults) > 0 || len(p.Refused) > 0 {
				t.Errorf("%v: %s got %d of 600, %v %+v", nats, p.Name, p.Received, p.Faults, p.Refused)
			}
		}
		if interrupted != 1 {
			t.Errorf("%v: INTERRUPTED %d times", nats, interrupted)
		}
	}
}

// With the usual patience the same pause ends the connection on both sides, with the count of what was not delivered.
func TestSilenceClosesBothSides(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	w.Cut(host.Site().Public(), guest.Site().Public())
	w.Cut(guest.Site().Public(), host.Site().Public())
	for _, p := range []*Player{host, guest} {
		w.Cut(p.Site().Public(), w.server.Addr().Addr())
	}
	for range 7 {
		_ = host.SendReliable()
	}
	w.Run(7 * time.Second)
	if len(host.Refused)+len(guest.Refused) > 0 {
		t.Fatalf("closed too early: %+v %+v", host.Refused, guest.Refused)
	}
	w.Run(4 * time.Second) // silence counts from the last packet, up to a keepalive before the cut
	for _, p := range []*Player{host, guest} {
		closed := 0
		for _, ev := range p.Refused {
			if ev.Kind == api.EventPeerClosed {
				closed++
				if want := map[*Player]uint64{host: 7}[p]; ev.Code != api.ErrLost || ev.Count != want {
					t.Errorf("%s: %+v", p.Name, ev)
				}
			}
		}
		if closed != 1 {
			t.Errorf("%s was told %d times", p.Name, closed)
		}
	}
}

var sleepers = flag.Int("sleepers", 12, "worlds that TestSuspendedPlayer plays")

// An announced sleep of five minutes, longer than a relay session, a router's memory and the server's patience: peer, room
// and place in it are still there, and messages flow within a second of waking up.
//
// Run more: go test ./core/sim -run TestSuspendedPlayer -args -sleepers 240
func TestSuspendedPlayer(t *testing.T) {
	pairs := [][2]string{{"PR", "PR"}, {"SR", "SR"}, {"PR", "SR"}, {"FC", "SR"}}
	for seed := range *sleepers {
		nats := pairs[seed%4]
		w, host, guest := met(t, uint64(seed), nats[0], nats[1], Weather{Delay: oneWay, Loss: 0.02 * float64(seed/4%3)})
		host.Stream(100, 100*time.Millisecond, true)
		guest.Stream(100, 100*time.Millisecond, true)
		w.Run(5 * time.Second)
		guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, 6*time.Minute) })
		w.Run(50 * time.Millisecond)
		guest.Freeze()
		before := w.Carried(host.Site().Public(), guest.Site().Public()) + w.Carried(host.Site().Public(), w.server.Addr().Addr())
		w.Run(5 * time.Minute)
		if n := w.Carried(host.Site().Public(), guest.Site().Public()) + w.Carried(host.Site().Public(), w.server.Addr().Addr()) - before; n > 400 { // two retries of the punch are among them
			t.Errorf("%v: %d datagrams to somebody asleep", nats, n)
		}
		guest.Thaw()
		guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) })
		back := w.Now()
		if !w.RunUntil(time.Second, func() bool { return host.Last.After(back) && guest.Last.After(back) }) {
			t.Errorf("%v: no message both ways within 1 s of waking up", nats)
		}
		w.Run(20 * time.Second)
		for _, p := range []*Player{host, guest} {
			if p.Received != 100 || len(p.Faults) > 0 || len(p.Refused) > 0 {
				t.Errorf("%v: %s got %d of 100, %v %+v", nats, p.Name, p.Received, p.Faults, p.Refused)
			}
		}
		if direct := host.Route.Direct() && guest.Route.Direct(); direct != (nats != [2]string{"SR", "SR"}) {
			t.Errorf("%v: routes %v and %v in the end", nats, host.Route, guest.Route)
			t.Logf("seed %d now %v back %v gaveup %v %q %v %q", seed, w.now.Sub(Start), back.Sub(Start), host.GaveUpAt.Sub(Start), host.GaveUp, guest.GaveUpAt.Sub(Start), guest.GaveUp)
			for _, p := range []*Player{host, guest} {
				for _, r := range p.Routes {
					t.Logf("  %v %s: %v, %s", r.At.Sub(Start), p.Name, r.Route, r.Text)
				}
			}
		}
	}
}

// A player who goes away just after the direct path was chosen can't prove it meanwhile: that says nothing of the path.
func TestAbsenceWhileProving(t *testing.T) {
	for seed := range uint64(6) {
		w, host, guest := pair(seed, "PR", "PR", Weather{Delay: oneWay}, 100)
		if !w.Meet(host, guest, 10*time.Second) || !w.RunUntil(5*time.Second, func() bool { return host.Route.Direct() && guest.Route.Direct() }) {
			t.Fatalf("seed %d: no direct path", seed)
		}
		guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, time.Minute) })
		w.Run(time.Duration(seed) * 20 * time.Millisecond)
		wakes := host.wakes
		guest.Freeze()
		w.Run(3 * time.Second)
		if wakes = host.wakes - wakes; wakes > 60 {
			t.Errorf("seed %d: %d wakeups beside an absent player", seed, wakes)
		}
		guest.Thaw()
		guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) })
		host.Stream(100, 16*time.Millisecond, false)
		w.Run(5 * time.Second)
		for _, p := range []*Player{host, guest} {
			if len(p.Routes) != 1 {
				t.Errorf("seed %d: %s's routes: %v", seed, p.Name, p.Routes)
			}
		}
		if guest.Received != 100 {
			t.Errorf("seed %d: %d messages", seed, guest.Received)
		}
	}
}
