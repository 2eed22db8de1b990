package link

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestConnectsInTwoRoundTrips(t *testing.T) {
	w := newWorld(t, 1)
	w.client.Connect(w.now)
	w.create("before the link") // kept until it is up
	ev := w.until(Up, time.Second)
	if took := w.now.Sub(birth); took != 4*w.delay {
		t.Fatalf("took %v: not two round trips", took)
	}
	if ev.Resumed || ev.Info.Member == 0 || ev.Info.User != "ada" || ev.Info.Observed != clientAddr || len(ev.Info.STUNPorts) != 2 {
		t.Fatalf("%+v", ev.Info)
	}
	w.run(time.Second)
	s := w.session()
	if !w.heard("before the link") || !s.Confirmed() || s.Member != ev.Info.Member || s.App != "chess" || s.User != "ada" || s.Key != w.client.cfg.Static.Public() {
		t.Fatal("the server does not know its client")
	}
	if rtt := w.client.RTT(); rtt < 2*w.delay || rtt > 3*w.delay || s.RTT() < 2*w.delay || s.RTT() > 3*w.delay {
		t.Fatalf("round trips are %v and %v", w.client.RTT(), s.RTT())
	}
	if w.client.ticket.ticket == nil || !w.client.Owns(w.client.pipe.keys.LocalConnID()) || w.client.Remote() != serverAddr || !w.client.Up() {
		t.Fatal("the client has no ticket")
	}
	w.answer(1)
	if sig := w.until(Signal, time.Second).Signal; sig.Type != wire.SigJoined || sig.Room != 5 {
		t.Fatalf("%+v", sig)
	}
}

func TestWithoutAUserTheServerNamesOne(t *testing.T) {
	w := newWorld(t, 1)
	w.client.cfg.Info.User = ""
	if ev := w.connect(); !strings.HasPrefix(ev.Info.User, "anon-") || len(ev.Info.User) != 5+16 {
		t.Fatal(ev.Info.User)
	}
}

// Losing any one of the first datagrams, or one of each kind, only costs time.
func TestLossOfEachHandshakeDatagram(t *testing.T) {
	for lost := range 8 {
		w := newWorld(t, int64(lost))
		n := 0
		w.lose = func(bool, []byte) bool { n++; return n == lost+1 }
		w.create("hello")
		w.connect()
		w.run(2 * time.Second)
		if w.now.Sub(birth) > 4*time.Second || !w.heard("hello") || len(w.server.sessions) != 1 {
			t.Fatalf("datagram %d lost: %d sessions", lost, len(w.server.sessions))
		}
	}
	for _, kind := range []byte{wire.TypeInit, wire.TypeRetry, wire.TypeHello, wire.TypeWelcome} {
		w := newWorld(t, int64(kind))
		n := 0
		w.lose = func(_ bool, b []byte) bool {
			if b[0] == kind {
				n++
			}
			return b[0] == kind && n <= 2
		}
		w.connect()
		if w.now.Sub(birth) > time.Second || w.server.acceptor.Counts().Links != 1 {
			t.Fatalf("%#x lost twice: up after %v, %d links", kind, w.now.Sub(birth), w.server.acceptor.Counts().Links)
		}
	}
}

func TestManyLossyStarts(t *testing.T) {
	for seed := range int64(60) {
		w := newWorld(t, seed)
		w.lose = func(bool, []byte) bool { return w.rng.Intn(100) < 20 }
		w.create("through rain")
		w.connect()
		w.run(15 * time.Second)
		if !w.heard("through rain") {
			t.Fatalf("seed %d: the signal is lost", seed)
		}
	}
}

func TestWrongServerKeyIsFinal(t *testing.T) {
	w := newWorld(t, 1)
	w.client.cfg.ServerKey = secure.PrivateKey{9}.Public()
	w.client.Connect(w.now)
	ev := w.until(Down, 10*time.Second)
	wantCode(t, ev, api.ErrServerKey, true)
	if ev.Text != "the server at 203.0.113.1:3478 has another key than the one in its address" || w.now.Sub(birth) > time.Second {
		t.Fatal(ev.Text, w.now.Sub(birth))
	}
	if len(w.server.sessions) != 0 || !w.client.NextTimeout().IsZero() || w.client.Owns(0) {
		t.Fatal("something was left behind")
	}
	w.client.cfg.ServerKey = PublicZero
	w.client.Connect(w.now)
	wantCode(t, w.until(Down, 10*time.Second), api.ErrServerKey, true) // a key of low order never reaches the wire
}

