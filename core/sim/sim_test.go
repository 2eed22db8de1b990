package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
)

const (
	wanA, wanB, wanS = "198.51.100.1", "203.0.113.1", "192.0.2.1"
	oneWay           = 20 * time.Millisecond
)

func pair(seed uint64, a, b string, weather Weather, size int) (*World, *Player, *Player) {
	w := NewWorld(seed, weather)
	w.AddServer(wanS, nil)
	host := w.AddSite(a, wanA).AddPlayer("host", size, nil)
	guest := w.AddSite(b, wanB).AddPlayer("guest", size, nil)
	return w, host, guest
}

// Every pair that plain punching can join goes direct within three round trips of the introduction, those whose ports must
// be found within three seconds at the default rate; the others stay on the relay, say why, and lose nothing.
func TestPairs(t *testing.T) {
	names := []string{"PUB", "FC", "AR", "PR", "PRx", "SR"}
	trials := 4 // the matrix holds more: ./build.sh sim
	if testing.Short() {
		trials = 2
	}
	for i, a := range names {
		for _, b := range names[i:] {
			relayed := b == "SR" && a == "SR"
			limit := 6*oneWay + 30*time.Millisecond
			if b == "SR" && (a == "PR" || a == "PRx") {
				limit = 3 * time.Second
			}
			t.Run(a+"×"+b, func(t *testing.T) {
				for seed := range uint64(trials) {
					first, second := a, b
					if seed%2 == 1 { // either side may be the one that asks
						first, second = b, a
					}
					pairTrial(t, seed, first, second, relayed, limit)
				}
			})
		}
	}
}

func pairTrial(t *testing.T, seed uint64, a, b string, relayed bool, limit time.Duration) {
	t.Helper()
	w, host, guest := pair(seed, a, b, Weather{Delay: oneWay}, 64)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatalf("seed %d %s×%s: no keys after 10 s (host %v, guest %v)", seed, a, b, host.Refused, guest.Refused)
	}
	s := later(host.Connected, guest.Connected)
	host.Stream(100, 50*time.Millisecond, false)
	guest.Stream(100, 50*time.Millisecond, false)
	w.Run(7 * time.Second)
	for _, p := range []*Player{host, guest} {
		if p.Received != 100 || len(p.Faults) > 0 || len(p.Refused) > 0 {
			t.Errorf("seed %d %s×%s %s: %d of 100 messages, faults %v, %v", seed, a, b, p.Name, p.Received, p.Faults, p.Refused)
		}
		if relayed {
			if p.Route != api.RouteRelay || p.GaveUp == "" {
				t.Errorf("seed %d %s×%s %s: route %v, reason %q; want relay with a reason", seed, a, b, p.Name, p.Route, p.GaveUp)
			}
			continue
		}
		if !p.Route.Direct() {
			t.Errorf("seed %d %s×%s %s: route %v, gave up %q; want direct", seed, a, b, p.Name, p.Route, p.GaveUp)
		} else if took := p.Pong.Sub(s); took > limit {
			t.Errorf("seed %d %s×%s %s: first answer %v after the introduction, want ≤ %v", seed, a, b, p.Name, took, limit)
		}
	}
}

// Run more: go test ./core/sim -run TestReliableOverSeeds -args -reliable 1000
var reliableSeeds = flag.Uint64("reliable", 200, "worlds that TestReliableOverSeeds plays")

