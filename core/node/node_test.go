package node

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/portmap"
)

// Every command reaches the engine with its values, in order; data survives the caller's buffer.
func TestCommandsReachTheEngineInOrder(t *testing.T) {
	st := newStage(t, Config{Servers: []string{"127.0.0.1:3478"}}, nil).play()
	buffer := []byte("hello")
	for _, c := range []Command{
		{Kind: CmdConnect},
		{Kind: CmdRoomCreate, Value: 4, Data: buffer},
		{Kind: CmdRoomJoin, Text: "EABC1234"},
		{Kind: CmdRoomSetData, Data: buffer},
		{Kind: CmdRequest, Request: api.Request{Kind: api.RequestUser, User: "ana"}},
		{Kind: CmdPeerConnect, Peer: 7, Data: buffer},
		{Kind: CmdPeerAccept, Peer: 7},
		{Kind: CmdPeerReject, Peer: 7, Text: "no"},
		{Kind: CmdPeerPunch, Peer: 7},
		{Kind: CmdFlush},
		{Kind: CmdSend, Peer: 7, How: api.Outgoing{Mode: api.Unreliable, Channel: 3, ID: 99, Priority: api.PriorityHigh, Deadline: 50}, Data: buffer},
		{Kind: CmdPeerClose, Peer: 7, Code: 42, Text: "bye"},
		{Kind: CmdRoomLeave},
		{Kind: CmdNetworkChanged},
		{Kind: CmdSuspend, Value: 300_000},
		{Kind: CmdResume},
		{Kind: CmdDisconnect},
	} {
		st.do(c)
	}
	copy(buffer, "wrong")
	for _, line := range []string{
		"servers [127.0.0.1:3478]", "connect", "create 4 hello", "join EABC1234", "setdata hello", "request 7 ana", "peerconnect 7 hello", "accept 7",
		"reject 7 no", "punch 7", "send 7 {2 3 2 50 99} hello", "peerclose 7 42 bye", "leave", "local [127.0.0.1]", "networkchanged", "suspend 5m0s", "local [127.0.0.1]", "resume", "disconnect",
	} {
		st.want(line)
	}
	st.quiet()
}

// The caller of a command has long returned, so a refusal comes back as the event that fits.
func TestRefusedCommandsBecomeEvents(t *testing.T) {
	bad := api.NewError(api.ErrBadCode, "no room with the code X")
	already := api.NewError(api.ErrAlready, "already there")
	for _, c := range []struct {
		name    string
		command Command
		refuse  string
		err     error
		want    api.Event
	}{
		{"wrong code", Command{Kind: CmdRoomJoin, Text: "X"}, "join", bad, api.Event{Kind: api.EventRoomLeft, Code: api.ErrBadCode, Text: bad.Text}},
		{"second join leaves the first room alone", Command{Kind: CmdRoomJoin, Text: "X"}, "join", already, api.Event{Kind: api.EventLog, Code: logWarn}},
		{"create", Command{Kind: CmdRoomCreate}, "create", bad, api.Event{Kind: api.EventRoomLeft, Code: api.ErrBadCode}},
		{"connect", Command{Kind: CmdConnect}, "connect", bad, api.Event{Kind: api.EventServerLost, Code: api.ErrBadCode, Text: bad.Text}},
		{"second connect", Command{Kind: CmdConnect}, "connect", already, api.Event{Kind: api.EventLog, Code: logWarn}},
		{"disconnect", Command{Kind: CmdDisconnect}, "disconnect", bad, api.Event{Kind: api.EventLog, Code: logWarn}},
		{"peer", Command{Kind: CmdPeerConnect, Peer: 7}, "peerconnect", bad, api.Event{Kind: api.EventPeerClosed, Peer: 7, Code: api.ErrBadCode}},
		{"connected peer", Command{Kind: CmdPeerConnect, Peer: 7}, "peerconnect", already, api.Event{Kind: api.EventLog, Code: logWarn}},
		{"data", Command{Kind: CmdRoomSetData}, "setdata", already, api.Event{Kind: api.EventRequestFailed, Code: api.ErrAlready, Text: already.Text}},
		{"kick", Command{Kind: CmdRequest, Request: api.Request{Kind: api.RequestKick, Peer: 7}}, "request", bad, api.Event{Kind: api.EventRequestFailed, Peer: 7, Code: api.ErrBadCode}},
		{"invite", Command{Kind: CmdRequest, Request: api.Request{Kind: api.RequestInvite, User: "ana"}}, "request", bad, api.Event{Kind: api.EventInviteResult, Code: api.ErrBadCode}},
		{"punch", Command{Kind: CmdPeerPunch, Peer: 7}, "punch", bad, api.Event{Kind: api.EventPunch, Peer: 7, Code: api.ErrBadCode}},
		{"reliable send", Command{Kind: CmdSend, Peer: 7, Data: []byte("12345")}, "send", bad, api.Event{Kind: api.EventLog, Code: logError}},
		{"an error without a code", Command{Kind: CmdRoomJoin}, "join", errors.New("?"), api.Event{Kind: api.EventRoomLeft, Code: api.ErrFailed, Text: "?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, Config{}, nil)
			st.engine.refuse[c.refuse] = c.err
			st.play().do(c.command)
			got := st.event(c.want.Kind)
			if got.Code != c.want.Code || got.Peer != c.want.Peer || !strings.Contains(got.Text, c.want.Text) || got.Text == "" {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if freed := st.Freed(7); freed != api.Cost(len(c.command.Data)) && c.command.Kind == CmdSend {
				t.Errorf("%d bytes of budget came back", freed)
			}
		})
	}
}

// A message for a peer that has just gone gives its budget back and says nothing: PEER_CLOSED is on its way.
func TestSendToAGonePeerIsQuiet(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.engine.refuse["send"] = api.NewError(api.ErrPeer, "no such peer")
	st.play().do(Command{Kind: CmdSend, Peer: 7, Data: []byte("12345")})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7}) // a marker: what came before it is done
	st.want("send 7 {0 0 0 0 0} 12345")
	st.want("punch 7")
	st.quiet()
	if st.Freed(7) != api.Cost(5) {
		t.Error("the budget did not come back")
	}
}

