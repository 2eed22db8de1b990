package nat

import "time"

// Of two ways that work the faster one carries data, but no route shall follow every breath of the network: one must be
// better by this much for this long (NAT.md, "Migration without loss").
const (
	betterBy    = 5 * time.Millisecond
	betterShare = 10 // one of so many parts of the round trip, if that is more
	betterFor   = 3 * time.Second
)

// compare takes a fresh round trip of a spare pair. While it looks better than the selected one's it is asked every second, and
// then reported.
func (a *Agent) compare(now time.Time, p *pair) {
	s := a.selected
	if s == nil || s == p || s.state != pairValid || p.rank() < s.rank() {
		p.betterSince = time.Time{}
		return
	}
	// The mean keeps jitter out, the latest ends what is over.
	ours, theirs := min(s.rtt, s.smooth), max(p.rtt, p.smooth)
	if theirs > ours-max(betterBy, ours/betterShare) {
		p.betterSince = time.Time{}
		return
	}
	switch {
	case p.betterSince.IsZero():
		p.betterSince = now
	case now.Sub(p.betterSince) >= betterFor:
		p.betterSince = time.Time{}
		a.emit(Event{Kind: EventBetter, Socket: p.socket, Addr: p.addr, Route: p.route, RTT: p.smooth})
		return
	}
	p.next = now.Add(consentUsed)
}

// measure takes a round trip into the pair's mean over about four.
func (p *pair) measure(rtt time.Duration) {
	if p.rtt = rtt; p.smooth == 0 {
		p.smooth = rtt
	}
	p.smooth += (rtt - p.smooth) / 4
}
