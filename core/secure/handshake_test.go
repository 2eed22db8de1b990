package secure

import (
	"bytes"
	"errors"
	"math/rand"
	"net/netip"
	"reflect"
	"testing"

	"github.com/musubi-p2p/musubi/core/wire"
)

// players is what two clients were told about each other. Tests change one side before the handshake.
type players struct{ callee, caller PeerConfig }

func newPlayers(seed int64) players {
	rng := rand.New(rand.NewSource(seed))
	calleeKey, _ := GenerateKey(rng)
	callerKey, _ := GenerateKey(rng)
	var psk [32]byte
	rng.Read(psk[:])
	prologue := PeerPrologue("chess", 7, 3, wire.IntroID{9}, callerKey.Public(), calleeKey.Public(), wire.FlagAES)
	lan := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.2:4000"), netip.MustParseAddrPort("[fd00::2]:4000")}
	return players{
		callee: PeerConfig{Rand: rand.New(rand.NewSource(seed + 1)), Static: calleeKey, Remote: callerKey.Public(), PSK: psk, Prologue: prologue,
			Info: wire.PeerInfo{Flags: wire.FlagAES, ConnID: 0xca11ee00, LAN: lan}},
		caller: PeerConfig{Rand: rand.New(rand.NewSource(seed + 2)), Static: callerKey, Remote: calleeKey.Public(), PSK: psk, Prologue: prologue,
			Info: wire.PeerInfo{Flags: wire.FlagAES, ConnID: 0xca11e200}},
	}
}

// connect runs the handshake and returns both sessions and messages.
func (p players) connect(t testing.TB) (callee, caller *Session, msg1, msg2 []byte) {
	t.Helper()
	h, msg1, err := NewPeerInitiator(p.callee)
	if err != nil {
		t.Fatal(err)
	}
	msg2, caller, info, err := AnswerPeer(p.caller, msg1)
	if err != nil || !reflect.DeepEqual(info, p.callee.Info) {
		t.Fatal(info, err)
	}
	callee, info, err = h.Finish(msg2)
	if err != nil || !reflect.DeepEqual(info, p.caller.Info) {
		t.Fatal(info, err)
	}
	return callee, caller, msg1, msg2
}

func exchange(t testing.TB, from, to *Session, path wire.PathID, text string) {
	t.Helper()
	b, number := from.Begin(nil, path)
	b = from.Seal(append(b, text...), 0)
	p, n, frames, err := to.Open(b)
	if err != nil || p != path || n != number || string(frames) != text {
		t.Fatalf("path %d number %d %q: got %d, %d, %q, %v", path, number, text, p, n, frames, err)
	}
}

func TestPlayersAgree(t *testing.T) {
	for _, flags := range [][2]uint32{{wire.FlagAES, wire.FlagAES}, {wire.FlagAES, 0}, {0, wire.FlagAES}, {0, 0}} {
		p := newPlayers(1)
		p.callee.Info.Flags, p.caller.Info.Flags = flags[0], flags[1]
		callee, caller, msg1, msg2 := p.connect(t)
		if aes := flags[0]&flags[1] != 0; callee.AES() != aes || caller.AES() != aes {
			t.Fatal("AES only if both have it")
		}
		if callee.RemoteConnID() != 0xca11e200 || callee.LocalConnID() != 0xca11ee00 || caller.RemoteConnID() != callee.LocalConnID() {
			t.Fatal("connection ids are crossed")
		}
		if len(msg1) > wire.MaxHandshake || len(msg2) > wire.MaxHandshake {
			t.Fatal("too long for a signal")
		}
		for range 3 {
			exchange(t, callee, caller, 0, "to the caller")
			exchange(t, caller, callee, 0, "to the callee")
			exchange(t, caller, callee, 5, "elsewhere")
		}
	}
}

// A handshake with eight IPv6 addresses, the most, still fits the signal.
func TestLargestHandshakeFits(t *testing.T) {
	p := newPlayers(1)
	p.callee.Info.LAN = nil
	for i := range wire.MaxLANAddrs {
		p.callee.Info.LAN = append(p.callee.Info.LAN, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0xfd, byte(i)}), 9))
	}
	if _, _, msg1, _ := p.connect(t); len(msg1) > wire.MaxHandshake {
		t.Fatalf("message 1 has %d bytes", len(msg1))
	}
}