// Looking at the network anew costs system calls; a game that says so ten times a frame pays for one. (A full ring of them took
// half a second of a processor, which made Close late.)
func TestNetworkChangedOnceAStep(t *testing.T) {
	st := newStage(t, Config{}, nil)
	for range 10 {
		st.do(Command{Kind: CmdNetworkChanged}) // before the owner runs, so that one step takes them all
	}
	st.do(Command{Kind: CmdResume})
	st.play()
	st.want("local [127.0.0.1]")
	st.want("networkchanged")
	st.want("local [127.0.0.1]") // the resume's
	st.want("resume")
	st.quiet()
}

// A panic ends the client, not the process: FAILED says where, later commands are swallowed, Close ends.
func TestPanicBecomesFailed(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.engine.panicAt = "join"
	st.play().do(Command{Kind: CmdRoomJoin, Text: "EABC1234"})
	st.want("join EABC1234")
	ev := st.event(api.EventFailed)
	if ev.Code != api.ErrFailed || !strings.Contains(ev.Text, "as scripted") || !strings.Contains(ev.Text, "script_test.go:") {
		t.Errorf("got %+v", ev)
	}
	for range 3 * queuedCommands { // more than fits: they must be taken away
		for !st.Do(Command{Kind: CmdSend, Peer: 7}) {
			runtime.Gosched()
		}
	}
	st.quiet()
}

// A panic in a goroutine beside the owner is the client's failure as well, and told in its own words.
func TestPanicBesideTheOwnerBecomesFailed(t *testing.T) {
	t.Run("looking a name up", func(t *testing.T) {
		st := newStage(t, Config{Servers: []string{"one.example:3478"}}, nil)
		st.owner.servers.lookup = func(context.Context, string, string) ([]netip.Addr, error) { panic("no names today") }
		st.play().do(Command{Kind: CmdConnect})
		saysWhere(t, st.event(api.EventFailed), "no names today")
	})
	t.Run("asking the router", func(t *testing.T) {
		st := newStage(t, Config{}, nil)
		m := &st.owner.mapper
		m.cancel, m.asked, m.result = func() {}, 1, make(chan mapped, 1)
		m.ask(t.Context(), patience, func(context.Context) (*portmap.Mapping, error) { panic("no routers today") }, st.owner.loop.Wake)
		st.play()
		saysWhere(t, st.event(api.EventFailed), "no routers today")
	})
}

