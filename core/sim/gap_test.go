package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// outage is a direct path that is cut while both players send.
type outage struct {
	rtt      time.Duration // of the direct path; the relay's is twice as long
	interval time.Duration // between messages
	phase    time.Duration // from a message to the cut
	warm     time.Duration // how long messages flowed before
	both     bool          // both directions are cut
}

// delay plays an outage and gives how late the latest message was, compared with one that travels undisturbed.
func (o outage) delay(t *testing.T, seed uint64) time.Duration {
	t.Helper()
	w, host, guest := pair(seed, "PR", "PR", Weather{Delay: o.rtt / 2}, 100)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatalf("%+v: no keys", o)
	}
	w.Run(3 * time.Second)
	if !host.Route.Direct() || !guest.Route.Direct() {
		t.Fatalf("%+v: routes %v and %v", o, host.Route, guest.Route)
	}
	total := int((o.warm + 3*time.Second) / o.interval)
	began, worst := w.Now(), time.Duration(0)
	for _, p := range []*Player{host, guest} {
		p.OnEvent = func(now time.Time, ev *api.Event) {
			if ev.Kind == api.EventMessage {
				sent := began.Add(time.Duration(p.Received) * o.interval)
				worst = max(worst, now.Sub(sent)-o.rtt/2)
			}
			p.note(now, ev)
		}
		p.Stream(total, o.interval, false)
	}
	w.Run(o.warm + o.phase)
	w.Cut(host.site.wan, guest.site.wan)
	if o.both {
		w.Cut(guest.site.wan, host.site.wan)
	}
	w.Run(8 * time.Second)
	for _, p := range []*Player{host, guest} {
		if p.Received != total || len(p.Faults) > 0 || len(p.Refused) > 0 {
			t.Errorf("%+v %s: %d of %d, faults %v, %v", o, p.Name, p.Received, total, p.Faults, p.Refused)
		}
	}
	if host.Route != api.RouteRelay || guest.Route != api.RouteRelay {
		t.Errorf("%+v: routes %v and %v eight seconds after the cut", o, host.Route, guest.Route)
	}
	return worst
}

// Messages come at most 400 ms and a round trip late when the direct path is cut in one direction or both, however many
// or few are sent and however new the path is. The detour through the relay, here as long again as the direct way, comes
// on top.
func TestFailoverGap(t *testing.T) {
	trips := []int{20, 40, 80, 150, 220, 300}
	if testing.Short() {
		trips = []int{40, 300}
	}
	for _, ms := range trips {
		for _, rate := range []int{1, 10, 60, 200} {
			o := outage{rtt: time.Duration(ms) * time.Millisecond, interval: time.Second / time.Duration(rate)}
			var worst [2]time.Duration
			for k := range 6 {
				o.both = k%2 == 0
				o.warm = []time.Duration{time.Second, 3 * time.Second, 1100 * time.Millisecond}[k/2]
				o.phase = o.interval * time.Duration(k/2) / 3
				worst[k%2] = max(worst[k%2], o.delay(t, uint64(k)))
			}
			t.Logf("RTT %3d ms, %3d/s: both directions cut %4d ms, one %4d ms", ms, rate, worst[0].Milliseconds(), worst[1].Milliseconds())
			if limit := 400*time.Millisecond + o.rtt + o.rtt/2; max(worst[0], worst[1]) > limit {
				t.Errorf("RTT %v, %d messages a second: %v late, want at most %v", o.rtt, rate, max(worst[0], worst[1]), limit)
			}
		}
	}
}
