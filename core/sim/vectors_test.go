package sim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/musubi-p2p/musubi/core/lan"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// vectorsFile has golden bytes of everything that the protocol computes. This test checks that the product makes them,
// core/wire/decoder that the document does.
const vectorsFile = "../../docs/protocol-vectors.json"

var updateVectors = flag.Bool("vectors", false, "write docs/protocol-vectors.json anew: a change of the protocol")

type vector map[string]any

// run gives n bytes that count up from a value: easy to type, and no two the same.
func run(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func run32(from byte) [32]byte { return [32]byte(run(from, 32)) }

var vectorAddr = netip.MustParseAddrPort("203.0.113.9:4000")

func TestProtocolVectors(t *testing.T) {
	all := map[string][]vector{
		"link handshakes": {linkVector(t, false), linkVector(t, true)}, "player handshakes": {peerVector(t, false), peerVector(t, true)},
		"phases":         {phaseVector(t, false), phaseVector(t, true)},
		"packet numbers": numberVectors(), "relay legs": {bindVector(t)}, "local network": {lanVector(t)}, "STUN": {stunVector()}, "frames": frameVectors(),
	}
	got, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *updateVectors {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorsFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the product makes (%v). If the protocol is meant to change: go test ./core/sim -run Vectors -args -vectors", vectorsFile, err)
	}
}

// linkVector is a new or a resumed link: both messages, the resume secret, and a packet each way.
func linkVector(t *testing.T, resume bool) vector {
	client, server, secret := secure.PrivateKey(run(0x10, 32)), secure.PrivateKey(run(0x40, 32)), run32(0x70)
	hello := wire.Hello{Resume: resume, Version: wire.Version, ConnID: 0x0a0b0c0d, Random: [16]byte(run(0, 16)), Cookie: wire.Cookie(run(1, wire.CookieSize))}
	info := wire.ClientInfo{Flags: wire.FlagAES, App: "demo"}
	begin, answer := secure.NewLinkInitiator, secure.AnswerLink
	if resume {
		hello.Ticket, info.App = run(0xc0, 40), ""
		begin, answer = secure.NewResumeInitiator, secure.AnswerResume
	}
	prologue := wire.AppendHelloPrologue(nil, &hello)
	ephemeral := [2][]byte{run(0x90, 32), run(0xb0, 32)}
	h, msg1, err := begin(secure.LinkConfig{Rand: bytes.NewReader(ephemeral[0]), Static: client, Server: server.Public(), Secret: secret, Prologue: prologue}, hello.ConnID, &info)
	if err != nil {
		t.Fatal(err)
	}
	a, err := answer(secure.LinkConfig{Rand: bytes.NewReader(ephemeral[1]), Static: server, Secret: secret, Prologue: prologue}, msg1)
	if err != nil {
		t.Fatal(err)
	}
	msg2, theirs, _, err := a.Reply(hello.ConnID, &wire.ServerInfo{ConnID: 0x01020304, Observed: vectorAddr, User: "anon", Member: 7})
	if err != nil {
		t.Fatal(err)
	}
	ours, _, next, err := h.Finish(msg2)
	if err != nil {
		t.Fatal(err)
	}
	hello.Noise = msg1
	v := vector{
		"pattern": "IK", "client private": hex.EncodeToString(client[:]), "server public": hexOf(server.Public()), "client ephemeral private": hex.EncodeToString(ephemeral[0]),
		"hello": hex.EncodeToString(wire.AppendHello(nil, &hello)), "welcome": hex.EncodeToString(wire.AppendWelcome(nil, &wire.Welcome{Resumed: resume, ConnID: hello.ConnID, Noise: msg2})),
		"resume secret":    hexOf(next),
		"packet to server": sealed(ours, 2), "packet to client": sealed(theirs, 2),
	}
	if resume {
		v["pattern"], v["psk"] = "NNpsk0", hexOf(secret)
		delete(v, "client private")
		delete(v, "server public")
	}
	return v
}

// peerVector is the handshake between two players, with a room's password or without.
func peerVector(t *testing.T, password bool) vector {
	caller, callee, psk := secure.PrivateKey(run(0x11, 32)), secure.PrivateKey(run(0x41, 32)), run32(0x71)
	const room = 0x0123456789abcdef
	intro := wire.IntroID(run(0x21, 16))
	mixed, v := psk, vector{}
	if password {
		key := secure.RoomKey([]byte("sesame"), room)
		mixed = secure.MixPassword(psk, key)
		v["password"], v["room key"] = "sesame", hexOf(key)
	}
	prologue := secure.PeerPrologue("demo", room, 3, intro, caller.Public(), callee.Public(), 1)
	h, msg1, err := secure.NewPeerInitiator(secure.PeerConfig{Rand: bytes.NewReader(run(0x91, 32)), Static: callee, Remote: caller.Public(), PSK: mixed, Prologue: prologue,
		Info: wire.PeerInfo{Flags: wire.FlagAES, ConnID: 0x0a0b0c0d, MappedPort: 4000}})
	if err != nil {
		t.Fatal(err)
	}
	msg2, callers, _, err := secure.AnswerPeer(secure.PeerConfig{Rand: bytes.NewReader(run(0xb1, 32)), Static: caller, Remote: callee.Public(), PSK: mixed, Prologue: prologue,
		Info: wire.PeerInfo{Flags: wire.FlagAES, ConnID: 0x01020304, LAN: []netip.AddrPort{vectorAddr}}}, msg1)
	if err != nil {
		t.Fatal(err)
	}
	callees, _, err := h.Finish(msg2)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"app": "demo", "room": "81985529216486895", "epoch": 3, "introduction": hex.EncodeToString(intro[:]), "psk": hexOf(psk), "caller public": hexOf(caller.Public()),
		"callee private": hex.EncodeToString(callee[:]), "callee ephemeral private": hex.EncodeToString(run(0x91, 32)), "KK 1": hex.EncodeToString(msg1), "KK 2": hex.EncodeToString(msg2),
		"packet to caller": sealed(callees, 3), "packet to callee": sealed(callers, 0),
	} {
		v[name] = value
	}
	return v
}

