package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// stream is messages of one mode on one channel. Number and size of each follow from its place, so that the receiver
// knows what must come. A message starts with its number where the mode does not tell it.
type stream struct {
	mode      api.Mode
	channel   uint8
	interval  time.Duration
	low, high int // sizes in bytes
}

// mixed is everything at once: input, chat, a map, events, positions.
var mixed = []stream{
	{api.ReliableOrdered, 0, 20 * time.Millisecond, 1, 200},
	{api.ReliableOrdered, 1, 70 * time.Millisecond, 1, 20_000},
	{api.ReliableOrdered, 9, 1900 * time.Millisecond, 50_000, 200_000},
	{api.ReliableUnordered, 0, 30 * time.Millisecond, 4, 3000},
	{api.Unreliable, 0, 17 * time.Millisecond, 4, 1500},
	{api.Unreliable, 3, 400 * time.Millisecond, 4, 9000},
	{api.UnreliableSequenced, 2, 17 * time.Millisecond, 4, 300},
}

// sparse is a quiet game: single small packets with nothing behind them that would show a loss.
var sparse = []stream{
	{api.ReliableOrdered, 0, 90 * time.Millisecond, 1, 100},
	{api.ReliableOrdered, 1, 1300 * time.Millisecond, 1, 3000},
	{api.ReliableUnordered, 4, 700 * time.Millisecond, 4, 100},
	{api.Unreliable, 0, 250 * time.Millisecond, 4, 100},
	{api.UnreliableSequenced, 2, 110 * time.Millisecond, 4, 100},
}

// body makes message n of the stream in b, which the caller lends.
func (s *stream) body(b []byte, n int) []byte {
	rng := rand.NewPCG(uint64(n), uint64(s.channel)<<8|uint64(s.mode))
	size := s.low + int(rng.Uint64()%uint64(s.high-s.low+1))
	b = slices.Grow(b[:0], size)[:size]
	for i := range min(size, 256) {
		b[i] = byte(i*7 + n)
	}
	for done := 256; done < size; done *= 2 { // it repeats itself after 256
		copy(b[done:], b[:done])
	}
	if s.mode != api.ReliableOrdered {
		binary.BigEndian.PutUint32(b, uint32(n))
	}
	return b
}

// load is one player's traffic and what it got of the other's.
type load struct {
	p       *Player
	streams []stream
	sent    []int         // by index of streams
	at      [][]time.Time // when each was sent
	got     []int
	newest  []int // highest number
	seen    []map[int]bool
	faults  []string
	scratch []byte
	stop    bool
	last    time.Time     // message of the first stream
	gap     time.Duration // longest between two
}

// addLoad lets a player send streams from its connection on and check what comes.
func addLoad(p *Player, streams []stream) *load {
	l := &load{p: p, streams: streams, sent: make([]int, len(streams)), at: make([][]time.Time, len(streams)), got: make([]int, len(streams)), newest: make([]int, len(streams))}
	for i := range streams {
		l.newest[i] = -1
		l.seen = append(l.seen, map[int]bool{})
		p.w.After(streams[i].interval, func(time.Time) { l.step(i) })
	}
	p.OnEvent = func(now time.Time, ev *api.Event) {
		if ev.Kind == api.EventMessage {
			l.take(now, ev)
			return
		}
		p.note(now, ev)
	}
	return l
}

func (l *load) body(s *stream, n int) []byte {
	l.scratch = s.body(l.scratch, n)
	return l.scratch
}

// step sends the stream's next message; one that is refused is tried again.
func (l *load) step(i int) {
	if l.stop || len(l.p.Refused) > 0 {
		return
	}
	s := &l.streams[i]
	if !l.p.Connected.IsZero() {
		l.p.Do(func(now time.Time, e *endpoint.Endpoint) {
			if e.Send(now, l.p.Peer, api.Outgoing{Mode: s.mode, Channel: s.channel}, l.body(s, l.sent[i])) == nil {
				l.sent[i]++
				l.at[i] = append(l.at[i], now)
			}
		})
	}
	l.p.w.After(s.interval, func(time.Time) { l.step(i) })
}

func (l *load) take(now time.Time, ev *api.Event) {
	for i := range l.streams {
		s := &l.streams[i]
		if s.mode != ev.Mode || s.channel != ev.Channel {
			continue
		}
		n := l.got[i]
		if s.mode != api.ReliableOrdered && len(ev.Data) >= 4 {
			n = int(binary.BigEndian.Uint32(ev.Data))
		}
		switch {
		case !bytes.Equal(ev.Data, l.body(s, n)):
			l.fault(now, s, n, "is not what was sent")
		case l.seen[i][n]:
			l.fault(now, s, n, "came twice")
		case s.mode == api.UnreliableSequenced && n < l.newest[i]:
			l.fault(now, s, n, "came after a newer one")
		}
		if i == 0 {
			if !l.last.IsZero() {
				l.gap = max(l.gap, now.Sub(l.last))
			}
			l.last = now
		}
		l.seen[i][n] = true
		l.got[i]++
		l.newest[i] = max(l.newest[i], n)
		return
	}
	l.faults = append(l.faults, fmt.Sprintf("message on mode %d channel %d, where none was sent", ev.Mode, ev.Channel))
}

func (l *load) fault(now time.Time, s *stream, n int, what string) {
	l.faults = append(l.faults, fmt.Sprintf("%v: mode %d channel %d: message %d %s", now.Sub(Start), s.mode, s.channel, n, what))
}

// complete reports whether everything reliable that the other one sent has come.
func (l *load) complete(from *load) bool {
	for i := range l.streams {
		if l.streams[i].mode.Reliable() && l.got[i] != from.sent[i] {
			return false
		}
	}
	return true
}
