package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// bulk sends total bytes in ordered messages of 16 KiB as fast as the budget allows and returns how long it took.
func (p *pair) bulk(total int) time.Duration {
	start, message := p.now, make([]byte, 16<<10)
	for sent := 0; sent < total || !p.alice().Idle(); {
		for sent < total && p.alice().Send(p.now, api.ReliableOrdered, 9, 0, message) == nil {
			sent += len(message)
		}
		p.advance(5 * time.Millisecond)
		if p.now.Sub(start) > time.Minute {
			p.t.Fatalf("%d bytes undelivered after a minute: %+v", p.alice().Queued(), p.alice().PathStats(0))
		}
	}
	return p.now.Sub(start)
}

func TestBulkFillsTheLink(t *testing.T) {
	for _, c := range []struct {
		name string
		link link
		want time.Duration // 4 MiB
	}{
		{"10 Mbit/s, 40 ms", link{delay: 20 * time.Millisecond, rate: 1_250_000, buffer: 50 * time.Millisecond}, 4500 * time.Millisecond},
		{"100 Mbit/s, 40 ms", link{delay: 20 * time.Millisecond, rate: 12_500_000, buffer: 50 * time.Millisecond}, 1200 * time.Millisecond},
		{"no limit, 40 ms", link{delay: 20 * time.Millisecond}, 700 * time.Millisecond},
		{"1 Mbit/s, 5 % loss", link{delay: 20 * time.Millisecond, rate: 125_000, buffer: 100 * time.Millisecond, loss: 0.05}, 55 * time.Second},
	} {
		p := newPair(t, 1, Config{})
		p.links[0] = c.link
		took := p.bulk(4 << 20)
		stats := p.alice().PathStats(0)
		t.Logf("%s: %v, %d packets, %d lost, window %d, RTT %v", c.name, took, stats.Sent, stats.Lost, stats.Window, stats.SRTT)
		if took > c.want {
			t.Errorf("%s: 4 MiB took %v", c.name, took)
		}
	}
}

// Unreliable state keeps flowing beside a bulk transfer, and beside one that has run out of credit.
func TestStateFlowsBesideBulk(t *testing.T) {
	for _, stalled := range []bool{false, true} {
		p := newPair(t, 1, Config{})
		p.links[0].rate, p.links[0].buffer = 1_250_000, 50*time.Millisecond
		p.bob().hoard = stalled
		for n := range uint64(200) {
			for p.alice().Send(p.now, api.ReliableOrdered, 9, 0, make([]byte, 16<<10)) == nil {
				if p.alice().Queued() > 3<<20 {
					break
				}
			}
			p.send(p.alice(), api.Unreliable, 0, body(n, 100))
			p.advance(16 * time.Millisecond)
		}
		p.advance(time.Second)
		if got := len(p.bob().messages(api.Unreliable, 0)); got < 150 {
			t.Errorf("stalled %v: %d of 200 states arrived", stalled, got)
		}
	}
}

// Random commands on three paths that fail and heal: whatever the owner does, reliable messages arrive exactly once
// and in order, and in the end nothing is left over.
func TestChaos(t *testing.T) {
	for seed := range int64(25 * *seeds) {
		p := newPair(t, seed, Config{IdleTimeout: time.Minute})
		p.links[0].loss, p.links[2] = 0.05, link{delay: 8 * time.Millisecond, loss: 0.1, jitter: 10 * time.Millisecond, duplicate: 0.02}
		p.links[3] = link{delay: 60 * time.Millisecond, jitter: 30 * time.Millisecond}
		paths := []int{0, 2, 3}
		count := uint64(0)
		for range 150 {
			e := p.ends[p.rng.Intn(2)]
			id := paths[p.rng.Intn(3)]
			p.chaos(e, id)
			for range p.rng.Intn(4) {
				for _, e := range p.ends {
					p.send(e, api.ReliableOrdered, 0, body(count, mixedSize(count)))
					p.send(e, api.Unreliable, 0, body(count, mixedSize(count)+8))
				}
				count++
			}
			p.advance(time.Duration(p.rng.Intn(30)) * time.Millisecond)
		}
		for i := range p.links {
			p.links[i].cut = false
		}
		for _, e := range p.ends {
			e.OpenPath(p.now, 0, 1171, 0)
			e.SetRoute(p.now, 0)
		}
		p.wantTrickle(count, mixedSize)
		p.links = [dataPaths]link{}
		p.advance(11 * time.Second)
		for _, e := range p.ends {
			e.HandleTimeout(p.now)
			e.wantClean(t)
		}
	}
}

func (p *pair) chaos(e *end, id int) {
	path := wire.PathID(id)
	switch p.rng.Intn(9) {
	case 0, 1:
		e.OpenPath(p.now, path, 300+p.rng.Intn(876), 0)
	case 2, 3:
		e.SetRoute(p.now, path)
	case 4:
		e.ClosePath(p.now, path)
	case 5:
		e.Requeue(p.now, path)
	case 6:
		e.SetDuplicate(p.now, path, p.rng.Intn(2) == 0)
	case 7:
		p.links[id].cut = !p.links[id].cut
	case 8:
		e.SetReturn(path, wire.PathID(p.rng.Intn(4)))
		e.Ping(p.now, path)
	}
}

// wantClean fails if anything is still accounted for after everything was delivered.
func (e *end) wantClean(t *testing.T) {
	t.Helper()
	q, in := &e.queue, &e.inbox
	if q.bytes != 0 || q.messages != 0 || q.outstanding != 0 || q.unordered != 0 || e.hasData() || q.awaiting.head != nil {
		t.Errorf("%s: send queue %+v", e.name, *q)
	}
	if in.ahead != 0 || in.assembling != 0 || in.unreliableReady != 0 {
		t.Errorf("%s: inbox ahead %d, assembling %d, ready %d", e.name, in.ahead, in.assembling, in.unreliableReady)
	}
	for id := range e.paths {
		p := e.paths[id]
		if p == nil {
			continue
		}
		if p.flying > 1 || p.cong.inFlight > 25 || p.sent.len() > 1 { // one keepalive
			t.Errorf("%s path %d: %d flying, %d bytes, %d remembered", e.name, id, p.flying, p.cong.inFlight, p.sent.len())
		}
	}
	if k := &e.credit; k.received != k.delivered || k.delivered != k.consumed {
		t.Errorf("%s: credit %+v", e.name, *k)
	}
}
