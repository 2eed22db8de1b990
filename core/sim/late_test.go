package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
)

// lateness lets both players send small messages for d, and gives each one's latest arrival at the other, beyond undisturbed.
func lateness(host, guest *Player, d, interval, undisturbed time.Duration) (late [2]*time.Duration) {
	for i, p := range []*Player{host, guest} {
		worst, began, first := new(time.Duration), p.w.Now(), p.Received
		p.OnEvent = func(now time.Time, ev *api.Event) {
			if ev.Kind == api.EventMessage {
				sent := began.Add(time.Duration(p.Received-first) * interval)
				*worst = max(*worst, now.Sub(sent)-undisturbed)
			}
			p.note(now, ev)
		}
		late[1-i] = worst
		p.Stream(p.Sent+int(d/interval), interval, false)
	}
	return late
}

func met(t *testing.T, seed uint64, a, b string, weather Weather) (*World, *Player, *Player) {
	t.Helper()
	w, host, guest := pair(seed, a, b, weather, 100)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatalf("seed %d %s×%s: no keys", seed, a, b)
	}
	w.Run(5 * time.Second)
	return w, host, guest
}

// A player's network changes while everything goes over the relay: one round trip and 100 ms later data flows again.
func TestNetworkChangeOnRelay(t *testing.T) {
	for seed := range uint64(10) {
		w, host, guest := met(t, seed, "SR", "SR", Weather{Delay: oneWay})
		late := lateness(host, guest, 4*time.Second, 16*time.Millisecond, 2*oneWay)
		w.Run(time.Second + time.Duration(seed)*7*time.Millisecond)
		guest.Move()
		w.Run(5 * time.Second)
		t.Logf("seed %d: host's messages %v late, guest's %v", seed, *late[0], *late[1])
		for i, p := range []*Player{host, guest} {
			if limit := 4*oneWay + 100*time.Millisecond; *late[i] > limit || p.Received != 250 {
				t.Errorf("seed %d: %s's messages came up to %v late, want at most %v; received %d", seed, p.Name, *late[i], limit, p.Received)
			}
		}
	}
}

// The server is gone for good and the direct path stutters: there is nothing to wait for on the relay.
func TestStutterWithoutServer(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	w.server.Stop()
	w.Run(50 * time.Second)
	host.Refused, guest.Refused = nil, nil // both were told that the server is lost
	late := lateness(host, guest, 4*time.Second, 16*time.Millisecond, oneWay)
	w.Run(time.Second)
	w.Cut(host.site.wan, guest.site.wan)
	w.Cut(guest.site.wan, host.site.wan)
	w.Run(600 * time.Millisecond)
	w.Heal(host.site.wan, guest.site.wan)
	w.Heal(guest.site.wan, host.site.wan)
	w.Run(8 * time.Second)
	t.Logf("host's messages %v late, guest's %v", *late[0], *late[1])
	for i, p := range []*Player{host, guest} {
		if limit := 1300 * time.Millisecond; *late[i] > limit || p.Received != 250 || !p.Route.Direct() {
			t.Errorf("%s's messages came up to %v late, want at most %v; received %d, route %v, %v", p.Name, *late[i], limit, p.Received, p.Route, p.Refused)
		}
	}
}

// A player who only listens loses the way to the other one: the unanswered checks show it.
func TestConsentLostOnTheRoute(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	guest.Stream(1000, 20*time.Millisecond, false)
	w.Cut(host.site.wan, guest.site.wan)
	w.Run(8 * time.Second)
	if host.Route != api.RouteRelay || guest.Route != api.RouteRelay {
		t.Errorf("routes %v and %v, 8 s after the cut", host.Route, guest.Route)
	}
	w.Heal(host.site.wan, guest.site.wan)
	w.Run(20 * time.Second)
	if !host.Route.Direct() || !guest.Route.Direct() || host.Received != 1000 || len(host.Faults) > 0 {
		t.Errorf("after healing: routes %v and %v, %d messages, %v", host.Route, guest.Route, host.Received, host.Faults)
	}
}

