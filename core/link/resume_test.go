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

// up connects and lets the first ticket arrive.
func (w *world) up() uint64 {
	w.t.Helper()
	member := w.connect().Info.Member
	w.run(time.Second)
	w.events = nil
	return member
}

func TestNetworkChangeKeepsTheMember(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	w.addr = netip.MustParseAddrPort("198.51.100.9:51000")
	changed := w.now
	w.client.NetworkChanged(w.now)
	wantCode(t, w.until(Down, time.Second), api.ErrLost, false)
	ev := w.until(Up, time.Second)
	if !ev.Resumed || ev.Info.Member != member || ev.Info.Observed != w.addr || w.now.Sub(changed) != 4*w.delay {
		t.Fatalf("%+v after %v", ev, w.now.Sub(changed))
	}
	w.create("from the new address")
	w.run(time.Second)
	s := w.session()
	if !w.heard("from the new address") || !s.Resumed || s.User != "ada" || s.App != "chess" || s.Key != w.client.cfg.Static.Public() || s.Remote() != w.addr {
		t.Fatalf("the member lost its identity: %+v", s)
	}
}

// The longest names, token and ticket still make datagrams that every path carries (world checks each).
func TestLargestHellosFit(t *testing.T) {
	w := newWorld(t, 1)
	long := strings.Repeat("x", maxName)
	w.client.cfg.Info.App, w.client.cfg.Info.User, w.client.cfg.Info.Token = long, long, make([]byte, wire.MaxToken)
	w.server.cfg.Authorize = func(_ time.Time, a *Applicant) api.Code {
		if a.App != long || a.User != long || len(a.Token) != wire.MaxToken && !a.Resumed {
			return api.ErrUnauthorized
		}
		return api.OK
	}
	w.restartServer()
	w.up()
	w.client.NetworkChanged(w.now)
	if ev := w.until(Up, time.Second); !ev.Resumed || ev.Info.User != long {
		t.Fatalf("%+v", ev)
	}
	w.client.Close(w.now)
	w.run(5 * time.Second)
	w.client.cfg.Info.Token = make([]byte, wire.MaxToken+1)
	w.client.Connect(w.now)
	wantCode(t, w.until(Down, time.Second), api.ErrTooLarge, true)
}

// From the same IP address the address token spares a round trip, whatever the port.
func TestResumeInOneRoundTrip(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	w.addr = netip.AddrPortFrom(clientAddr.Addr(), 41000)
	changed := w.now
	w.client.NetworkChanged(w.now)
	ev := w.until(Up, time.Second)
	if !ev.Resumed || ev.Info.Member != member || w.now.Sub(changed) != 2*w.delay {
		t.Fatalf("%+v after %v", ev, w.now.Sub(changed))
	}
	w.run(time.Second)
	first := w.client.ticket.ticket
	w.client.NetworkChanged(w.now) // and again, by the new session's ticket and secret
	if ev := w.until(Up, time.Second); !ev.Resumed || ev.Info.Member != member || first == nil {
		t.Fatalf("%+v", ev)
	}
}

func TestRestartedServerTakesTheClientBack(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	w.restartServer() // same master secret, nothing else
	restarted := w.now
	ev := w.until(Up, 30*time.Second)
	if !ev.Resumed || ev.Info.Member != member {
		t.Fatalf("%+v", ev)
	}
	if took := w.now.Sub(restarted); took > keepAlive+silence+time.Second {
		t.Fatalf("took %v", took)
	}
	w.run(time.Second)
	if !w.session().Resumed {
		t.Fatal("the new server does not know the member as one that was here")
	}
}

// With something to say the client notices within seconds.
func TestSilenceIsNoticedQuicklyWhenSpeaking(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.restartServer()
	w.create("is anybody there")
	at := w.now
	w.until(Up, 10*time.Second)
	if took := w.now.Sub(at); took < silence || took > silence+time.Second {
		t.Fatalf("took %v", took)
	}
	w.run(time.Second)
	if !w.heard("is anybody there") {
		t.Fatal("what was asked meanwhile is lost")
	}
}

func TestAServerThatStaysAwayIsGivenUp(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.server.down = true
	wantCode(t, w.until(Down, keepAlive+silence+time.Second), api.ErrLost, false)
	lost, sent := w.now, 0
	w.lose = func(toServer bool, b []byte) bool { sent++; return false }
	wantCode(t, w.until(Down, 3*time.Minute), api.ErrServerUnreachable, true)
	if took := w.now.Sub(lost); took < giveUp || took > giveUp+backOffMost+round {
		t.Fatalf("gave up after %v", took)
	}
	if sent > 150 {
		t.Fatalf("%d datagrams: that is no back-off", sent)
	}
	if w.run(time.Hour); !w.client.Done() || !w.client.NextTimeout().IsZero() {
		t.Fatal("it goes on trying")
	}
}

func TestAServerThatComesBackWithinItsTimeIsFound(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	w.server.down = true
	w.run(time.Minute)
	w.restartServer()
	if ev := w.until(Up, backOffMost+time.Second); !ev.Resumed || ev.Info.Member != member {
		t.Fatalf("%+v", ev)
	}
}

// A ticket of another master secret is refused; the client comes back as somebody new and says so.
func TestUnknownTicketMeansANewLink(t *testing.T) {
	w := newWorld(t, 1)
	member := w.up()
	w.server.cfg.Ticket = secure.TicketKey{1}
	w.restartServer()
	w.client.NetworkChanged(w.now)
	if ev := w.until(Up, time.Second); ev.Resumed || ev.Info.Member == member {
		t.Fatalf("%+v", ev)
	}
}

