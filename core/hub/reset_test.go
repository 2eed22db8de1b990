package hub

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// The server is killed and started again. The client's next packet tells it so: it is back two round trips later.
func TestARestartedServerSaysThatItForgot(t *testing.T) {
	w := newCable(t, nil)
	c := w.client("192.0.2.1:4000")
	c.connect()
	w.run(5 * time.Second)
	w.start(func(c *Config) { c.Rand = seed(44) })
	c.Check(w.now)
	began := w.now
	if e := c.event(link.Down); e.Final || e.Code != api.ErrLost {
		t.Fatalf("%+v", e)
	}
	if e := c.event(link.Up); !e.Resumed {
		t.Fatalf("%+v", e)
	}
	if d := w.now.Sub(began); d > 5*oneWay {
		t.Errorf("back after %v", d)
	}
	w.run(time.Second)
	w.wantStats(1, 1, 0)
}

// Nobody else can say so, and one that says it of another session, or from elsewhere, is not believed.
func TestForgedResetsAreIgnored(t *testing.T) {
	w := newCable(t, nil)
	a, b := w.client("192.0.2.1:4000"), w.client("192.0.2.2:4000")
	mine, others := a.connect().Info, b.connect().Info
	if mine.ResetToken == others.ResetToken || mine.ResetToken == [16]byte{} {
		t.Fatal("tokens are equal")
	}
	another := secure.NewResetKey(secure.Derive([32]byte{3}, "stateless resets of another node"))
	for _, m := range []wire.Reset{
		{ConnID: mine.ConnID}, {ConnID: mine.ConnID, Token: others.ResetToken}, {ConnID: others.ConnID, Token: others.ResetToken},
		{ConnID: mine.ConnID + 1, Token: mine.ResetToken}, {ConnID: mine.ConnID, Token: another.Token(mine.ConnID)},
	} {
		a.HandleDatagram(w.now, serverAddr, wire.AppendReset(nil, &m))
	}
	true := wire.AppendReset(nil, &wire.Reset{ConnID: mine.ConnID, Token: mine.ResetToken})
	a.HandleDatagram(w.now, b.addr, true)
	a.HandleDatagram(w.now, serverAddr, true[:len(true)-1])
	if w.run(time.Second); !a.Up() || len(a.events) > 0 {
		t.Fatalf("%+v", a.events)
	}
	a.HandleDatagram(w.now, serverAddr, true)
	if e := a.event(link.Down); e.Code != api.ErrLost {
		t.Fatalf("%+v", e)
	}
}

// Resets are smaller than what they answer, whatever that is, and limited by address.
func TestResetsAreSmallAndLimited(t *testing.T) {
	w := newCable(t, nil)
	from, packet := serverAddr, append([]byte{0x80, 1, 2, 3, 4}, make([]byte, 60)...)
	count := func(b []byte) (n int) {
		w.hub.HandleDatagram(w.now, 0, from, b)
		for b2, tx, ok := w.hub.AppendTransmit(w.now, nil); ok; b2, tx, ok = w.hub.AppendTransmit(w.now, nil) {
			if n++; len(b2) >= len(b) || tx.To != from {
				t.Fatalf("%d bytes for %d", len(b2), len(b))
			}
		}
		return n
	}
	total := 0
	for range 1000 {
		total += count(append([]byte(nil), packet...))
	}
	if total != resetLimit.burst {
		t.Errorf("%d answers at once", total)
	}
	w.now = w.now.Add(time.Minute)
	for size := range packet {
		if n := count(append([]byte(nil), packet[:size]...)); n > 0 && size <= wire.ResetSize {
			t.Errorf("%d bytes were answered", size)
		}
	}
	if n := count(wire.AppendReset(nil, &wire.Reset{ConnID: 5})); n != 0 {
		t.Error("a reset was answered")
	}
}

// More clients come at once than the server takes on. Those told to wait come again by themselves, and all are there soon
// after the time that their number takes.
func TestAStormDrains(t *testing.T) {
	const clients, perSecond = 120, 10
	w := newCable(t, func(c *Config) { c.Handshakes, c.LabLimits = perSecond, true })
	for i := range clients {
		c := w.client(crowdAddr(i).String())
		c.Connect(w.now)
	}
	w.run(2 * time.Second)
	if s := w.hub.Stats(); s.Links > 3*perSecond || s.Dropped("handshake_capacity") < clients-3*perSecond {
		t.Fatalf("%d links after two seconds, %d told to wait", s.Links, s.Dropped("handshake_capacity"))
	}
	w.run(26 * time.Second) // 12 s, jitter of a quarter, and what came at once after all and was told again
	for i, c := range w.clients {
		if !c.Up() {
			t.Errorf("client %d is not there: %+v", i, c.events)
		}
	}
	if s := w.hub.Stats(); s.Links != clients || s.Dropped("handshake_capacity") > 5*clients {
		t.Errorf("%d links, %d told to wait", s.Links, s.Dropped("handshake_capacity"))
	}
}

// A resumed link costs a third, the queue has an end, and time empties it.
func TestCapacity(t *testing.T) {
	count := func(resume bool) (n int) {
		var c capacity
		for at := epoch; at.Before(epoch.Add(10 * time.Second)); at = at.Add(time.Millisecond) {
			if _, ok := c.take(at, 100, resume); ok {
				n++
			}
		}
		return n
	}
	if n := count(false); n < 1000 || n > 1030 {
		t.Errorf("%d in ten seconds at 100 a second", n)
	}
	if n := count(true); n < 3000 || n > 3080 {
		t.Errorf("%d resumed in ten seconds at 100 a second", n)
	}
	var c capacity
	most := uint32(0)
	for range 100_000 {
		wait, _ := c.take(epoch, 100, false)
		most = max(most, wait)
	}
	if most != longestWait {
		t.Errorf("told to wait %d s", most)
	}
	if _, ok := c.take(epoch.Add(time.Second), 100, false); !ok {
		t.Error("a second later there is no place")
	}
}
