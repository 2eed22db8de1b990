package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Where UDP is blocked the first messages are there three round trips through the relay after connect, on a network without
// loss two; everything arrives, over a stream that keeps back what is behind a loss, also after the stream broke.
func TestUDPBlocked(t *testing.T) {
	for seed := range uint64(4) {
		for _, loss := range []float64{0, 0.02} {
			o := Trial{A: "BLOCKED", B: []string{"PR", "SR", "PUB", "BLOCKED"}[seed], Seed: seed, Weather: Weather{Delay: oneWay, Loss: loss}}.Play()
			if !o.Connected || o.Direct || o.GaveUp < 0 || o.Lost+o.Doubled+o.Reordered+o.Corrupt > 0 || loss == 0 && o.Connect > 8*oneWay+time.Millisecond {
				t.Errorf("seed %d, loss %g: %+v", seed, loss, o)
			}
		}
	}
}

// The stream breaks off under messages: another one takes its place, and nothing is missing.
func TestStreamBreaks(t *testing.T) {
	w := NewWorld(1, Weather{Delay: oneWay})
	w.AddServer(wanS, nil, "192.0.2.2")
	streams := func(c *endpoint.Config) { c.Streams = true }
	host, guest := w.AddSite("BLOCKED", wanA).AddPlayer("host", 100, streams), w.AddSite("PR", wanB).AddPlayer("guest", 100, streams)
	if !w.Meet(host, guest, 20*time.Second) {
		t.Fatal("no keys")
	}
	host.Stream(200, 50*time.Millisecond, false)
	guest.Stream(200, 50*time.Millisecond, false)
	w.Run(2 * time.Second)
	first := host.stream
	host.breakStream()
	w.Run(25 * time.Second)
	for _, p := range []*Player{host, guest} {
		if p.Received != 200 || len(p.Faults) > 0 || len(p.Refused) > 0 {
			t.Errorf("%s: %d of 200, %v %v", p.Name, p.Received, p.Faults, p.Refused)
		}
	}
	if host.stream == nil || host.stream == first || len(w.server.streams) != 1 {
		t.Errorf("streams: %d at the server", len(w.server.streams))
	}
}

// breakStream resets the connection, as a router that reboots does.
func (c *Client) breakStream() {
	st := c.stream
	c.hangUp()
	c.Do(func(now time.Time, e *endpoint.Endpoint) { e.SocketFailed(now, st.id, "reset") })
}