// PublicZero is no public key at all.
var PublicZero secure.PublicKey

func TestNobodyAnswers(t *testing.T) {
	w := newWorld(t, 1)
	w.server.down = true
	w.client.Connect(w.now)
	ev := w.until(Down, 10*time.Second)
	wantCode(t, ev, api.ErrServerUnreachable, true)
	if ev.Text != "no answer from 203.0.113.1:3478 (tried 13 times in 5s)" || w.now.Sub(birth) != 5*time.Second {
		t.Fatal(ev.Text, w.now.Sub(birth))
	}
	w.server.down = false // and Connect works again afterwards
	w.connect()
}

func TestServersAreTriedSideBySide(t *testing.T) {
	w := newWorld(t, 1)
	dead := netip.MustParseAddrPort("198.51.100.1:3478")
	w.client.SetServers(w.now, []netip.AddrPort{dead, serverAddr})
	w.connect()
	if w.client.Remote() != serverAddr || w.now.Sub(birth) > firstStagger+4*w.delay {
		t.Fatal(w.client.Remote(), w.now.Sub(birth))
	}
	w = newWorld(t, 1)
	w.client.SetServers(w.now, []netip.AddrPort{dead, netip.MustParseAddrPort("[2001:db8::9]:3478")})
	w.client.Connect(w.now)
	ev := w.until(Down, 11*time.Second)
	wantCode(t, ev, api.ErrServerUnreachable, true)
	if ev.Text != "no answer from 198.51.100.1:3478, [2001:db8::9]:3478 (tried 52 times in 10s)" {
		t.Fatal(ev.Text)
	}
}

func TestAnotherProtocolVersionIsFinal(t *testing.T) {
	w := newWorld(t, 1)
	w.client.Connect(w.now)
	init, _, _ := w.client.AppendTransmit(w.now, nil)
	m, ok := wire.ParseInit(init)
	if !ok {
		t.Fatal("no INIT")
	}
	b := wire.AppendRetry(nil, &wire.Retry{Version: 7, Random: [16]byte{1}})
	w.client.HandleDatagram(w.now, serverAddr, b)
	if _, any := w.client.NextEvent(); any {
		t.Fatal("believed somebody who has not seen the INIT")
	}
	w.client.HandleDatagram(w.now, serverAddr, wire.AppendRetry(nil, &wire.Retry{Version: 7, Random: m.Random}))
	ev, _ := w.client.NextEvent()
	wantCode(t, ev, api.ErrServerVersion, true)
	if !strings.Contains(ev.Text, "version 7") {
		t.Fatal(ev.Text)
	}
	// And the server's side: a Hello of another version is refused before its cookie is looked at.
	hello := wire.AppendHello(nil, &wire.Hello{Version: 7, Random: m.Random})
	reply, s := w.server.acceptor.Handle(w.now, clientAddr, hello)
	if r, ok := wire.ParseRefuse(reply); !ok || s != nil || api.Code(r.Code) != api.ErrServerVersion || r.Random != m.Random {
		t.Fatalf("%x", reply)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		code  api.Code
		admit bool
		final time.Duration // at the latest
	}{
		{api.ErrServerFull, false, time.Second},
		{api.ErrUnauthorized, false, time.Second},
		{api.ErrRateLimited, true, 6 * time.Second}, // worth the whole round
	} {
		w := newWorld(t, 1)
		if c.admit {
			w.server.cfg.Admit = func(time.Time, netip.AddrPort, bool, bool) (api.Code, uint32) { return c.code, 0 }
		} else {
			w.server.cfg.Authorize = func(time.Time, *Applicant) api.Code { return c.code }
		}
		w.restartServer()
		w.client.Connect(w.now)
		ev := w.until(Down, c.final)
		wantCode(t, ev, c.code, true)
		if !strings.Contains(ev.Text, c.code.String()) || len(w.server.sessions) != 0 {
			t.Fatal(ev.Text)
		}
	}
	w := newWorld(t, 1) // a limit that is lifted in time hurts nobody
	w.server.cfg.Admit = func(now time.Time, _ netip.AddrPort, _, _ bool) (api.Code, uint32) {
		if now.Sub(birth) < 3*time.Second {
			return api.ErrRateLimited, 0
		}
		return api.OK, 0
	}
	w.restartServer()
	w.connect()
}

