//go:build linux

package server

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// TestServerUnderFire is a server's bad night in ten seconds, on real sockets: two players are linked and play through the relay
// while strangers do all that they can without a key. What must hold: the players lose nothing, whoever has proved nothing gets no more
// bytes than it sent, memory stays where it was, and the operator sees by reason what it is, in metrics and in a few lines.
func TestServerUnderFire(t *testing.T) {
	var log lines
	s, _ := start(t, Config{Data: t.TempDir(), Privacy: "relay-only", Capacity: 400, TLSListen: walled + ":0", WSListen: walled + ":0",
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	address, err := secure.ParseServerAddress(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	f := &fire{T: t, s: s, began: time.Now(), server: netip.MustParseAddrPort(address.Hosts[0]), key: address.Key,
		tls: netip.AddrPortFrom(netip.MustParseAddr(walled), address.TLS), ws: s.doors.listeners[1].Addr().(*net.TCPAddr).AddrPort()}
	f.static, _ = secure.GenerateKey(rand.Reader)
	f.host, f.guest, f.toGuest, f.toHost = meet(t, s.Address(), s.Address())
	f.unharmed("before")
	before := heap()

	slow := f.slowConnections() // they take as long as the server lets them: the rest goes on meanwhile
	f.malformed()
	f.unharmed("malformed datagrams")
	many := halfOpenLinks
	if raceEnabled {
		many /= 10 // cryptography is ten times as slow
	}
	f.halfOpen(many)
	f.unharmed("half-open handshakes")
	slow.wait()
	f.unharmed("slow connections")
	f.crowdedDoor()
	f.unharmed("a crowded door")
	f.neverRead()
	f.unharmed("streams that are never read")

	// A half-open link is as large as one in use for its ten seconds, and a replay of its Hello remembered for four minutes.
	links, each := f.snapshot().Links, uint64(14<<10)
	after := heap()
	t.Logf("%d KB of heap more, %d half-open links", int64(after-before)>>10, links)
	if after > before+uint64(links)*each+8<<20 {
		t.Errorf("%d MB of heap more, with %d half-open links", (after-before)>>20, links)
	}
	f.counted("format", "stun", "session_unknown", "handshake_malformed", "handshake_version", "handshake_key", "handshake_ticket",
		"handshake_content", "handshake_limit", "relay_handle", "relay_format", "link_auth",
		"tcp_address_full", "tcp_pushed_out", "tcp_slow", "tcp_broken", "tcp_not_found", "tcp_gone")
	if n := log.count("thrown away since the last such line"); n != 1 {
		t.Errorf("%d summaries of what was thrown away:\n%s", n, log.String())
	}
	if n := log.count("handshake refused: too many in a short time from 127.20.0.0/24"); n < 1 || n > refusalsWritten {
		t.Errorf("%d lines of refusals from one address within a second", n)
	}
	if n := log.count("panic") + log.count("internal error"); n != 0 {
		t.Errorf("internal errors:\n%s", log.String())
	}
}

// lines is a log in memory.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

// heap is what lives in this process, the players and the strangers of the test included.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fire is the strangers and their victims.
type fire struct {
	*testing.T
	s       *Server
	server  netip.AddrPort
	tls, ws netip.AddrPort
	key     secure.PublicKey
	static  secure.PrivateKey // the strangers'

	began           time.Time
	host, guest     *player
	toGuest, toHost api.PeerHandle
	version         uint64
}

// unharmed wants the players to talk through the relay and to hear of a change in their room, over links that were up all the time.
func (f *fire) unharmed(after string) {
	f.Helper()
	f.Logf("%v: after %s", time.Since(f.began).Round(time.Millisecond), after)
	talk(f.host, f.guest, f.toGuest, f.toHost, 40)
	f.version++
	f.host.Do(node.Command{Kind: node.CmdRoomSetData, Data: []byte{byte(f.version)}})
	if ev := f.guest.until(api.EventRoomData); len(ev.Data) != 1 || ev.Data[0] != byte(f.version) {
		f.Errorf("after %s: room data %v", after, ev.Data)
	}
	if f.s.Ready() != nil {
		f.Errorf("after %s the server is not ready", after)
	}
}

// counted wants every reason to have been counted, once the server has seen all.
func (f *fire) counted(reasons ...string) {
	f.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		snap, missing := f.snapshot(), []string{}
		for _, reason := range reasons {
			n, found := uint64(0), snap.Drops
			name, tcp := strings.CutPrefix(reason, "tcp_")
			if tcp {
				found = snap.Connections
			}
			for _, c := range found {
				if c.Reason == name {
					n = c.Count
				}
			}
			if n == 0 {
				missing = append(missing, reason)
			}
		}
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) {
			f.Errorf("not counted: %v; datagrams %v, connections %v", missing, snap.Drops, snap.Connections)
			return
		}
	}
}

// stranger is one who sends datagrams from an address of its own, and keeps the books.
type stranger struct {
	*fire
	socket  *net.UDPConn
	in, out int // bytes, as the server sees them
	answer  [2048]byte
}

func (f *fire) stranger(from string) *stranger {
	socket, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(f.server))
	if err != nil {
		f.Fatal(err)
	}
	return &stranger{fire: f, socket: socket}
}