// perSecond counts what a player sends in d, per second.
func (w *World) perSecond(d time.Duration, players ...*Player) (all []float64) {
	counts := make([]int, len(players))
	w.tap = func(p natsim.Packet) {
		for i := range players {
			if p.Src.Addr() == players[i].site.wan {
				counts[i]++
			}
		}
	}
	w.Run(d)
	w.tap = nil
	for _, n := range counts {
		all = append(all, float64(n)/d.Seconds())
	}
	return all
}

// Players with nothing to say send a few datagrams a second, server or no server, and the relay stays usable: a cut after
// minutes of silence costs no more than one in the middle of play.
func TestIdle(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	quiet := func(when string, d time.Duration, limit float64) {
		t.Helper()
		wakes := host.wakes
		rates := w.perSecond(d, host, guest)
		t.Logf("%s: %.1f and %.1f datagrams, %.1f wakeups a second", when, rates[0], rates[1], float64(host.wakes-wakes)/d.Seconds())
		if max(rates[0], rates[1]) > limit {
			t.Errorf("%s: %.1f and %.1f datagrams a second, want at most %.1f", when, rates[0], rates[1], limit)
		}
	}
	quiet("direct", 5*time.Minute, 4)
	w.server.Stop()
	w.Run(40 * time.Second)
	quiet("server gone", 2*time.Minute, 5)
	w.server.Resume()
	w.Run(30 * time.Second)
	quiet("server back", 5*time.Minute, 4)
	host.Refused, guest.Refused = nil, nil // both were told that the server was lost
	late := lateness(host, guest, 4*time.Second, 16*time.Millisecond, oneWay)
	w.Run(time.Second)
	w.Cut(host.site.wan, guest.site.wan)
	w.Run(8 * time.Second)
	t.Logf("host's messages %v late, guest's %v", *late[0], *late[1])
	for i, p := range []*Player{host, guest} {
		if limit := 400*time.Millisecond + 4*oneWay; *late[i] > limit || p.Received != 250 {
			t.Errorf("%s's messages came up to %v late, want at most %v; received %d", p.Name, *late[i], limit, p.Received)
		}
	}
	w.Heal(host.site.wan, guest.site.wan)
	w.Cut(guest.site.wan, host.site.wan)
	w.Run(30 * time.Second)
	quiet("relayed", 3*time.Minute, 4)
}

// A path that shows itself during the hold-down and is gone at its end gets no data: that would cost another gap.
func TestReturnNeedsFreshValidation(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	host.Stream(500, 16*time.Millisecond, false)
	guest.Stream(500, 16*time.Millisecond, false)
	both := func(f func(from, to *Site)) { f(host.site, guest.site); f(guest.site, host.site) }
	cut := func(from, to *Site) { w.Cut(from.wan, to.wan) }
	heal := func(from, to *Site) { w.Heal(from.wan, to.wan) }
	w.Run(time.Second)
	both(cut)
	w.Run(700 * time.Millisecond)
	both(heal)
	w.Run(time.Second)
	both(cut)
	w.Run(2 * time.Second)
	for _, p := range []*Player{host, guest} {
		if len(p.Routes) != 2 || p.Route != api.RouteRelay {
			t.Errorf("%s: routes %v", p.Name, p.Routes)
		}
	}
	both(heal)
	w.Run(10 * time.Second)
	for _, p := range []*Player{host, guest} {
		if !p.Route.Direct() || len(p.Routes) != 3 || p.Received != 500 || len(p.Faults) > 0 {
			t.Errorf("%s: routes %v, %d messages, %v", p.Name, p.Routes, p.Received, p.Faults)
		}
	}
}