// sealed is the fourth packet of a path: a PING and a PADDING.
func sealed(s *secure.Session, path wire.PathID) (out string) {
	for range 4 {
		b, _ := s.Begin(nil, path)
		out = hex.EncodeToString(s.Seal(append(b, 1, 0), 0))
	}
	return out
}

// phaseVector is a connection whose keys are renewed twice, first with a ratchet, then without: a packet each way before and after.
func phaseVector(t *testing.T, hybrid bool) vector {
	caller, callee, flags := secure.PrivateKey(run(0x11, 32)), secure.PrivateKey(run(0x41, 32)), uint32(wire.FlagRekey)
	if hybrid {
		flags |= wire.FlagAES | wire.FlagHybrid
	}
	cfg := func(own, other secure.PrivateKey, ephemeral byte) secure.PeerConfig {
		return secure.PeerConfig{Rand: bytes.NewReader(run(ephemeral, 32)), Static: own, Remote: other.Public(), Prologue: []byte("prologue"), Info: wire.PeerInfo{Flags: flags, ConnID: 7}}
	}
	h, msg1, err := secure.NewPeerInitiator(cfg(callee, caller, 0x91))
	if err != nil {
		t.Fatal(err)
	}
	msg2, b, _, err := secure.AnswerPeer(cfg(caller, callee, 0xb1), msg1)
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := h.Finish(msg2)
	if err != nil {
		t.Fatal(err)
	}
	both := func() vector {
		there, back := sealed(a, 3), ""
		if _, _, _, err := b.Open(unhex(t, there)); err != nil {
			t.Fatal(err)
		}
		if back = sealed(b, 0); a.HasOld() {
			a.DropOld()
		}
		if _, _, _, err := a.Open(unhex(t, back)); err != nil {
			t.Fatal(err)
		}
		return vector{"to caller": there, "to callee": back}
	}
	v := vector{"hybrid": hybrid, "callee private": hex.EncodeToString(callee[:]), "callee ephemeral private": hex.EncodeToString(run(0x91, 32)), "caller public": hexOf(caller.Public()),
		"KK 1": hex.EncodeToString(msg1), "KK 2": hex.EncodeToString(msg2), "phase 0": both()}
	offer, err := secure.NewOffer(bytes.NewReader(run(0x01, 96)), hybrid)
	if err != nil {
		t.Fatal(err)
	}
	answer, mix, err := secure.AnswerOffer(bytes.NewReader(run(0x61, 64)), offer.Message(), hybrid)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := offer.Finish(answer); err != nil || !bytes.Equal(again, mix) {
		t.Fatal("the two don't agree", err)
	}
	b.Expect(mix)
	a.Advance(mix)
	v["answer's private key"], v["encapsulation's random bytes"] = hex.EncodeToString(run(0x61, 32)), hex.EncodeToString(run(0x81, 32))
	v["offer"], v["answer"], v["mix"], v["phase 1, mixed"] = hex.EncodeToString(offer.Message()), hex.EncodeToString(answer), hex.EncodeToString(mix), both()
	a.DropOld()
	a.Advance(nil)
	v["phase 2, symmetric"] = both()
	return v
}

