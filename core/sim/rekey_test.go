package sim

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/wire"
)

// renewing has keys renewed all the time, by packets and by ratchets.
func renewing(c *endpoint.Config) { c.RatchetEvery, c.RekeyPackets = 1500*time.Millisecond, 100 }

var renewals = regexp.MustCompile(`renewed (\d+) times, (\d+) of them`)

// renewed is how often a player's keys were, and how often by a ratchet, as its dump says.
func (p *Player) renewed() (times, ratchets int) {
	p.Do(func(now time.Time, e *endpoint.Endpoint) {
		if m := renewals.FindStringSubmatch(string(e.AppendReport(nil, now))); m != nil {
			times, _ = strconv.Atoi(m[1])
			ratchets, _ = strconv.Atoi(m[2])
		}
	})
	return times, ratchets
}

// While keys are renewed again and again the route changes from the relay to direct and back, addresses change, routers
// forget, the server restarts and a device sleeps, over a network that loses, doubles and reorders: no reliable message is lost,
// doubled or out of order, every packet that comes opens or is of keys that are gone, and no packet number comes twice.
func TestKeysAreRenewedWhileRoutesChange(t *testing.T) {
	for seed := range uint64(6) {
		n := &numbers{seen: map[string][]byte{}, keys: map[uint32]bool{}}
		phases := map[uint8]bool{}
		w := NewWorld(seed+40, Weather{Delay: oneWay, Jitter: 10 * time.Millisecond, Loss: 0.04 * float64(seed%3), Duplicate: 0.05})
		w.AddServer(wanS, nil)
		host, guest := w.AddSite("PR", wanA).AddPlayer("host", 100, renewing), w.AddSite("AR", wanB).AddPlayer("guest", 100, renewing)
		w.tap = func(p natsim.Packet) {
			n.look(p)
			if _, inner, ok := wire.ParseRelayed(p.Data); ok {
				p.Data = inner
			}
			if h, _, ok := wire.ParseSession(p.Data); ok {
				phases[h.KeyPhase] = true
			}
		}
		if !w.Meet(host, guest, 20*time.Second) {
			t.Fatalf("seed %d: no keys", seed)
		}
		const messages = 2500
		host.Stream(messages, 20*time.Millisecond, true)
		guest.Stream(messages, 20*time.Millisecond, true)
		a, b := host.site.wan, guest.site.wan
		for i, step := range []func(){
			func() { w.Cut(a, b); w.Cut(b, a) },
			func() { w.Heal(a, b); w.Heal(b, a) },
			func() { host.Move(); a = host.site.wan },
			func() { w.Cut(b, a) },
			func() { w.Heal(b, a) },
			func() { guest.Site().Box.Reboot() },
			func() { w.server.Kill() },
			func() { w.server.Restart() },
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, 3*time.Second) }) },
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) }) },
			func() { guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.NetworkChanged(now) }) },
		} {
			w.Run(3*time.Second + time.Duration((seed*7+uint64(i)*13)%10)*97*time.Millisecond)
			step()
		}
		w.Run(30 * time.Second)
		for _, p := range []*Player{host, guest} {
			var stats api.PeerStats
			p.Do(func(_ time.Time, e *endpoint.Endpoint) { stats, _ = e.PeerStats(p.Peer) })
			if p.Received != messages || len(p.Faults) > 0 || len(p.Refused) > 0 || stats.AuthFailures > 0 {
				t.Errorf("seed %d %s: %d of %d messages, faults %v, told %v, %d packets did not open", seed, p.Name, p.Received, messages, p.Faults, p.Refused, stats.AuthFailures)
			}
			if times, ratchets := p.renewed(); times < 60 || ratchets < 15 || times == ratchets {
				t.Errorf("seed %d %s: keys renewed %d times, %d times by a ratchet", seed, p.Name, times, ratchets)
			}
		}
		if len(n.twice) > 0 || len(phases) != 4 || n.direct < 1000 {
			t.Errorf("seed %d: %d numbers were used twice, first %v; phases %v; %d direct", seed, len(n.twice), n.twice, phases, n.direct)
		}
	}
}

// Who requires post-quantum keys refuses whoever has none, as caller and as callee, before a message or a probe leaves, and both
// are told why; who has them is welcome.
func TestPostQuantumKeysRequired(t *testing.T) {
	for _, c := range []struct {
		host, guest api.PQ
		ok          bool
	}{
		{api.PQRequired, api.PQOff, false}, {api.PQOff, api.PQRequired, false},
		{api.PQRequired, api.PQOn, true}, {api.PQRequired, api.PQRequired, true}, {api.PQOn, api.PQOff, true},
	} {
		w := NewWorld(50, Weather{Delay: oneWay})
		w.AddServer(wanS, nil)
		player := func(wan, name string, pq api.PQ) *Player {
			return w.AddSite("PR", wan).AddPlayer(name, 64, func(e *endpoint.Config) { e.PQ = pq })
		}
		host, guest := player(wanA, "host", c.host), player(wanB, "guest", c.guest)
		w.Meet(host, guest, 10*time.Second)
		host.Stream(20, 20*time.Millisecond, false)
		guest.Stream(20, 20*time.Millisecond, false)
		w.Run(8 * time.Second)
		if c.ok {
			times, ratchets := host.renewed()
			if host.Connected.IsZero() || len(host.Refused)+len(guest.Refused) > 0 || times != 1 || ratchets != 1 || host.Received != 20 || guest.Received != 20 {
				t.Errorf("%+v: connected %v, told %v and %v, %d ratchets", c, host.Connected, host.Refused, guest.Refused, ratchets)
			}
			continue
		}
		strict, lax := host, guest
		if c.guest == api.PQRequired {
			strict, lax = guest, host
		}
		if !strict.Connected.IsZero() || len(strict.Refused) == 0 || strict.Refused[0].Code != api.ErrPQ || !strings.Contains(strict.Refused[0].Text, "post-quantum keys are required") {
			t.Errorf("%+v: who requires them was told %v", c, strict.Refused)
		}
		if len(lax.Refused) == 0 || lax.Refused[0].Code != api.ErrRejected || w.Carried(netip.MustParseAddr(wanA), netip.MustParseAddr(wanB)) != 0 {
			t.Errorf("%+v: the other was told %v; %d packets went direct", c, lax.Refused, w.Carried(netip.MustParseAddr(wanA), netip.MustParseAddr(wanB)))
		}
	}
}