func TestSameRandomnessSameBytes(t *testing.T) {
	_, _, a1, a2 := newPlayers(4).connect(t)
	b, c, b1, b2 := newPlayers(4).connect(t)
	if !bytes.Equal(a1, b1) || !bytes.Equal(a2, b2) {
		t.Fatal("the handshake took randomness from elsewhere")
	}
	_, _, c1, _ := newPlayers(5).connect(t)
	if bytes.Equal(a1, c1) {
		t.Fatal("the seed does not matter")
	}
	if b.send.key == b.recv.key || b.send.iv == b.recv.iv || b.send.key != c.recv.key {
		t.Fatal("one key per direction")
	}
}

// Whatever the two were told differently, no session comes out.
func TestAnyDifferenceFails(t *testing.T) {
	key := func(p *players) (a, b PublicKey) { return p.caller.Static.Public(), p.callee.Static.Public() }
	differ := map[string]func(p *players){
		"psk":        func(p *players) { p.caller.PSK[31] ^= 1 },
		"callee key": func(p *players) { p.caller.Remote[0] ^= 1 },
		"caller key": func(p *players) { p.callee.Remote[0] ^= 1 },
		"own key":    func(p *players) { p.caller.Static[5] ^= 1 },
		"app": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chesS", 7, 3, wire.IntroID{9}, a, b, 1)
		},
		"room": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chess", 8, 3, wire.IntroID{9}, a, b, 1)
		},
		"epoch": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chess", 7, 4, wire.IntroID{9}, a, b, 1)
		},
		"intro": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chess", 7, 3, wire.IntroID{8}, a, b, 1)
		},
		"roles": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chess", 7, 3, wire.IntroID{9}, b, a, 1)
		},
		"features": func(p *players) {
			a, b := key(p)
			p.caller.Prologue = PeerPrologue("chess", 7, 3, wire.IntroID{9}, a, b, 0)
		},
	}
	for name, change := range differ {
		p := newPlayers(2)
		change(&p)
		_, msg1, err := NewPeerInitiator(p.callee)
		if err != nil {
			t.Fatal(name, err)
		}
		if msg2, s, _, err := AnswerPeer(p.caller, msg1); !errors.Is(err, ErrAuth) || s != nil || msg2 != nil {
			t.Errorf("%s: accepted (%v)", name, err)
		}
	}
	p := newPlayers(2) // and the unchanged one works, so the test tests something
	p.connect(t)
}

func TestDamagedHandshakes(t *testing.T) {
	p := newPlayers(3)
	h, msg1, _ := NewPeerInitiator(p.callee)
	for i := range msg1 {
		bad := bytes.Clone(msg1)
		bad[i] ^= 0x10
		if _, s, _, err := AnswerPeer(p.caller, bad); err == nil || s != nil {
			t.Fatalf("message 1 with byte %d changed was accepted", i)
		}
	}
	msg2, caller, _, err := AnswerPeer(p.caller, msg1)
	if err != nil {
		t.Fatal(err)
	}
	// Forgeries of message 2 of every sort come first; the true one still finishes the handshake.
	for i := range msg2 {
		bad := bytes.Clone(msg2)
		bad[i] ^= 0x10
		if s, _, err := h.Finish(bad); err == nil || s != nil {
			t.Fatalf("message 2 with byte %d changed was accepted", i)
		}
	}
	lowOrder := append(make([]byte, 32), msg2[32:]...)
	for _, bad := range [][]byte{nil, msg2[:20], msg2[:47], lowOrder} {
		if s, _, err := h.Finish(bad); err == nil || s != nil {
			t.Fatalf("%d bytes of nothing were accepted", len(bad))
		}
	}
	callee, _, err := h.Finish(msg2)
	if err != nil {
		t.Fatal("a forgery spoiled the handshake:", err)
	}
	exchange(t, callee, caller, 0, "alive")
	if _, _, err := h.Finish(msg2); !errors.Is(err, ErrReplay) {
		t.Fatal("a second session from one handshake:", err)
	}
}

