package admin

import (
	"context"
	"sync"
	"time"
)

// historyLength is five minutes of seconds: what the page draws.
const historyLength = 300

// Point is one second: what lived at its end, and rates over it.
type Point struct {
	Time       int64   `json:"t"` // Unix seconds
	Links      int     `json:"links"`
	Rooms      int     `json:"rooms"`
	Introduced float64 `json:"introduced_s"`
	Handshakes float64 `json:"handshakes_s"`
	RelayBits  float64 `json:"relay_bit_s"`
	Failures   float64 `json:"refused_s"`
}

// history keeps the last minutes, so that a page that is opened shows them at once.
type history struct {
	mu   sync.Mutex
	ring []Point
	last *Snapshot
}

func newHistory() *history { return &history{} }

func (h *history) run(ctx context.Context, source Source) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s, err := ask(ctx, source); err == nil {
				h.add(s)
			}
		}
	}
}

func (h *history) add(s *Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.last
	h.last = s
	if old == nil {
		return
	}
	seconds := s.Time.Sub(old.Time).Seconds()
	if seconds <= 0 {
		return
	}
	rate := func(now, before uint64) float64 {
		if now < before {
			return 0
		}
		return float64(now-before) / seconds
	}
	h.ring = append(h.ring, Point{
		Time: s.Time.Unix(), Links: s.Links, Rooms: s.Rooms, Introduced: rate(s.Introduced, old.Introduced),
		Handshakes: rate(s.Handshakes+s.Resumed, old.Handshakes+old.Resumed), RelayBits: 8 * rate(s.RelayBytes, old.RelayBytes),
		Failures: rate(s.Refused, old.Refused),
	})
	if len(h.ring) > historyLength {
		h.ring = append(h.ring[:0], h.ring[len(h.ring)-historyLength:]...)
	}
}

func (h *history) points() []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Point{}, h.ring...)
}
