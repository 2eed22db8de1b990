//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/secure"
)

// fleet is all players, in rooms of equal size: every second room is one whose players reach each other only by a relay.
type fleet struct {
	addr     secure.ServerAddress
	roomSize int
	players  []*player
	rooms    []*playRoom
	ledger   *ledger
	named    int // rooms that were found in it
	probes   atomic.Uint32
}

type playRoom struct {
	players []*player
	code    string
	id      string // as the nodes' logs name it
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
	for _, r := range f.rooms { // one after the other: so the ledger knows whose each is
		r.players[0].create(f.roomSize + 4) // and room for who looks in
		if err := await(ctx, 20*time.Second, "a room is made", func() bool { r.code = r.players[0].room(); return r.code != "" }); err != nil {
			return fmt.Errorf("%w: %v", err, r.players[0].refusals())
		}
		if err := f.name(ctx, r); err != nil {
			return err
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

// name finds what the nodes' logs call the room that was made last.
func (f *fleet) name(ctx context.Context, r *playRoom) error {
	var failed error
	err := await(ctx, 5*time.Second, "the room's node has logged it", func() bool {
		failed = f.ledger.read()
		return failed != nil || len(f.ledger.made) == f.named+1
	})
	if err = errors.Join(err, failed); err == nil {
		r.id = f.ledger.made[f.named]
		f.named++
	}
	return err
}

// at are the rooms that a node owns now.
func (f *fleet) at(node int) (list []*playRoom) {
	for _, r := range f.rooms {
		if f.ledger.owner(r.id) == node {
			list = append(list, r)
		}
	}
	return list
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
		case <-time.After(25 * time.Millisecond):
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
	switched        int             // relayed flows that changed their route
	disturbed       int             // direct ones that did
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
				switch {
				case fl.changes > 0 && p.relayed:
					m.switched++
				case fl.changes > 0:
					m.disturbed++
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