// A router takes its time to forget a port, and may not answer at all. The client says its goodbyes meanwhile, and does not
// wait for it for long.
func TestPortsAreReleasedBesideTheGoodbyes(t *testing.T) {
	st := newStage(t, Config{}, nil)
	began, ended := make(chan struct{}), make(chan struct{})
	st.owner.mapper.held = []mapping{slowRouter{began, ended}}
	st.engine.undone = true // goodbyes are on their way
	st.play()
	go st.Close()
	<-began
	st.engine.set(st.QueueHost, func() { st.engine.undone = false })
	<-st.Ended()
	select {
	case <-ended:
	default:
		t.Error("Run returned before the release had ended")
	}
}

// slowRouter never answers.
type slowRouter struct{ began, ended chan struct{} }

func (r slowRouter) Release(ctx context.Context) error {
	close(r.began)
	<-ctx.Done()
	close(r.ended)
	return ctx.Err()
}

func saysWhere(t *testing.T, ev api.Event, text string) {
	t.Helper()
	if !strings.HasPrefix(ev.Text, "internal error: "+text+" (in ") || !strings.Contains(ev.Text, "node_test.go:") {
		t.Errorf("got %q", ev.Text)
	}
}

// A panic in the host leaves nobody to tell; Run still returns.
func TestPanicInTheHostEndsRun(t *testing.T) {
	st := newStage(t, Config{}, func(q *QueueHost) Host { return brokenHost{q} }).play()
	select {
	case <-st.Ended():
	case <-time.After(patience):
		t.Error("Run did not return")
	}
}

type brokenHost struct{ *QueueHost }

func (brokenHost) NextCommand(*Command) bool { panic("broken") }

// A socket that the system refuses is a failure with a sentence.
func TestNoSocketIsFailed(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.owner.cfg.Bind = netip.MustParseAddrPort("240.0.0.1:9") // class E: no machine has it
	go func() { st.owner.run(); close(st.ended) }()
	if ev := st.event(api.EventFailed); !strings.Contains(ev.Text, "240.0.0.1:9") {
		t.Errorf("got %+v", ev)
	}
	st.Close()
	st.loop.Close()
}

// fullHost refuses events until it is told how many it may take.
type fullHost struct {
	*QueueHost
	room    chan struct{}
	refused chan struct{}
}

func (f *fullHost) PutEvent(ev *api.Event) bool {
	select {
	case <-f.room:
		return f.QueueHost.PutEvent(ev)
	default:
		select {
		case f.refused <- struct{}{}:
		default:
		}
		return false
	}
}

// When the game does not poll, events wait, whole and in order, while the engine works on; only messages that the game
// took count as consumed, and only reliable ones.
func TestEventsWaitForRoom(t *testing.T) {
	f := &fullHost{room: make(chan struct{}, 10), refused: make(chan struct{}, 1)}
	st := newStage(t, Config{}, func(q *QueueHost) Host { f.QueueHost = q; return f })
	st.engine.events = []api.Event{
		{Kind: api.EventMessage, Peer: 7, Mode: api.ReliableOrdered, Data: []byte("one")},
		{Kind: api.EventMessage, Peer: 7, Mode: api.Unreliable, Data: []byte("two")},
		{Kind: api.EventMessage, Peer: 7, Mode: api.ReliableUnordered, Data: []byte("three")},
	}
	st.play()
	<-f.refused
	st.do(Command{Kind: CmdPeerPunch, Peer: 7}) // a call into the engine: it spoils the data that it lent
	st.want("punch 7")
	<-f.refused // offered again by itself, without a wake
	st.quiet()
	for _, want := range []string{"one", "two", "three"} {
		f.room <- struct{}{}
		if ev := st.event(api.EventMessage); string(ev.Data) != want {
			t.Errorf("got %q, want %q", ev.Data, want)
		}
	}
	st.want("consumed 7 3")
	st.want("consumed 7 5")
	st.quiet()
}

// Budget and numbers reach the host; numbers also right before the event that a game may answer by asking for them.
func TestCreditAndStats(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	st.engine.set(st.QueueHost, func() {
		st.engine.freed = []int{100, 20}
		st.engine.events = []api.Event{{Kind: api.EventPeerConnected, Peer: 9}}
	})
	st.event(api.EventPeerConnected)
	if n := st.Freed(7); n != 120 {
		t.Errorf("%d bytes came free", n)
	}
	if s, ok := st.Stats(9); !ok || s.RTTMicros != 40_000 {
		t.Errorf("stats %+v, %v", s, ok)
	}
}

