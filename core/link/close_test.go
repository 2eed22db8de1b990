package link

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestClientCloses(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	w.create("last wish")
	w.client.Close(w.now)
	if w.client.Up() || w.client.Done() {
		t.Fatal("closing, not closed: the goodbye has to go out")
	}
	w.run(2 * time.Second)
	bye := false
	for _, sig := range w.server.signals {
		bye = bye || sig.Type == wire.SigBye
	}
	code, _, closed := s.Closed()
	if !bye || !closed || code != api.ErrRemoteClosed || len(w.server.sessions) != 0 {
		t.Fatal("the server was not told", bye, code, closed)
	}
	if !w.client.Done() || !w.client.NextTimeout().IsZero() {
		t.Fatal("the client is not done")
	}
	for _, ev := range w.events {
		if ev.Kind == Down {
			t.Fatal("closing by ourselves is no news")
		}
	}
	w.connect() // and again
}

func TestCloseBeforeTheLinkIsUp(t *testing.T) {
	w := newWorld(t, 1)
	w.client.Connect(w.now)
	w.run(50 * time.Millisecond)
	w.client.Close(w.now)
	if w.run(time.Minute); !w.client.Done() || len(w.events) != 0 {
		t.Fatalf("%+v", w.events)
	}
	w.client.Close(w.now) // twice is harmless
	w.client.NetworkChanged(w.now)
	w.client.HandleTimeout(w.now)
	w.connect()
}

// Nobody hears the goodbye: closing ends all the same.
func TestCloseIntoSilence(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.server.down = true
	w.client.Close(w.now)
	if w.run(10 * time.Second); !w.client.Done() {
		t.Fatal("it never ends")
	}
}

func TestServerCloses(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	s.Close(w.now, api.ErrUnauthorized, "banned for cheating")
	ev := w.until(Down, time.Second)
	wantCode(t, ev, api.ErrUnauthorized, true)
	if ev.Text != "banned for cheating" {
		t.Fatal(ev.Text)
	}
	if w.run(5 * time.Second); len(w.server.sessions) != 0 || !w.client.Done() {
		t.Fatal("something lives on")
	}
	if err := s.Send(w.now, &wire.Signal{Type: wire.SigClosing}); err == nil {
		t.Fatal("a closed session takes signals")
	}
}

// A server that shuts down is perhaps restarting: the client comes back with its ticket.
func TestServerShutsDownAndRestarts(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	s := w.session()
	s.Send(w.now, &wire.Signal{Type: wire.SigClosing, Text: "maintenance"})
	s.Close(w.now, api.ErrServerClosing, "the server is shutting down")
	ev := w.until(Down, time.Second)
	wantCode(t, ev, api.ErrServerClosing, false)
	w.restartServer()
	if ev := w.until(Up, 5*time.Second); !ev.Resumed || ev.Info.Member != member {
		t.Fatalf("%+v", ev)
	}
}

func TestClientThatVanishesIsForgotten(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	w.lose = func(toServer bool, b []byte) bool { return toServer }
	w.run(idleTimeout + 10*time.Second)
	if code, text, closed := s.Closed(); !closed || code != api.ErrLost || text == "" || len(w.server.sessions) != 0 {
		t.Fatal(code, text, closed)
	}
}

// An idle link costs a handful of small packets a minute, and stays.
func TestIdleLinkStaysUp(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	packets := 0
	w.lose = func(bool, []byte) bool { packets++; return false }
	w.run(10 * time.Minute)
	if !w.client.Up() || w.session().Resumed || len(w.events) != 0 {
		t.Fatalf("%+v", w.events)
	}
	if packets > 10*20 {
		t.Fatalf("%d packets in ten minutes", packets)
	}
}

