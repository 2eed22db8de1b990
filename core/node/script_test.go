package node

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
)

// patience bounds every wait of these tests. Nothing takes it unless something is broken.
const patience = 10 * time.Second

// script is an engine that does as a test says and reports every command and input as one line.
type script struct {
	said chan string

	mu      sync.Mutex
	refuse  map[string]error // by the line's first word
	panicAt string           // ditto
	events  []api.Event
	lent    []byte // Data of the last event, spoiled at the next call, as endpoint's may be
	packets []packet
	ops     []endpoint.SocketOp
	freed   []int
	timeout time.Time
	sticky  bool // HandleTimeout leaves timeout alone
	undone  bool // never done
	spoiled uint64
	derive  []endpoint.Derivation

	searching bool // the link is down
	locals    map[api.SocketID]netip.AddrPort
}

type packet struct {
	tx   endpoint.Transmit
	data string
}

func (s *script) did(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	word, _, _ := strings.Cut(line, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil()
	s.said <- line
	if s.panicAt == word {
		panic("as scripted")
	}
	return s.refuse[word]
}

func (s *script) spoil() {
	for i := range s.lent {
		s.lent[i] = 0xee
	}
	s.lent = nil
}

// set changes the script while the owner runs and makes it look.
func (s *script) set(q *QueueHost, f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	q.loop.Wake()
}

func (s *script) SetLocal(_ time.Time, main netip.AddrPort, addrs []netip.Addr) {
	s.mu.Lock()
	s.locals = map[api.SocketID]netip.AddrPort{api.MainSocket: main}
	s.mu.Unlock()
	s.did("local %v", addrs)
}
func (s *script) HandleDatagram(_ time.Time, id api.SocketID, _ netip.AddrPort, b []byte) {
	s.did("datagram %d %s", id, b)
}
func (s *script) HandleTimeout(time.Time) {
	s.mu.Lock()
	if !s.sticky {
		s.timeout = time.Time{}
	}
	s.mu.Unlock()
	s.did("timeout")
}
func (s *script) NextTimeout() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timeout
}
func (s *script) AppendTransmit(_ time.Time, dst []byte) ([]byte, endpoint.Transmit, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil()
	if len(s.packets) == 0 {
		return dst, endpoint.Transmit{}, false
	}
	p := s.packets[0]
	s.packets = s.packets[1:]
	return append(dst, p.data...), p.tx, true
}
func (s *script) NextSocketOp() (op endpoint.SocketOp, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ops) == 0 {
		return op, false
	}
	op, s.ops = s.ops[0], s.ops[1:]
	return op, true
}
func (s *script) SocketOpened(_ time.Time, id api.SocketID, local netip.AddrPort) {
	s.mu.Lock()
	s.locals[id] = local
	s.mu.Unlock()
	s.did("opened %d", id)
}
func (s *script) SocketFailed(_ time.Time, id api.SocketID, text string) {
	s.did("socketfailed %d %s", id, text)
}
func (s *script) NextEvent() (ev api.Event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil()
	if len(s.events) == 0 {
		return ev, false
	}
	ev, s.events = s.events[0], s.events[1:]
	s.lent = append([]byte(nil), ev.Data...)
	ev.Data = s.lent
	return ev, true
}
func (s *script) Server() netip.AddrPort { return netip.AddrPort{} }

func (s *script) AppendReport(dst []byte, _ time.Time) []byte { return dst }

func (s *script) NextRelease() (api.PeerHandle, int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.freed) == 0 {
		return 0, 0, false
	}
	n := s.freed[0]
	s.freed = s.freed[1:]
	return 7, n, true
}
func (s *script) Consumed(_ time.Time, h api.PeerHandle, n int) { s.did("consumed %d %d", h, n) }
func (s *script) Connect(time.Time) error                       { return s.did("connect") }
func (s *script) Disconnect(time.Time) error                    { return s.did("disconnect") }
func (s *script) RoomOpen(_ time.Time, o *api.RoomOptions) error {
	return s.did("create %d %s", o.Max, o.Data)
}
func (s *script) RoomEnter(_ time.Time, o *api.JoinOptions) error { return s.did("join %s", o.Code) }
func (s *script) RoomLeave(time.Time) error                       { return s.did("leave") }
func (s *script) Request(_ time.Time, q *api.Request) error {
	if q.Kind == api.RequestSetData {
		return s.did("setdata %s", q.Data)
	}
	return s.did("request %d %s", q.Kind, q.User)
}
func (s *script) NextDerivation() (d endpoint.Derivation, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.derive) == 0 {
		return d, false
	}
	d, s.derive = s.derive[0], s.derive[1:]
	return d, true
}
func (s *script) Derived(_ time.Time, room uint64, key [32]byte) {
	s.did("derived %d %x", room, key[:2])
}
func (s *script) PeerConnect(_ time.Time, h api.PeerHandle, data []byte) error {
	return s.did("peerconnect %d %s", h, data)
}
func (s *script) PeerAccept(_ time.Time, h api.PeerHandle) error { return s.did("accept %d", h) }
func (s *script) PeerReject(_ time.Time, h api.PeerHandle, text string) error {
	return s.did("reject %d %s", h, text)
}
func (s *script) PeerClose(_ time.Time, h api.PeerHandle, code int32, text string) error {
	return s.did("peerclose %d %d %s", h, code, text)
}
func (s *script) PeerPunch(_ time.Time, h api.PeerHandle) error { return s.did("punch %d", h) }
func (s *script) Send(_ time.Time, h api.PeerHandle, how api.Outgoing, data []byte) error {
	return s.did("send %d %v %s", h, how, data)
}
func (s *script) PeerStats(api.PeerHandle) (api.PeerStats, bool) {
	return api.PeerStats{RTTMicros: 40_000, AuthFailures: s.spoiled}, true
}
func (s *script) EachPeer(f func(api.PeerHandle)) { f(7) }
func (s *script) SetServer(addrs []netip.AddrPort, _ [32]byte) error {
	s.did("servers %v", addrs)
	return nil
}