// Loss alone moves the route seldom, however little is sent. The mean of six worlds, as it was once, says little: at 30 % loss and ten
// messages a second it is 4.9 over 400 seeds, and 0 to 15 in one of them.
func TestRouteIsSteadyUnderLoss(t *testing.T) {
	for _, c := range []struct{ loss, limit float64 }{{0.1, 0.5}, {0.2, 1}, {0.3, 6.5}} {
		for _, rate := range []int{1, 10} {
			changes := 0
			for seed := range uint64(steadySeeds) {
				w, host, guest := met(t, seed, "PR", "PR", Weather{Delay: oneWay, Jitter: 5 * time.Millisecond})
				w.SetWeather(Weather{Delay: oneWay, Jitter: 5 * time.Millisecond, Loss: c.loss})
				start := len(host.Routes) + len(guest.Routes)
				host.Stream(60*rate, time.Second/time.Duration(rate), false)
				guest.Stream(60*rate, time.Second/time.Duration(rate), false)
				w.Run(time.Minute)
				changes += len(host.Routes) + len(guest.Routes) - start
			}
			perMinute := float64(changes) / (2 * steadySeeds)
			t.Logf("%.0f %% loss, %d messages a second: %.1f route changes a minute and player", c.loss*100, rate, perMinute)
			if perMinute > c.limit {
				t.Errorf("%.0f %% loss, %d messages a second: %.1f route changes a minute and player", c.loss*100, rate, perMinute)
			}
		}
	}
}

const steadySeeds = 24

// Whoever closes in the middle of trouble is told at least as many messages undelivered as did not arrive, both sides hear
// of the end once, and nothing of the connection stays awake.
func TestCloseInTrouble(t *testing.T) {
	for seed := range uint64(60) {
		w, host, guest := met(t, seed, []string{"PR", "SR", "PUB"}[seed%3], "PR", Weather{Delay: oneWay, Loss: float64(seed%4) / 20})
		host.Stream(400, 7*time.Millisecond, false)
		guest.Stream(400, 7*time.Millisecond, false)
		w.Run(time.Second)
		after := time.Duration(seed*13) * time.Millisecond
		switch seed % 5 {
		case 0, 1:
			w.Cut(host.site.wan, guest.site.wan)
		case 2:
			w.Cut(guest.site.wan, host.site.wan)
			w.Cut(guest.site.wan, w.server.addr)
		case 3:
			w.server.Stop()
			w.Cut(host.site.wan, guest.site.wan)
		}
		w.Run(after)
		if seed%2 == 0 {
			guest.Pause()
		}
		host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerClose(now, host.Peer, 7, "gg") })
		w.Run(11 * time.Second)
		guest.Unpause()
		w.Run(2 * time.Second)
		for _, p := range []*Player{host, guest} {
			if len(p.Refused) != 1 || p.Refused[0].Kind != api.EventPeerClosed {
				t.Fatalf("seed %d %s: told %v", seed, p.Name, p.Refused)
			}
		}
		if missing := host.Sent - guest.Received; missing > int(host.Refused[0].Count) || len(guest.Faults) > 0 {
			t.Errorf("seed %d: %d messages did not arrive, %d reported, %v", seed, missing, host.Refused[0].Count, guest.Faults)
		}
		if missing := guest.Sent - host.Received; missing > int(guest.Refused[0].Count) {
			t.Errorf("seed %d: %d messages to the closer did not arrive, %d reported", seed, missing, guest.Refused[0].Count)
		}
		if rates := w.perSecond(30*time.Second, host, guest); seed%5 < 2 && max(rates[0], rates[1]) > 1 {
			t.Errorf("seed %d: %v datagrams a second long after the end", seed, rates)
		}
	}
}

var badSeeds = flag.Uint64("bad", 4, "worlds that TestBadPathIsNoRoute plays with each loss")

// A direct path that loses most of what it gets is validated by luck now and then. It must then show that it carries data,
// and until it does the relay carries the same: little is late for trying.
//
// Run more: go test ./core/sim -run TestBadPathIsNoRoute -args -bad 40
func TestBadPathIsNoRoute(t *testing.T) {
	for _, loss := range []float64{0.5, 0.7, 0.9} {
		worst, changes := time.Duration(0), 0
		for seed := range *badSeeds {
			w, host, guest := pair(seed, "PR", "PR", Weather{Delay: oneWay}, 100)
			w.Harm(host.site.wan, guest.site.wan, loss)
			w.Harm(guest.site.wan, host.site.wan, loss)
			if !w.Meet(host, guest, 10*time.Second) {
				t.Fatal("no keys")
			}
			late := lateness(host, guest, 20*time.Second, 16*time.Millisecond, 2*oneWay)
			w.Run(24 * time.Second)
			worst = max(worst, *late[0], *late[1])
			changes += len(host.Routes) + len(guest.Routes)
			for _, p := range []*Player{host, guest} {
				if p.Received != 1250 || len(p.Faults) > 0 {
					t.Errorf("%.0f %% seed %d %s: %d messages, %v", loss*100, seed, p.Name, p.Received, p.Faults)
				}
			}
		}
		// Before losses were compared with the relay's, 1.6 s were seen over 40 seeds, where a path was validated by luck and kept.
		if perPlayer := float64(changes) / 2 / float64(*badSeeds); worst > 100*time.Millisecond || perPlayer > 5 {
			t.Errorf("%.0f %% loss on the direct path: %v late, %.1f route changes a player", loss*100, worst, perPlayer)
		}
		t.Logf("%.0f %% loss on the direct path: at most %v late, %.1f route changes a player", loss*100, worst, float64(changes)/2/float64(*badSeeds))
	}
}