func (s *stranger) send(b []byte) {
	s.in += len(b)
	_, _ = s.socket.Write(b) // too large a one is the kernel's to refuse
}

// hear gives the next answer, nil if none comes.
func (s *stranger) hear(patience time.Duration) []byte {
	s.socket.SetReadDeadline(time.Now().Add(patience))
	n, err := s.socket.Read(s.answer[:])
	if err != nil {
		return nil
	}
	s.out += n
	return s.answer[:n]
}

// ask sends until an answer of a type comes.
func (s *stranger) ask(b []byte, types ...byte) []byte {
	s.Helper()
	for range 10 {
		s.send(b)
		for a := s.hear(time.Second); a != nil; a = s.hear(time.Second) {
			if bytes.IndexByte(types, a[0]) >= 0 {
				return a
			}
		}
	}
	s.Fatalf("no answer to a datagram of type %x", b[0])
	return nil
}

func (s *stranger) cookie() (m wire.Retry) {
	init := wire.Init{Version: wire.Version}
	rand.Read(init.Random[:])
	m, _ = wire.ParseRetry(s.ask(wire.AppendInit(nil, &init), wire.TypeRetry))
	return m
}

// hello begins a handshake; change spoils it before it is sealed.
func (s *stranger) hello(change func(m *wire.Hello, cfg *secure.LinkConfig, info *wire.ClientInfo)) ([]byte, *secure.LinkHandshake) {
	s.Helper()
	retry := s.cookie()
	m := wire.Hello{Version: wire.Version, ConnID: 7, Random: retry.Random, Cookie: retry.Cookie}
	cfg := secure.LinkConfig{Rand: rand.Reader, Static: s.static, Server: s.key}
	info := wire.ClientInfo{App: "test"}
	if change != nil {
		change(&m, &cfg, &info)
	}
	cfg.Prologue = wire.AppendHelloPrologue(nil, &m)
	hs, noise, err := secure.NewLinkInitiator(cfg, m.ConnID, &info)
	if err != nil {
		s.Fatal(err)
	}
	m.Noise = noise
	return wire.AppendHello(nil, &m), hs
}