func TestLinkHandshake(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	serverKey, _ := GenerateKey(rng)
	clientKey, _ := GenerateKey(rng)
	hello := wire.Hello{Version: wire.Version, ConnID: 0x1111, Random: [16]byte{1}}
	cfg := LinkConfig{Rand: rng, Static: clientKey, Server: serverKey.Public(), Prologue: wire.AppendHelloPrologue(nil, &hello)}
	info := wire.ClientInfo{Flags: wire.FlagAES, App: "chess", User: "ada", Token: bytes.Repeat([]byte{'t'}, wire.MaxToken)}
	h, msg1, err := NewLinkInitiator(cfg, hello.ConnID, &info)
	if err != nil {
		t.Fatal(err)
	}
	hello.Noise = msg1
	if n := len(wire.AppendHello(nil, &hello)); n != wire.ClientHelloSize {
		t.Fatalf("the largest token makes a Hello of %d bytes", n)
	}

	server := LinkConfig{Rand: rng, Static: serverKey, Prologue: cfg.Prologue}
	a, err := AnswerLink(server, msg1)
	if err != nil || a.Client != clientKey.Public() || !reflect.DeepEqual(a.Info, info) {
		t.Fatal(a, err)
	}
	sinfo := wire.ServerInfo{Flags: wire.FlagAES, ConnID: 0x2222, Member: 5, User: "ada", Observed: netip.MustParseAddrPort("192.0.2.1:99")}
	msg2, ss, sresume, err := a.Reply(hello.ConnID, &sinfo)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := a.Reply(hello.ConnID, &sinfo); err == nil {
		t.Fatal("one message 1, two sessions")
	}
	cs, got, cresume, err := h.Finish(msg2)
	if err != nil || got.Member != 5 || got.User != "ada" || got.Observed != sinfo.Observed {
		t.Fatal(got, err)
	}
	if cresume != sresume || cresume == [32]byte{} || !cs.AES() || !ss.AES() {
		t.Fatal("the ends don't agree")
	}
	exchange(t, cs, ss, 0, "up")
	exchange(t, ss, cs, 0, "down")

	// Another server's key, another prologue: nothing.
	other, _ := GenerateKey(rng)
	wrongKey, wrongPrologue := server, server
	wrongKey.Static, wrongPrologue.Prologue = other, append(bytes.Clone(cfg.Prologue), 0)
	for _, c := range []LinkConfig{wrongKey, wrongPrologue} {
		if _, err := AnswerLink(c, msg1); !errors.Is(err, ErrAuth) {
			t.Fatal(err)
		}
	}
}

func TestResumeHandshake(t *testing.T) {
	rng := rand.New(rand.NewSource(12))
	cfg := LinkConfig{Rand: rng, Secret: [32]byte{7}, Prologue: []byte("resume hello")}
	h, msg1, err := NewResumeInitiator(cfg, 0x1111, &wire.ClientInfo{App: "chess"})
	if err != nil {
		t.Fatal(err)
	}
	wrong := cfg
	wrong.Secret[0]++
	if _, err := AnswerResume(wrong, msg1); !errors.Is(err, ErrAuth) {
		t.Fatal("a client without the ticket's secret:", err)
	}
	a, err := AnswerResume(cfg, msg1)
	if err != nil || a.Client != (PublicKey{}) {
		t.Fatal(err)
	}
	msg2, ss, sresume, err := a.Reply(0x1111, &wire.ServerInfo{ConnID: 0x2222})
	if err != nil {
		t.Fatal(err)
	}
	cs, _, cresume, err := h.Finish(msg2)
	if err != nil || cresume != sresume || cresume == cfg.Secret {
		t.Fatal("the next secret must be new and shared:", err)
	}
	exchange(t, cs, ss, 0, "up")
	exchange(t, ss, cs, 0, "down")
}

func TestKeysDontPrint(t *testing.T) {
	k, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{0x42}, 32)))
	if err != nil || k.String() != "(private key)" || k.GoString() != "(private key)" {
		t.Fatal(err)
	}
	if _, err := GenerateKey(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Fatal("a short random source went unnoticed")
	}
	if Derive([32]byte{1}, "a") == Derive([32]byte{1}, "b") || Derive([32]byte{1}, "a") == Derive([32]byte{2}, "a") {
		t.Fatal("derived keys collide")
	}
	if RelayLegKey([32]byte{1}, []byte("t1")) == RelayLegKey([32]byte{1}, []byte("t2")) {
		t.Fatal("leg keys collide")
	}
}