// The promise of reliable messages, over many worlds: loss up to 20 %, reordering, duplication, a cut and healed path.
func TestReliableOverSeeds(t *testing.T) {
	seeds := *reliableSeeds
	if testing.Short() {
		seeds = min(seeds, 60)
	}
	boxes := []string{"PUB", "FC", "AR", "PR", "PRx", "SR"}
	for seed := range seeds {
		loss := float64(seed%21) / 100
		weather := Weather{Delay: 5*time.Millisecond + time.Duration(seed%7)*10*time.Millisecond, Jitter: time.Duration(seed%4) * 5 * time.Millisecond,
			Loss: loss, Duplicate: float64(seed%3) / 20, Reorder: float64(seed%5) / 20}
		size := []int{16, 100, 1200, 5000}[seed%4]
		w, host, guest := pair(seed, boxes[seed%6], boxes[seed/6%6], weather, size)
		if !w.Meet(host, guest, 60*time.Second) {
			t.Fatalf("seed %d: no keys after 60 s at %.0f %% loss: %v %v", seed, loss*100, host.Refused, guest.Refused)
		}
		const total = 60
		host.Stream(total, 30*time.Millisecond, true)
		guest.Stream(total, 30*time.Millisecond, true)
		w.Run(600 * time.Millisecond)
		w.Cut(host.site.wan, guest.site.wan)
		if seed%2 == 0 {
			w.Cut(guest.site.wan, host.site.wan)
		}
		w.Run(900 * time.Millisecond)
		w.Heal(host.site.wan, guest.site.wan)
		w.Heal(guest.site.wan, host.site.wan)
		done := w.RunUntil(60*time.Second, func() bool { return host.Received == total && guest.Received == total })
		for _, p := range []*Player{host, guest} {
			if !done || len(p.Faults) > 0 || len(p.Refused) > 0 {
				t.Fatalf("seed %d, %.0f %% loss, %d B, %s: received %d of %d, faults %v, %v", seed, loss*100, size, p.Name, p.Received, total, p.Faults, p.Refused)
			}
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) string {
		w, host, guest := pair(seed, "PR", "SR", Weather{Delay: oneWay, Jitter: 9 * time.Millisecond, Loss: 0.1, Duplicate: 0.05, Reorder: 0.1}, 300)
		w.Meet(host, guest, 20*time.Second)
		host.Stream(50, 20*time.Millisecond, true)
		guest.Stream(50, 20*time.Millisecond, true)
		w.Run(5 * time.Second)
		return fmt.Sprintf("%x %d %d", w.Trace(), host.Received, guest.UnreliableReceived)
	}
	for seed := range uint64(5) {
		if a, b := run(seed), run(seed); a != b {
			t.Errorf("seed %d gave two traces:\n%s\n%s", seed, a, b)
		}
	}
	if run(1) == run(2) {
		t.Error("different seeds gave the same trace: the trace is not sensitive")
	}
}

// The demo's story: direct, cut, relay within 400 ms and a round trip, healed, direct again, nothing lost.
func TestCutAndHeal(t *testing.T) {
	for seed := range uint64(20) {
		w, host, guest := pair(seed, "PR", "PR", Weather{Delay: oneWay}, 100)
		if !w.Meet(host, guest, 10*time.Second) {
			t.Fatalf("seed %d: no keys", seed)
		}
		host.Stream(2000, 5*time.Millisecond, true)
		guest.Stream(2000, 5*time.Millisecond, true)
		w.Run(2 * time.Second)
		if !host.Route.Direct() || !guest.Route.Direct() {
			t.Fatalf("seed %d: routes %v and %v after 2 s", seed, host.Route, guest.Route)
		}
		w.Cut(host.site.wan, guest.site.wan)
		if seed%2 == 0 {
			w.Cut(guest.site.wan, host.site.wan)
		}
		w.Run(3 * time.Second)
		if host.Route != api.RouteRelay {
			t.Errorf("seed %d: host's route %v three seconds after the cut", seed, host.Route)
		}
		w.Heal(host.site.wan, guest.site.wan)
		w.Heal(guest.site.wan, host.site.wan)
		w.Run(6 * time.Second)
		for _, p := range []*Player{host, guest} {
			if p.Received != 2000 || len(p.Faults) > 0 || len(p.Refused) > 0 || !p.Route.Direct() {
				t.Errorf("seed %d %s: received %d, route %v %v, faults %v, %v", seed, p.Name, p.Received, p.Route, p.Routes, p.Faults, p.Refused)
			}
			if limit := 400*time.Millisecond + 4*oneWay; p.MaxGap > limit {
				t.Errorf("seed %d %s: gap of %v, want ≤ %v", seed, p.Name, p.MaxGap, limit)
			}
			if p.UnreliableReceived < p.UnreliableSent*8/10 {
				t.Errorf("seed %d %s: %d of %d unreliable messages", seed, p.Name, p.UnreliableReceived, p.UnreliableSent)
			}
		}
	}
}

// Nothing that crosses the core shows a message's plaintext, and junk at a client changes nothing.
func TestSealed(t *testing.T) {
	w, host, guest := pair(7, "PR", "PR", Weather{Delay: oneWay}, 100)
	w.Meet(host, guest, 10*time.Second)
	host.Stream(50, 10*time.Millisecond, false)
	plain := string(host.body(3))
	found := false
	w.tap = func(p natsim.Packet) { found = found || contains(p.Data, plain[:40]) }
	w.Run(3 * time.Second)
	if guest.Received != 50 || found {
		t.Errorf("received %d of 50, plaintext seen: %v", guest.Received, found)
	}
}

func contains(b []byte, s string) bool {
	for i := 0; i+len(s) <= len(b); i++ {
		if string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

// A flipped bit anywhere in a datagram on the direct path is dropped and counted; a replayed datagram changes nothing.
func TestTamperAndReplay(t *testing.T) {
	w, host, guest := pair(8, "PUB", "PUB", Weather{Delay: oneWay}, 100)
	w.Meet(host, guest, 10*time.Second)
	w.Run(2 * time.Second)
	if !guest.Route.Direct() {
		t.Fatalf("route %v", guest.Route)
	}
	var caught natsim.Packet
	w.tap = func(p natsim.Packet) {
		if p.Src.Addr() == host.site.wan && p.Dst.Addr() == guest.site.wan && len(p.Data) > 120 {
			caught = p
			caught.Data = append([]byte(nil), p.Data...)
		}
	}
	if err := host.SendReliable(); err != nil {
		t.Fatal(err)
	}
	w.Run(time.Second)
	w.tap = nil
	before := guest.Received
	stats := func() api.PeerStats { s, _ := guest.Endpoint.PeerStats(guest.Peer); return s }
	start := stats()
	bits := 0
	for bit := 40; bit < len(caught.Data)*8; bit++ { // after flags and connection id, which choose the machine
		flipped := caught
		flipped.Data = append([]byte(nil), caught.Data...)
		flipped.Data[bit/8] ^= 1 << (bit % 8)
		guest.receive(w.now, flipped)
		bits++
	}
	if got := stats().AuthFailures - start.AuthFailures; got != uint64(bits) {
		t.Errorf("%d flipped bits, %d counted as authentication failures", bits, got)
	}
	guest.receive(w.now, caught)
	w.Run(time.Second)
	if got := stats().Replays - start.Replays; got != 1 || guest.Received != before || len(guest.Faults) > 0 {
		t.Errorf("replay: counted %d, received %d (before %d), faults %v", got, guest.Received, before, guest.Faults)
	}
}

// A wrong code, a silent server: a sentence, no crash.
func TestRefusals(t *testing.T) {
	w, host, guest := pair(9, "PR", "PR", Weather{Delay: oneWay}, 100)
	_ = host
	guest.Do(connectAndJoin("EZZZZZZZ"))
	w.Run(3 * time.Second)
	if len(guest.Refused) != 1 || guest.Refused[0].Code != api.ErrBadCode || guest.Refused[0].Text == "" {
		t.Errorf("wrong code gave %v", guest.Refused)
	}
	w, _, guest = pair(10, "BLOCKED", "BLOCKED", Weather{Delay: oneWay}, 100)
	guest.Do(connectAndJoin("EZZZZZZZ"))
	w.Run(30 * time.Second)
	if len(guest.Refused) == 0 || guest.Refused[len(guest.Refused)-1].Code != api.ErrServerUnreachable {
		t.Errorf("silent server gave %v", guest.Refused)
	}
}

func connectAndJoin(code string) func(time.Time, *endpoint.Endpoint) {
	return func(now time.Time, e *endpoint.Endpoint) {
		_ = e.Connect(now)
		_ = e.RoomJoin(now, code)
	}
}