func TestTicketsAreRefreshed(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	first, token := w.client.ticket.ticket, w.client.token
	w.run(ticketRefresh - time.Second)
	if !bytes.Equal(first, w.client.ticket.ticket) {
		t.Fatal("a new ticket that says nothing new")
	}
	w.run(ticketSpread + 2*time.Second)
	if bytes.Equal(first, w.client.ticket.ticket) || token == w.client.token {
		t.Fatal("the same ticket when nearly half its life is over")
	}
	w.run(2 * time.Hour) // far beyond one ticket's life the link can still be resumed
	w.restartServer()
	if ev := w.until(Up, 30*time.Second); !ev.Resumed {
		t.Fatalf("%+v", ev)
	}
	for len(w.queue) > 0 {
		w.run(time.Second)
	}
	if _, any := w.client.NextEvent(); any {
		t.Fatal("an idle link made news")
	}
}

// A ticket seen by somebody else is worth nothing: the secret behind it never travels in the open.
func TestStolenTicketIsUseless(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	thief := NewClient(w.client.cfg)
	thief.ticket = resumption{ticket: w.client.ticket.ticket, expires: w.now.Add(time.Hour)}
	thief.Connect(w.now)
	for range 4 {
		b, _, ok := thief.AppendTransmit(w.now, nil)
		if !ok {
			break
		}
		reply, s := w.server.acceptor.Handle(w.now, clientAddr, b)
		if s != nil {
			t.Fatal("the thief got a session")
		}
		if m, ok := wire.ParseRefuse(reply); ok {
			if api.Code(m.Code) != api.ErrLost {
				t.Fatal(m.Code)
			}
			return
		}
		thief.HandleDatagram(w.now, serverAddr, bytes.Clone(reply))
	}
	t.Fatal("never refused")
}

// A replayed resumption, its cookie an address token, may make a session that nobody confirms. It says nothing, does
// not touch the member's real one, and dies.
func TestUnconfirmedSessionSaysNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	var resume []byte
	w.lose = func(toServer bool, b []byte) bool {
		if b[0] == wire.TypeResume {
			resume = bytes.Clone(b)
		}
		return false
	}
	w.client.NetworkChanged(w.now)
	w.until(Up, time.Second)
	w.run(time.Second)
	real := w.session()

	forgetful := NewAcceptor(w.server.cfg) // as if the replay memory had overflowed
	reply, ghost := forgetful.Handle(w.now, netip.AddrPortFrom(clientAddr.Addr(), 6), resume)
	if ghost == nil || len(reply) > len(resume) {
		t.Fatal("no ghost to test with")
	}
	if _, _, any := ghost.AppendTransmit(w.now, nil); any || ghost.Confirmed() {
		t.Fatal("the ghost speaks")
	}
	ghost.HandleDatagram(w.now, clientAddr, bytes.Repeat([]byte{0x88}, 60))
	if ghost.Confirmed() || ghost.NextTimeout() != w.now.Add(confirmTime) {
		t.Fatal("confirmed by a forgery")
	}
	ghost.HandleTimeout(w.now.Add(confirmTime))
	if code, _, closed := ghost.Closed(); !closed || code != api.ErrTimeout || !ghost.Done() {
		t.Fatal("the ghost lives")
	}
	if _, _, any := ghost.AppendTransmit(w.now.Add(confirmTime), nil); any {
		t.Fatal("the ghost says goodbye")
	}
	w.create("still here")
	w.run(time.Second)
	if w.session() != real || !w.heard("still here") {
		t.Fatal("the real session suffered")
	}
}

// The NAT gives the client another port while the link is quiet: the server follows once the new address has answered
// a challenge, and the client is told.
func TestRebindingIsProvenThenFollowed(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.addr = netip.MustParseAddrPort("192.0.2.7:50505")
	w.create("from a new port")
	w.run(2 * time.Second)
	s := w.session()
	if !w.heard("from a new port") || s.Remote() != w.addr || s.Resumed || !w.client.Up() {
		t.Fatalf("remote is %v", s.Remote())
	}
	if sig := w.until(Signal, time.Second).Signal; sig.Type != wire.SigObserved || sig.Addr != w.addr {
		t.Fatalf("%+v", sig)
	}
}

// Packets carried to the server by somebody else, from an address that does not answer, move nothing.
func TestUnansweredAddressIsNotFollowed(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	s := w.session()
	victim := netip.MustParseAddrPort("198.51.100.1:53")
	w.create("carried")
	in, out := 0, 0
	for {
		b, _, ok := w.client.AppendTransmit(w.now, nil)
		if !ok {
			break
		}
		in += len(b)
		s.HandleDatagram(w.now, victim, b)
	}
	for range 200 {
		w.now = w.now.Add(50 * time.Millisecond)
		for {
			b, to, ok := s.AppendTransmit(w.now, nil)
			if !ok {
				break
			}
			if to == victim {
				out += len(b)
			}
		}
		s.HandleTimeout(w.now)
	}
	if s.Remote() != clientAddr || out == 0 || out > in || in == 0 {
		t.Fatalf("%d bytes out to an unproven address for %d in; remote %v", out, in, s.Remote())
	}
	// A response by somebody who guesses is not one.
	probe := w.client.pipe.appendProbe(nil, &wire.Probe{Response: true, RespNonce: 12345})
	s.HandleDatagram(w.now, victim, probe)
	if s.Remote() != clientAddr || w.server.acceptor.Drops().Probe != 1 {
		t.Fatal("moved by a guess")
	}
}