func TestReplayedHelloMakesNothing(t *testing.T) {
	w := newWorld(t, 1)
	var hello, welcome []byte
	w.lose = func(toServer bool, b []byte) bool {
		if b[0] == wire.TypeHello {
			hello = bytes.Clone(b)
		}
		if b[0] == wire.TypeWelcome && welcome == nil {
			welcome = bytes.Clone(b)
		}
		return false
	}
	w.client.Connect(w.now)
	for welcome == nil {
		w.run(time.Millisecond)
	}
	// While the client may have missed it, a copy brings the same answer again; also one with other padding.
	padded := bytes.Clone(hello)
	padded[len(padded)-1] = 1
	for _, copy := range [][]byte{hello, padded} {
		if reply, s := w.server.acceptor.Handle(w.now, clientAddr, copy); s != nil || !bytes.Equal(reply, welcome) {
			t.Fatal("not the same answer")
		}
	}
	w.until(Up, time.Second)
	w.run(time.Second)
	if reply, s := w.server.acceptor.Handle(w.now, clientAddr, hello); s != nil || reply != nil {
		t.Fatal("a copy was answered although the client is up")
	}
	// From another address, or later, only a cookie comes back.
	other := netip.AddrPortFrom(clientAddr.Addr(), 1)
	for _, at := range []time.Duration{0, time.Minute, time.Hour} {
		reply, s := w.server.acceptor.Handle(w.now.Add(at), other, hello)
		if _, ok := wire.ParseRetry(reply); !ok || s != nil {
			t.Fatalf("after %v: %x", at, reply)
		}
	}
	if c := w.server.acceptor.Counts(); c.Links != 1 || c.Repeated != 3 {
		t.Fatalf("%+v", c)
	}
}

// Session packets played again change nothing and are not answered.
func TestReplayedPacketsChangeNothing(t *testing.T) {
	w := newWorld(t, 1)
	var recorded []flight
	w.lose = func(toServer bool, b []byte) bool {
		if wire.FamilyOf(b) == wire.FamilySession {
			recorded = append(recorded, flight{toServer: toServer, data: bytes.Clone(b)})
		}
		return false
	}
	w.connect()
	w.create("once")
	w.run(time.Second)
	s, n := w.session(), len(w.server.signals)
	w.lose = nil
	var toServer, toClient uint64
	elsewhere := netip.MustParseAddrPort("198.51.100.66:6")
	for _, f := range recorded {
		if f.toServer {
			toServer++
			s.HandleDatagram(w.now, elsewhere, f.data)
		} else {
			toClient++
			w.client.HandleDatagram(w.now, serverAddr, f.data)
		}
	}
	if _, _, any := s.AppendTransmit(w.now, nil); any || s.Remote() != clientAddr || w.server.acceptor.Drops().Replay != toServer || toServer < 2 {
		t.Fatal("the server moved", w.server.acceptor.Drops(), toServer)
	}
	if _, _, any := w.client.AppendTransmit(w.now, nil); any || w.client.pipe.drops.Replay != toClient || toClient < 2 || len(w.server.signals) != n {
		t.Fatal("the client answered")
	}
}

func TestForgeriesAreIgnored(t *testing.T) {
	w := newWorld(t, 3)
	w.lose = func(toServer bool, b []byte) bool { // each answer is preceded by damaged and invented ones
		// Not so the cookie and the refusal: nothing can prove those, and they can only delay or end a try.
		if !toServer && b[0] != wire.TypeRetry && b[0] != wire.TypeRefuse {
			for i := range 20 {
				bad := bytes.Clone(b)
				bad[5+(i*7)%(len(b)-5)] ^= 0x40
				w.serial++
				w.queue = append(w.queue, flight{w.now.Add(w.delay), w.serial, false, serverAddr, clientAddr, bad})
			}
		}
		return false
	}
	w.create("unharmed")
	w.connect()
	w.run(5 * time.Second)
	if !w.heard("unharmed") || w.client.pipe.drops.Auth == 0 {
		t.Fatal("forgeries did harm, or were none")
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	story := func(seed int64) string {
		w := newWorld(t, seed)
		w.lose = func(bool, []byte) bool { return w.rng.Intn(10) == 0 }
		w.create("x")
		w.connect()
		w.run(40 * time.Second)
		w.client.NetworkChanged(w.now)
		w.run(40 * time.Second)
		w.client.Close(w.now)
		w.run(5 * time.Second)
		return w.trace.String()
	}
	if a := story(5); a != story(5) || a == story(6) || len(a) < 10_000 {
		t.Fatal("a story is not the same every time")
	}
}