// malformed sends every kind of datagram cut off at each length, too long, of another version, and noise.
func (f *fire) malformed() {
	s := f.stranger("127.20.0.1")
	defer s.socket.Close()
	rng := mathrand.NewChaCha8([32]byte{1})
	for _, good := range goodDatagrams() {
		for n := 0; n <= len(good); n += 1 + n/64*23 {
			s.send(good[:n])
			noise := bytes.Clone(good[:n])
			if n > 1 {
				rng.Read(noise[1:])
			}
			s.send(noise)
			if n%4 == 0 { // an answer shows that the server keeps up
				s.cookie()
			}
		}
		for _, size := range []int{1500, 2048, 2049, 9000, 65507} {
			s.send(append(bytes.Clone(good), make([]byte, size-len(good))...))
		}
	}
	for range 2000 {
		b := make([]byte, mathrand.New(rng).IntN(1400))
		rng.Read(b)
		s.send(b)
	}
	// Those who get so far as to cost the server something.
	version := wire.Init{Version: wire.Version + 1}
	s.ask(wire.AppendInit(nil, &version), wire.TypeRetry)
	for name, change := range map[string]func(m *wire.Hello, cfg *secure.LinkConfig, info *wire.ClientInfo){
		"another version":      func(m *wire.Hello, _ *secure.LinkConfig, _ *wire.ClientInfo) { m.Version++ },
		"another server's key": func(_ *wire.Hello, cfg *secure.LinkConfig, _ *wire.ClientInfo) { cfg.Server = f.static.Public() },
		"a forged ticket": func(m *wire.Hello, _ *secure.LinkConfig, _ *wire.ClientInfo) {
			m.Resume, m.Ticket = true, bytes.Repeat([]byte{9}, 120)
		},
		"a name too long": func(_ *wire.Hello, _ *secure.LinkConfig, info *wire.ClientInfo) { info.App = strings.Repeat("x", 200) },
	} {
		b, _ := s.hello(change)
		if _, ok := wire.ParseRefuse(s.ask(b, wire.TypeRefuse, wire.TypeWelcome)); !ok {
			f.Errorf("%s is welcome", name)
		}
	}
	// A link of its own, whose id it knows: packets that don't open.
	b, hs := s.hello(nil)
	welcome, ok := wire.ParseWelcome(s.ask(b, wire.TypeWelcome))
	_, info, _, err := hs.Finish(welcome.Noise)
	if !ok || err != nil {
		f.Fatalf("an honest handshake fails: %v", err)
	}
	forged := binary.BigEndian.AppendUint32([]byte{0x80}, info.ConnID)
	for range 100 {
		s.send(append(forged, make([]byte, 60)...))
	}
	// More handshakes than an address may begin.
	for range 60 {
		b, _ := s.hello(nil)
		s.ask(b, wire.TypeRefuse, wire.TypeWelcome)
	}
	for s.hear(50*time.Millisecond) != nil {
	}
	if s.out > s.in {
		f.Errorf("%d bytes went to a stranger for %d", s.out, s.in)
	}
}

// goodDatagrams are one of each kind that a stranger can make.
func goodDatagrams() [][]byte {
	init := wire.Init{Version: wire.Version}
	hello := wire.Hello{Version: wire.Version, ConnID: 1, Noise: make([]byte, 300)}
	resume := wire.Hello{Resume: true, Version: wire.Version, ConnID: 1, Ticket: make([]byte, 150), Noise: make([]byte, 200)}
	bind := wire.AppendBind(nil, &wire.Bind{Ticket: make([]byte, 100)})
	bind2 := wire.AppendBind2(nil, &wire.Bind2{Ticket: make([]byte, 100)})
	return [][]byte{
		wire.AppendInit(nil, &init), wire.AppendHello(nil, &hello), wire.AppendHello(nil, &resume),
		wire.AppendRetry(nil, &wire.Retry{}), wire.AppendRefuse(nil, &wire.Refuse{}), wire.AppendWelcome(nil, &wire.Welcome{Noise: make([]byte, 200)}),
		append(bind, make([]byte, wire.RelayMACSize)...), append(bind2, make([]byte, wire.RelayMACSize)...),
		append(wire.AppendRelayed(nil, 0x01020304), make([]byte, 100)...), append([]byte{0x80, 1, 2, 3, 4}, make([]byte, 100)...),
		stun.AppendRequest(nil, &stun.Request{ID: stun.TransactionID{1}, HasToken: true}),
	}
}

// halfOpenLinks: most are more than the node's capacity lets through, and are told to come again.
const halfOpenLinks = 10_000

// halfOpen begins handshakes from as many addresses and lets each lie.
func (f *fire) halfOpen(many int) {
	const workers = 6
	var next, welcome, later, other atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(many); i = next.Add(1) {
				s := f.stranger(fmt.Sprintf("127.30.%d.%d", i>>8, i&255))
				b, _ := s.hello(nil)
				a := s.ask(b, wire.TypeWelcome, wire.TypeRefuse)
				if r, refused := wire.ParseRefuse(a); !refused {
					welcome.Add(1)
				} else if api.Code(r.Code) == api.ErrUnavailable && r.Wait > 0 {
					later.Add(1)
				} else {
					other.Add(1)
				}
				if s.out > s.in {
					f.Errorf("%d bytes went to a stranger for %d", s.out, s.in)
				}
				s.socket.Close()
			}
		})
	}
	all.Wait()
	f.Logf("of %d handshakes %d were done, %d told to come again", many, welcome.Load(), later.Load())
	if other.Load() != 0 || welcome.Load()+later.Load() != int64(many) || welcome.Load() == 0 {
		f.Errorf("%d handshakes had another end", other.Load())
	}
	if snap := f.snapshot(); snap.Links > int(welcome.Load())+100 {
		f.Errorf("%d links", snap.Links)
	}
}