func unhex(t *testing.T, text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func numberVectors() (out []vector) {
	for _, c := range []struct {
		largest uint64
		low     uint32
	}{{0, 1}, {1<<24 - 1, 0}, {1 << 24, 1<<24 - 1}, {1<<25 - 2, 1<<24 - 1}, {1<<25 - 2, 5}, {1 << 40, 7}, {0xa82f30ea, 0x9b3200}} {
		out = append(out, vector{"largest": c.largest, "low": c.low, "number": wire.ExpandNumber(c.largest, c.low)})
	}
	return out
}

func bindVector(t *testing.T) vector {
	key, ticket, nonce, cookie := run32(0x12), run(0xc0, 60), [16]byte(run(0x30, 16)), wire.Cookie(append([]byte{1}, run(1, wire.CookieSize-1)...))
	c := relay.NewClient(relay.ClientConfig{Rand: bytes.NewReader(nonce[:]), Grant: wire.RelayGrant{Addr: vectorAddr, Key: key, Ticket: ticket}})
	c.Bind(Start)
	bind, ok := c.AppendTransmit(Start, nil)
	challenge := wire.AppendBindChallenge(nil, &wire.BindChallenge{Nonce: nonce, Cookie: cookie})
	if !ok || !c.HandleDatagram(Start, challenge) {
		t.Fatal("no BIND, or its CHALLENGE was refused")
	}
	bind2, _ := c.AppendTransmit(Start, nil)
	return vector{"leg key": hexOf(key), "BIND": hex.EncodeToString(bind), "CHALLENGE": hex.EncodeToString(challenge), "BIND2": hex.EncodeToString(bind2)}
}

func lanVector(t *testing.T) vector {
	const code = "EABCDEFG"
	h := lan.NewHost(Start, wire.LANAnnouncement{Session: 7, Port: 4000, Key: run32(0x13), App: "demo"})
	h.Show(1, 4, []byte("castle"), secure.NewLANTagger(code).Tag)
	query := wire.AppendLANQuery(nil, &wire.LANQuery{Nonce: 9, App: "demo"})
	answer, ok := h.AppendAnswer(Start, vectorAddr, query, nil)
	if !ok {
		t.Fatal("no answer")
	}
	key := argon2.IDKey([]byte(code), []byte("musubi lan 1 join code"), 1, 8<<10, 1, 32)
	return vector{"join code": code, "key": hex.EncodeToString(key), "query": hex.EncodeToString(query), "announcement": hex.EncodeToString(answer)}
}

func stunVector() vector {
	r := stun.Request{ID: stun.TransactionID(run(0x20, 12)), HasToken: true, Token: [16]byte(run(0x50, 16)), ChangePort: true, Size: 104}
	request := stun.AppendRequest(nil, &r)
	s := stun.Server{Public: netip.MustParseAddr("192.0.2.1"), Ports: []uint16{3478, 3479}}
	answer, _, _ := s.Answer(Start, 0, vectorAddr, stun.AppendRequest(nil, &stun.Request{ID: r.ID, Size: 104}), nil)
	return vector{"request": hex.EncodeToString(request), "answer": hex.EncodeToString(answer), "mapped": vectorAddr.String()}
}

// frameVectors have a frame of each kind whose layout says everything; MSG's and REPAIR's meaning is in the captures.
func frameVectors() (out []vector) {
	add := func(name string, b []byte, fields vector) {
		out = append(out, vector{"frame": name, "bytes": hex.EncodeToString(b), "fields": fields})
	}
	add("ACK", wire.AppendAck(nil, &wire.Ack{Path: 2, Delay: 200, Ranges: []wire.AckRange{{Low: 95, High: 100}, {Low: 90, High: 90}, {Low: 0, High: 3}}}),
		vector{"path": "2", "largest": "100", "delay µs": "200", "n": "3", "first": "5", "holes": "3 0 85 3"})
	add("CREDIT", wire.AppendCredit(nil, 300), vector{"total": "300"})
	add("CHALLENGE", wire.AppendChallenge(nil, 1), vector{"nonce": "1"})
	add("RESPONSE", wire.AppendResponse(nil, 515, netip.MustParseAddrPort("192.0.2.1:80")), vector{"nonce": "515", "IPv4 address": "3221225985", "port": "80"})
	add("CLOSE", wire.AppendClose(nil, wire.Close{Code: -401, Text: []byte("bye")}), vector{"code": "-401", "text": "627965"})
	add("SWITCH", wire.AppendSwitch(nil, wire.Switch{Path: 3, WaitMillis: 20, Last: 1 << 40}), vector{"path": "3", "wait ms": "20", "last": "1099511627776"})
	add("NUMBER", wire.AppendNumber(nil, wire.Number{Mode: 2, Channel: 7, Number: wire.MaxNumber}), vector{"mode": "2", "channel": "7", "number": "4611686018427387903"})
	add("REPAIRED", wire.AppendRepaired(nil, wire.Repaired{Path: 2, Newest: 300, Earlier: 0x81}), vector{"path": "2", "newest": "300", "earlier": "129"})
	add("SUSPEND", wire.AppendSuspend(nil, wire.Suspend{Turn: 2, Millis: 300_000}), vector{"turn": "2", "millis": "300000"})
	add("CRYPTO", wire.AppendCrypto(nil, &wire.Crypto{Sequence: 1, Offset: 1100, Size: 1216, Payload: run(7, 3)}), vector{"sequence": "1", "offset": "1100", "size": "1216", "payload": "070809"})
	add("PROBE_CTL", wire.AppendControl(nil, &wire.Control{Kind: wire.ControlSampled, Attempt: 1, Flags: 2, Low: 5, High: 6, Count: 7, LeadMillis: 8, Step: -2}),
		vector{"kind": "4", "attempt": "1", "flags": "2", "low": "5", "high": "6", "count": "7", "lead ms": "8", "step": "-2"})
	return out
}

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }
