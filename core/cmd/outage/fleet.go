//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/secure"
)

// fleet is all players, in rooms of equal size: every second room is one whose players reach each other only by a relay.
type fleet struct {
	addr     secure.ServerAddress
	roomSize int
	players  []*player
	rooms    []*playRoom
	probes   uint32
}

type playRoom struct {
	players []*player
	code    string
}

// assemble starts the players and brings them into their rooms; it is complete when everybody talks to everybody.
func (f *fleet) assemble(ctx context.Context, players int, interval time.Duration) error {
	for len(f.players) < players {
		r := &playRoom{}
		for i := range f.roomSize {
			bind := netip.MustParseAddr(directAddr)
			if len(f.rooms)%2 == 1 {
				bind = relayedAddr(i)
			}
			p, err := newPlayer(uint32(len(f.players)), f.addr, bind, interval)
			if err != nil {
				return fmt.Errorf("player %d: %w", len(f.players), err)
			}
			f.players, r.players = append(f.players, p), append(r.players, p)
		}
		f.rooms = append(f.rooms, r)
	}
	if err := f.await(ctx, 30*time.Second, "everybody's network is known", func(p *player) bool { return p.profiled }); err != nil {
		return err
	}
	for _, r := range f.rooms {
		r.players[0].create(f.roomSize + 4) // and room for who looks in
	}
	for _, r := range f.rooms {
		if err := await(ctx, 20*time.Second, "a room is made", func() bool { r.code = r.players[0].room(); return r.code != "" }); err != nil {
			return fmt.Errorf("%w: %v", err, r.players[0].refusals())
		}
		for _, p := range r.players[1:] {
			p.join(r.code)
		}
	}
	return f.await(ctx, 40*time.Second, "everybody talks to everybody", func(p *player) bool {
		talking := 0
		for _, fl := range p.flows {
			if fl.next > 0 && fl.route.Direct() != p.relayed {
				talking++
			}
		}
		return talking == f.roomSize-1
	})
}

func (p *player) room() (code string) {
	p.look(func() { code = p.code })
	return code
}

func (p *player) refusals() (list []string) {
	p.look(func() { list = append(list, p.refused...) })
	return list
}

// await waits until cond holds of every player.
func (f *fleet) await(ctx context.Context, most time.Duration, what string, cond func(*player) bool) error {
	lacking := 0
	err := await(ctx, most, what, func() bool {
		lacking = 0
		for _, p := range f.players {
			p.look(func() {
				if !cond(p) {
					lacking++
				}
			})
		}
		return lacking == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %d of %d players lack it", err, lacking, len(f.players))
	}
	return nil
}

func await(ctx context.Context, most time.Duration, what string, cond func() bool) error {
	for end := time.Now().Add(most); !cond(); {
		if time.Now().After(end) {
			return fmt.Errorf("waited %v in vain until %s", most, what)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// begin forgets the measurements so far.
func (f *fleet) begin() {
	for _, p := range f.players {
		p.look(func() {
			p.resumes, p.moves = nil, 0
			for _, fl := range p.flows {
				fl.gap, fl.changes = 0, 0
			}
		})
	}
}

// flowing reports whether every flow has brought something lately, and every link is up.
func (f *fleet) flowing() bool {
	ok := true
	for _, p := range f.players {
		p.look(func() {
			for _, fl := range p.flows {
				ok = ok && time.Since(fl.last) < 3*p.interval+time.Second
			}
			ok = ok && p.lostAt.IsZero()
		})
	}
	return ok
}

// measured is what the players noticed since begin.
type measured struct {
	direct, relayed []time.Duration // outage of each flow: its longest gap without the interval
	switched        int             // flows that changed their route
	resumes         []time.Duration // a lost link until it was resumed
	moves           int             // links made elsewhere without a loss
}

func (f *fleet) measure() (m measured) {
	for _, p := range f.players {
		p.look(func() {
			for _, fl := range p.flows {
				outage := max(max(fl.gap, time.Since(fl.last))-p.interval, 0)
				if p.relayed {
					m.relayed = append(m.relayed, outage)
				} else {
					m.direct = append(m.direct, outage)
				}
				if fl.changes > 0 {
					m.switched++
				}
			}
			m.resumes = append(m.resumes, p.resumes...)
			m.moves += p.moves
		})
	}
	return m
}

// faults are everything that must not happen, of all players.
func (f *fleet) faults() (list []string) {
	for _, p := range f.players {
		p.look(func() { list = append(list, p.faults...) })
	}
	return list
}

// settle ends the talking and compares what was sent with what came.
func (f *fleet) settle(ctx context.Context) error {
	for _, p := range f.players {
		p.look(func() { p.silent = true })
	}
	type pair struct{ from, to uint32 }
	return await(ctx, 15*time.Second, "every message has arrived", func() bool {
		sent, got := map[pair]uint32{}, map[pair]uint32{}
		for _, p := range f.players {
			p.look(func() {
				for _, fl := range p.flows {
					sent[pair{p.index, fl.other}], got[pair{fl.other, p.index}] = fl.sent, fl.next
				}
			})
		}
		for k, n := range sent {
			if got[k] != n {
				return false
			}
		}
		return len(sent) == len(got)
	})
}

// probe has a newcomer enter a room by its code, and look whether its members see it. It leaves again. took is until it was in.
func (f *fleet) probe(ctx context.Context, r *playRoom, most time.Duration) (took time.Duration, err error) {
	began := time.Now()
	f.probes++
	p, err := newPlayer(prober+f.probes, f.addr, netip.MustParseAddr(directAddr), time.Second)
	if err != nil {
		return 0, err
	}
	defer p.close()
	count := func() (n int) {
		for _, m := range r.players {
			m.look(func() { n += len(m.met) })
		}
		return n
	}
	before := count()
	p.join(r.code)
	for p.room() == "" {
		if refused := p.refusals(); len(refused) > 0 && time.Since(began) < most { // a game's "try again"
			p.look(func() { p.refused = nil })
			time.Sleep(200 * time.Millisecond)
			p.join(r.code)
		}
		if err := await(ctx, 500*time.Millisecond, "in", func() bool { return p.room() != "" || len(p.refusals()) > 0 }); err != nil && time.Since(began) > most {
			return 0, fmt.Errorf("a newcomer did not get into room %s within %v: %v", r.code, most, p.refusals())
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
	took = time.Since(began)
	// A member whose own home died does not see anybody before it has noticed that.
	err = await(ctx, idleNotice+5*time.Second, "all members see the newcomer: one room, one owner", func() bool { return count() >= before+len(r.players) })
	return took, err
}
