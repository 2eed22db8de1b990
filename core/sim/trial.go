package sim

import (
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Trial is one meeting of the matrix: two players behind two boxes who have profiled their networks meet by a join code,
// talk, and look for a direct path.
type Trial struct {
	A, B    string // natsim presets; the players of even seeds host behind A, of odd ones behind B
	Seed    uint64
	Weather Weather
	Client  func(*endpoint.Config) // for both; may be nil
}

// Outcome is how a trial went. Times are negative where the thing did not happen.
type Outcome struct {
	Connected bool          // both got keys; without that nothing else is meaningful
	Direct    bool          // the route stayed direct for holdDirect with data both ways
	Probe     time.Duration // both have keys until the later side's first authenticated answer on a direct path
	Route     time.Duration // the same until its first direct route
	FirstByte time.Duration // a sender's keys until its first message is there, the slower direction
	Connect   time.Duration // the newcomer is in the room, where he connects by himself, until both first messages are there
	GaveUp    time.Duration // both have keys until the later side ended its search
	Why       string        // Connected, not Direct: what was told; not Connected: what went wrong

	Lost, Doubled, Reordered, Corrupt int // messages, both directions
	Sockets                           int // most that a client opened
	Sent                              int // datagrams of the busier client from keys to the end
}

// What a trial consists of. The search for a direct path may take 10 s (docs/NAT.md, "give up"); a route must then show
// that it holds.
const (
	trialMeet     = 20 * time.Second // to connect, to profile and to get keys; a lost datagram at each step costs 1 s and more
	trialSearch   = 12 * time.Second
	trialInterval = 25 * time.Millisecond // between two messages of one kind
	trialSize     = 100                   // bytes of a message
	trialDrain    = 20 * time.Second      // for what was sent to arrive
	holdDirect    = 2 * time.Second
	holdRelay     = time.Second // after giving up: the relay is used, and goes on
)

// Play holds the meeting. The same trial gives the same outcome.
func (t Trial) Play() (out Outcome) {
	out = Outcome{Probe: -1, Route: -1, FirstByte: -1, Connect: -1, GaveUp: -1}
	configure := func(c *endpoint.Config) {
		c.Streams = true
		if t.Client != nil {
			t.Client(c)
		}
	}
	first, second := t.A, t.B
	if t.Seed%2 == 1 {
		first, second = second, first
	}
	w := NewWorld(t.Seed, t.Weather)
	w.AddServer("192.0.2.1", nil, "192.0.2.2")
	host := w.AddSite(first, "198.51.100.1").AddPlayer("host", trialSize, configure)
	guest := w.AddSite(second, "203.0.113.1").AddPlayer("guest", trialSize, configure)
	players := [2]*Player{host, guest}
	for _, p := range players {
		p.streamFromKeys(trialInterval)
	}
	if !w.Meet(host, guest, trialMeet) {
		out.Why = "no connection within 20 s"
		for _, p := range players {
			if len(p.Refused) > 0 {
				out.Why = p.Name + ": " + p.Refused[0].Text
			}
		}
		return out
	}
	out.Connected = true
	start := later(host.Connected, guest.Connected)
	out.Direct = w.search(start, players)
	for _, p := range players {
		p.stopped = true
	}
	w.RunUntil(trialDrain, func() bool { return host.Received == guest.Sent && guest.Received == host.Sent })
	out.read(start, players)
	if !host.First.IsZero() && !guest.First.IsZero() {
		out.Connect = later(host.First, guest.First).Sub(guest.Joined)
	}
	return out
}

// search runs until both routes held for as long as they must, direct or relayed, and reports whether they are direct.
func (w *World) search(start time.Time, players [2]*Player) bool {
	var since time.Time // both routes are direct
	var got [2]int
	end := w.now.Add(trialSearch)
	for w.now.Before(end) || !since.IsZero() {
		w.Run(10 * time.Millisecond)
		direct, over := true, true
		for _, p := range players {
			direct = direct && p.Route.Direct()
			over = over && !p.GaveUpAt.IsZero() && !p.Route.Direct() && w.now.Sub(p.GaveUpAt) > holdRelay
		}
		switch {
		case over:
			return false
		case !direct:
			since = time.Time{}
		case since.IsZero():
			since, got = w.now, [2]int{players[0].Received, players[1].Received}
		case w.now.Sub(since) >= holdDirect:
			half := int(holdDirect / trialInterval / 2) // loss delays messages, a dead direction stops them
			return players[0].Received-got[0] >= half && players[1].Received-got[1] >= half && w.carried(players, half)
		}
		if len(players[0].Refused)+len(players[1].Refused) > 0 {
			return false
		}
	}
	return false
}

// carried reports whether the core saw at least n datagrams between the two sites, each way: what the boxes' own counters
// would say.
func (w *World) carried(players [2]*Player, n int) bool {
	a, b := players[0].site.Public(), players[1].site.Public()
	return w.Carried(a, b) >= n && w.Carried(b, a) >= n
}

func (out *Outcome) read(start time.Time, players [2]*Player) {
	since := func(at time.Time, best time.Duration) time.Duration {
		if at.IsZero() {
			return -1
		}
		return max(best, at.Sub(start), 0)
	}
	out.Probe, out.Route, out.FirstByte, out.GaveUp = 0, 0, 0, 0
	for i, p := range players {
		other := players[1-i]
		route := time.Time{}
		for _, r := range p.Routes {
			if r.Route.Direct() && route.IsZero() {
				route = r.At
			}
		}
		if out.Probe >= 0 {
			out.Probe = since(p.Pong, out.Probe)
		}
		if out.Route >= 0 {
			out.Route = since(route, out.Route)
		}
		if out.GaveUp >= 0 {
			out.GaveUp = since(p.GaveUpAt, out.GaveUp)
		}
		if out.FirstByte >= 0 && !p.First.IsZero() {
			out.FirstByte = max(out.FirstByte, p.First.Sub(other.Connected))
		} else {
			out.FirstByte = -1
		}
		if p.GaveUp != "" {
			out.Why = p.GaveUp
		}
		if len(p.Refused) > 0 {
			out.Why = p.Refused[0].Text
		}
		out.Lost += max(other.Sent-p.Received, 0)
		out.Doubled += p.Doubled
		out.Reordered += p.Reordered
		out.Corrupt += p.Corrupt
		out.Sockets = max(out.Sockets, p.Opened)
		if st, ok := p.Endpoint.PeerStats(p.Peer); ok {
			out.Sent = max(out.Sent, int(st.PacketsSent))
		}
	}
}

// streamFromKeys sends a reliable and an unreliable message each interval, the first ones in the moment in which the keys
// come, until stopped is set.
func (p *Player) streamFromKeys(interval time.Duration) {
	var step func(time.Time)
	step = func(time.Time) {
		if p.stopped {
			return
		}
		_ = p.SendReliable() // refused: the next interval repeats it
		_ = p.SendUnreliable()
		p.w.After(interval, step)
	}
	p.onKeys = func() { p.w.After(0, step) }
}
