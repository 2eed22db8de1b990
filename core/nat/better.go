package nat

import "time"

// Of two ways that work the faster one carries data, but no route shall follow every breath of the network: one must be
// better by this much for this long (NAT.md, "Migration without loss").
const (
	betterBy    = 5 * time.Millisecond
	betterShare = 10 // one of so many parts of the round trip, if that is more
	betterFor   = 3 * time.Second
)

// compare takes a fresh round trip of a valid pair. While a spare one looks better than the selected it is asked every second, and
// then reported; one that may look better now, since the selected one became slower, is asked soon.
func (a *Agent) compare(now time.Time, p *pair) {
	s := a.selected
	if s == p {
		for _, q := range a.pairs {
			if q != p && q.state == pairValid && q.awaiting.IsZero() && q.betterSince.IsZero() && q.next.After(now.Add(consentUsed)) && q.better(p) {
				q.next = now.Add(consentUsed)
			}
		}
		return
	}
	if s == nil || s.state != pairValid || !p.better(s) {
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

// better reports whether p looks faster than the pair in use. The mean keeps jitter out, the latest ends what is over.
func (p *pair) better(s *pair) bool {
	ours, theirs := min(s.rtt, s.smooth), max(p.rtt, p.smooth)
	return p.rank() >= s.rank() && theirs <= ours-max(betterBy, ours/betterShare)
}

// measure takes a round trip into the pair's mean over about four.
func (p *pair) measure(rtt time.Duration) {
	if p.rtt = rtt; p.smooth == 0 {
		p.smooth = rtt
	}
	p.smooth += (rtt - p.smooth) / 4
}