// A direct path that comes to lose half of what it gets is left for a relay that does not; where the relay is no better, as
// on a bad radio, or is gone, it is kept.
func TestRouteThatGetsBad(t *testing.T) {
	for seed := range uint64(6) {
		w, host, guest := met(t, seed, "PR", "PR", Weather{Delay: oneWay})
		host.Stream(2000, 16*time.Millisecond, false)
		guest.Stream(2000, 16*time.Millisecond, false)
		w.Run(20 * time.Second) // a proof for losses needs 20 s from the one before
		shared := seed%3 > 0
		loss := 0.5
		switch seed % 3 {
		case 1:
			w.SetWeather(Weather{Delay: oneWay, Loss: 0.3})
			loss = 0
		case 2: // without a relay a connection over a way that loses half, and so three of four checks, may end by chance
			w.server.Stop()
			loss = 0.4
		}
		w.Harm(host.site.wan, guest.site.wan, loss)
		w.Harm(guest.site.wan, host.site.wan, loss)
		relayed := func() bool { return host.Route == api.RouteRelay && guest.Route == api.RouteRelay }
		began := w.Now()
		if left := w.RunUntil(5*time.Second, relayed); left == shared {
			t.Errorf("seed %d: shared %v, routes %v and %v after %v", seed, shared, host.Route, guest.Route, w.Now().Sub(began))
		}
		t.Logf("seed %d, shared %v: relayed %v after %v", seed, shared, relayed(), w.Now().Sub(began))
		w.Run(15 * time.Second)
		for _, p := range []*Player{host, guest} {
			if p.Received != 2000 || len(p.Faults) > 0 || len(p.Refused) > 0 {
				t.Errorf("seed %d %s: %d messages, %v, %v", seed, p.Name, p.Received, p.Faults, p.Refused)
			}
		}
	}
}

// A path without consent carries checks and nothing else, however much the game sends: one way cut, the other way cut, both.
func TestNoDataWithoutConsent(t *testing.T) {
	for way := range 3 {
		w, host, guest := met(t, uint64(way), "PR", "PR", Weather{Delay: oneWay})
		for _, p := range []*Player{host, guest} {
			p.streamFromKeys(5 * time.Millisecond)
			p.onKeys()
		}
		w.Run(2 * time.Second)
		if way != 1 {
			w.Cut(host.site.wan, guest.site.wan)
		}
		if way != 0 {
			w.Cut(guest.site.wan, host.site.wan)
		}
		w.Run(time.Second) // 400 ms and a round trip, and a validation that was under way
		var packets, bytes [2]int
		w.tap = func(p natsim.Packet) {
			for i, pl := range []*Player{host, guest} {
				if p.Src.Addr() == pl.site.wan && p.Dst.Addr() != w.server.addr {
					packets[i]++
					bytes[i] += len(p.Data)
				}
			}
		}
		const seconds = 20
		w.Run(seconds * time.Second)
		for i := range packets {
			if packets[i] > 4*seconds || bytes[i] > 400*seconds { // 100, 200, 400 ms, then 1 s apart, and what they trigger
				t.Errorf("way %d: %d datagrams, %d bytes sent directly in %d s", way, packets[i], bytes[i], seconds)
			}
		}
		t.Logf("way %d: %v datagrams, %v bytes sent directly in %d s", way, packets, bytes, seconds)
	}
}