func (s *script) SetServers(_ time.Time, addrs []netip.AddrPort) { s.did("servers are %v", addrs) }
func (s *script) Searching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.searching
}

func (s *script) NetworkChanged(time.Time)             { s.did("networkchanged") }
func (s *script) Suspend(_ time.Time, d time.Duration) { s.did("suspend %v", d) }
func (s *script) Resume(time.Time)                     { s.did("resume") }

func (s *script) SetToken(_ time.Time, token []byte) error {
	s.did("token %s", token)
	return nil
}

func (s *script) SetCertificate(_ time.Time, certificate []byte) error {
	s.did("certificate %s", certificate)
	return nil
}

func (s *script) Observed() netip.AddrPort { return netip.AddrPort{} }

func (s *script) SetMapped(time.Time, string, netip.AddrPort) { s.did("mapped") }
func (s *script) Close(time.Time)                             { s.did("close") }
func (s *script) Done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.undone
}

// stage is a running owner with a scripted engine on a real loop.
type stage struct {
	*testing.T
	*QueueHost
	engine *script
	owner  *owner
}

// newStage prepares one; play starts it. host may wrap the QueueHost; nil: the QueueHost itself.
func newStage(t *testing.T, cfg Config, host func(*QueueHost) Host) *stage {
	t.Helper()
	loop, err := netio.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Bind = netip.MustParseAddrPort("127.0.0.1:0")
	st := &stage{T: t, QueueHost: NewQueueHost(loop), engine: &script{said: make(chan string, 1<<16), refuse: map[string]error{}}}
	var h Host = st.QueueHost
	if host != nil {
		h = host(st.QueueHost)
	}
	st.owner = newOwner(h, cfg, loop)
	st.owner.engine = st.engine
	return st
}

func (st *stage) play() *stage {
	before := runtime.NumGoroutine()
	go func() {
		st.owner.run()
		st.loop.Close()
		close(st.ended)
	}()
	st.Cleanup(func() {
		st.Close()
		// The last statement of a goroutine and its end are two things: the count may lag, by no more than that.
		for end := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(end) {
				st.Errorf("%d goroutines before, %d after Close", before, runtime.NumGoroutine())
				return
			}
		}
	})
	st.want("local [127.0.0.1]")
	return st
}

func (st *stage) do(c Command) {
	st.Helper()
	if !st.Do(c) {
		st.Fatalf("command %+v was not taken", c)
	}
}

// want takes the next line that the engine said.
func (st *stage) want(line string) {
	st.Helper()
	select {
	case got := <-st.engine.said:
		if got != line {
			st.Fatalf("engine was told %q, want %q", got, line)
		}
	case <-time.After(patience):
		st.Fatalf("engine was not told %q", line)
	}
}

// event takes the next event.
func (st *stage) event(kind api.EventKind) api.Event {
	st.Helper()
	select {
	case ev := <-st.Events():
		if ev.Kind != kind {
			st.Fatalf("event %+v, want kind %d", ev, kind)
		}
		return ev
	case <-time.After(patience):
		st.Fatalf("no event of kind %d", kind)
	}
	return api.Event{}
}

// quiet checks that nothing more was said or told.
func (st *stage) quiet() {
	st.Helper()
	select {
	case line := <-st.engine.said:
		st.Errorf("engine was also told %q", line)
	case ev := <-st.Events():
		st.Errorf("there was also event %+v", ev)
	default:
	}
}