func TestSignalLimits(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	err := s.Send(w.now, &wire.Signal{Type: wire.SigRoomData, Data: make([]byte, wire.MaxSignal)})
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.ErrTooLarge || !strings.Contains(e.Text, fmt.Sprint("at most ", wire.MaxSignal)) {
		t.Fatal(err)
	}
	if _, _, closed := s.Closed(); closed {
		t.Fatal("that is no reason to close")
	}
	// A client that acknowledges nothing is dropped before it costs much memory.
	w.lose = func(toServer bool, b []byte) bool { return true }
	for range 100 {
		s.Send(w.now, &wire.Signal{Type: wire.SigRoomData, Data: make([]byte, 8000)})
	}
	if code, _, closed := s.Closed(); !closed || code != api.ErrLost {
		t.Fatal("signals pile up without end")
	}
}

// The server takes signals up to what the largest of a client's has (SECURITY, "Limits": 4 KB of metadata); a larger one is
// counted, costs no memory, and what follows it counts as ever.
func TestLargeSignalsToTheServerAreDropped(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	largest := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigRejoin, Ticket: make([]byte, wire.MaxRoomTicket), Data: make([]byte, api.MaxRoomData)})
	if len(largest) > wire.MaxUpSignal {
		t.Fatalf("the largest signal has %d bytes, allowed are %d", len(largest), wire.MaxUpSignal)
	}
	tooLarge := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigCreate, Data: make([]byte, wire.MaxUpSignal)})
	for _, b := range [][]byte{tooLarge, largest, tooLarge, make([]byte, 40<<10), wire.AppendSignal(nil, &wire.Signal{Type: wire.SigLeave})} {
		if err := w.client.pipe.awake(w.now).Send(w.now, api.ReliableOrdered, 0, 0, b); err != nil {
			t.Fatal(err)
		}
		w.run(time.Second)
	}
	if s.pipe.drops.Signal != 3 || cap(s.pipe.in) > 2*wire.MaxUpSignal {
		t.Errorf("%d dropped, %d bytes kept", s.pipe.drops.Signal, cap(s.pipe.in))
	}
	var got []wire.SignalType
	for _, sig := range w.server.signals {
		got = append(got, sig.Type)
	}
	if n := len(got); n < 2 || got[n-1] != wire.SigLeave || got[n-2] != wire.SigRejoin {
		t.Errorf("taken: %v", got)
	}
}

// Messages that are no signals are counted and change nothing.
func TestNonsenseOverTheLink(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	for _, m := range []struct {
		mode    api.Mode
		channel uint8
		data    []byte
	}{
		{api.ReliableOrdered, 0, []byte{200}}, {api.ReliableOrdered, 0, []byte{byte(wire.SigJoined), 1}},
		{api.ReliableOrdered, 3, []byte{byte(wire.SigLeave)}}, {api.Unreliable, 0, []byte{byte(wire.SigLeave)}}, {api.ReliableUnordered, 0, []byte{byte(wire.SigLeave)}},
	} {
		w.client.pipe.conn.Send(w.now, m.mode, m.channel, 0, m.data)
		s.pipe.awake(w.now).Send(w.now, m.mode, m.channel, 0, m.data)
	}
	w.run(time.Second)
	if w.server.acceptor.Drops().Signal != 5 || w.client.pipe.drops.Signal != 5 || !w.client.Up() {
		t.Fatalf("%+v %+v", w.server.acceptor.Drops(), *w.client.pipe.drops)
	}
	for _, sig := range w.server.signals {
		if sig.Type == wire.SigLeave {
			t.Fatal("nonsense was taken for a signal")
		}
	}
}

// More signals than RUDP takes at once wait their turn in the client.
func TestManySignalsWait(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.create("")
	w.run(100 * time.Millisecond)
	w.answer(1)
	w.run(100 * time.Millisecond)
	waited := false
	for range 100 {
		_ = w.client.Rooms().Leave()
		if err := w.client.Rooms().Create(0, make([]byte, api.MaxRoomData)); err != nil {
			t.Fatal(err)
		}
		w.client.Flush(w.now)
		waited = waited || w.client.held != nil
	}
	w.run(10 * time.Second)
	n := 0
	for _, sig := range w.server.signals {
		if sig.Type == wire.SigCreate {
			n++
		}
	}
	if n != 101 || !waited { // and the first room
		t.Fatalf("%d of 101 arrived, one waited: %v", n, waited)
	}
}
