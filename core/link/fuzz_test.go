package link

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// hellos are genuine first messages of a fresh client: INIT, Hello, and a resumption.
func hellos(tb testing.TB) (out [][]byte) {
	w := newWorld(tb, 1)
	w.lose = func(toServer bool, b []byte) bool {
		if toServer && wire.FamilyOf(b) == wire.FamilyHandshake {
			out = append(out, bytes.Clone(b))
		}
		return false
	}
	w.up()
	w.client.NetworkChanged(w.now)
	w.run(time.Second)
	return out
}

// The acceptor never answers with more than came and makes no session for anything but what a client sent. paid puts a
// right cookie in, to get behind it.
func FuzzAcceptor(f *testing.F) {
	for _, b := range hellos(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Add([]byte{wire.TypeHello}, false)
	genuine := hellos(f)
	f.Fuzz(func(t *testing.T, b []byte, paid bool) {
		w := newWorld(t, 1)
		if m, ok := wire.ParseHello(b); ok && paid {
			m.Cookie = w.server.cfg.Cookies.Retry(w.now, clientAddr, m.Random)
			b = wire.AppendHello(nil, &m)
		}
		reply, s := w.server.acceptor.Handle(w.now, clientAddr, bytes.Clone(b))
		if len(reply) > len(b) {
			t.Fatalf("%d bytes out for %d in", len(reply), len(b))
		}
		if s == nil {
			return
		}
		for _, g := range genuine {
			m, _ := wire.ParseHello(g)
			if got, _ := wire.ParseHello(b); got.Random == m.Random && bytes.Equal(got.Noise, m.Noise) {
				return
			}
		}
		t.Fatalf("a session for a Hello that nobody sent: %x", b)
	})
}

// A client in each of its states survives whatever comes, and stays drainable.
func FuzzClientDatagram(f *testing.F) {
	var answers [][]byte
	w := newWorld(f, 1)
	w.lose = func(toServer bool, b []byte) bool {
		if !toServer {
			answers = append(answers, bytes.Clone(b))
		}
		return false
	}
	w.up()
	for i, b := range answers {
		f.Add(uint8(i), false, b)
	}
	s := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigTicket, Request: 60, Data: []byte("ticket")})
	f.Add(uint8(2), true, wire.AppendMessage(nil, &wire.Message{Sequence: 1, Payload: s}, true))
	f.Add(uint8(2), true, wire.AppendClose(nil, wire.Close{Code: -307, Text: []byte("bye")}))
	other := netip.MustParseAddrPort("203.0.113.2:3478")
	s = wire.AppendSignal(nil, &wire.Signal{Type: wire.SigMove, Request: 100, Addrs: []netip.AddrPort{other, serverAddr, {}, other}})
	f.Add(uint8(2), true, wire.AppendMessage(nil, &wire.Message{Sequence: 1, Payload: s}, true))
	for i, b := range answers { // and as if another server said it
		f.Add(uint8(i)|64, false, b)
	}
	f.Fuzz(func(t *testing.T, state uint8, sealed bool, b []byte) {
		if len(b) > wire.MaxFrames {
			return
		}
		w := newWorld(t, 1)
		from := serverAddr
		if state&64 != 0 {
			w.client.SetServers(w.now, []netip.AddrPort{serverAddr, other})
			from = other
		}
		w.client.Connect(w.now)
		switch state % 3 {
		case 0: // INIT is out
			w.run(time.Millisecond)
		case 1: // Hello is out
			w.run(3*w.delay - time.Millisecond)
		case 2:
			w.up()
			if sealed { // behind the AEAD: a server that means harm
				keys := w.session().pipe.keys
				out, _ := keys.Begin(nil, []wire.PathID{path, wire.PathProbe}[state/3%2])
				b = keys.Seal(append(out, b...), 0)
			}
		}
		w.client.HandleDatagram(w.now, from, bytes.Clone(b))
		w.run(3 * time.Second)
		w.client.Close(w.now)
		if w.run(time.Minute); !w.client.Done() {
			t.Fatal("it does not end")
		}
	})
}

// A session whose client means harm: any frames, sealed rightly.
func FuzzServerSession(f *testing.F) {
	f.Add(false, wire.AppendMessage(nil, &wire.Message{Sequence: 1, Payload: []byte{byte(wire.SigBye)}}, true))
	f.Add(false, wire.AppendMessage(nil, &wire.Message{Sequence: 1, Fragment: true, Size: 1 << 29, Payload: []byte{1}}, true))
	f.Add(false, wire.AppendCredit(nil, 1<<60))
	f.Add(false, wire.AppendAck(nil, &wire.Ack{Path: path, Ranges: []wire.AckRange{{Low: 0, High: 1 << 50}}}))
	f.Add(true, wire.AppendProbe(nil, &wire.Probe{Challenge: true, Response: true, Size: 100}))
	f.Fuzz(func(t *testing.T, probe bool, frames []byte) {
		if len(frames) > wire.MaxFrames {
			return
		}
		w := newWorld(t, 1)
		w.up()
		id := path
		if probe {
			id = wire.PathProbe
		}
		keys := w.client.pipe.keys
		for range 2 {
			out, _ := keys.Begin(nil, id)
			w.send(true, clientAddr, serverAddr, keys.Seal(append(out, frames...), 0))
		}
		w.run(3 * time.Second)
	})
}