// The engine asks for sockets: they open, carry datagrams both ways under their number, and close.
func TestSocketsOnDemand(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	st.engine.set(st.QueueHost, func() { st.engine.ops = []endpoint.SocketOp{{ID: 3, Open: true}, {ID: 3, Open: true}} })
	st.want("opened 3")
	st.want("socketfailed 3 open UDP socket 3: file exists")
	st.engine.set(st.QueueHost, func() {
		st.engine.packets = []packet{
			{endpoint.Transmit{Socket: 3, To: st.engine.locals[0]}, "from the new one"},
			{endpoint.Transmit{Socket: 77, To: st.engine.locals[0]}, "on a socket that is not there"},
			{endpoint.Transmit{To: st.engine.locals[3], TTL: 9}, "to the new one"},
		}
	})
	got := map[string]bool{<-st.engine.said: true, <-st.engine.said: true}
	if !got["datagram 0 from the new one"] || !got["datagram 3 to the new one"] {
		t.Errorf("got %v", got)
	}
	st.engine.set(st.QueueHost, func() {
		st.engine.ops = []endpoint.SocketOp{{ID: 3}, {ID: 3, Open: true}}
	})
	st.want("opened 3")
	st.quiet()
}

func TestDeadlines(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	start := time.Now()
	st.engine.set(st.QueueHost, func() { st.engine.timeout = start.Add(5 * time.Millisecond) })
	st.want("timeout")
	if took := time.Since(start); took < 5*time.Millisecond {
		t.Errorf("called after %v", took)
	}
	// An engine whose deadline stays in the past is called again and again, but not without pause.
	const calls = 10
	start = time.Now()
	st.engine.set(st.QueueHost, func() { st.engine.timeout, st.engine.sticky = start, true })
	for range calls {
		st.want("timeout")
	}
	if took := time.Since(start); took < (calls-1)*timerGap {
		t.Errorf("%d calls took %v", calls, took)
	}
	st.engine.set(st.QueueHost, func() { st.engine.timeout = time.Time{} })
}

// What was asked before Close is still done. Goodbyes get their time, and no more.
func TestCloseSaysGoodbye(t *testing.T) {
	for _, undone := range []bool{false, true} {
		st := newStage(t, Config{}, nil)
		st.engine.undone = undone
		st.play()
		for range commandBatch + 1 {
			st.do(Command{Kind: CmdSend, Peer: 7, Data: []byte("last words")})
		}
		start := time.Now()
		st.Close()
		took := time.Since(start)
		// The limit counts from the step that saw the close, which may have begun a moment before it.
		if undone && took < closeLimit-10*time.Millisecond || !undone && took >= closeLimit || took > closeLimit+patience {
			t.Errorf("undone %v: Close took %v", undone, took)
		}
		for range commandBatch + 1 {
			st.want("send 7 {0 0 0 0 0} last words")
		}
		st.want("close")
		st.quiet()
		if st.Do(Command{Kind: CmdFlush}) {
			t.Error("a closed host took a command")
		}
	}
}

// With a socket open and nothing to do, a round allocates nothing.
func TestIdleStepDoesNotAllocate(t *testing.T) {
	st := newStage(t, Config{}, nil)
	if err := st.owner.start(time.Now()); err != nil {
		t.Fatal(err)
	}
	defer st.loop.Close()
	if n := testing.AllocsPerRun(100, func() { st.owner.now = time.Now(); st.owner.step() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A message that finds no budget waits, and so does what came behind it; nothing accepted is dropped.
func TestSendWithoutBudgetWaits(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.engine.refuse["send"] = api.NewError(api.ErrWouldBlock, "full")
	st.play().do(Command{Kind: CmdSend, Peer: 7, Data: []byte("first")})
	st.do(Command{Kind: CmdSend, Peer: 7, Data: []byte("second")})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("send 7 {0 0 0 0 0} first")
	st.engine.set(st.QueueHost, func() { delete(st.engine.refuse, "send") })
	for again := true; again; { // it may have been offered several times before it was taken
		switch line := <-st.engine.said; line {
		case "send 7 {0 0 0 0 0} first":
		case "send 7 {0 0 0 0 0} second":
			again = false
		default:
			t.Fatalf("%q came before the message that waited", line)
		}
	}
	st.want("punch 7")
	if st.Freed(7) != 0 {
		t.Error("budget came back for messages that were taken")
	}
}
