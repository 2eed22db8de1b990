package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Golden bytes: what docs/PROTOCOL.md says, written out by hand. A change here is a change of the protocol.
func TestGoldenSession(t *testing.T) {
	h := Session{KeyPhase: 1, Path: 5, ConnID: 0x01020304, Number: 0x0a0b0c}
	want := unhex(t, "b4"+"01020304"+"0a0b0c")
	got := AppendSession(nil, h)
	if !bytes.Equal(got, want) {
		t.Fatalf("got %x, want %x", got, want)
	}
	back, body, ok := ParseSession(append(got, make([]byte, TagSize+3)...))
	if !ok || back != h || len(body) != TagSize+3 {
		t.Fatalf("parsed %+v, body of %d, %v", back, len(body), ok)
	}
	for _, bad := range [][]byte{nil, want, append([]byte{0xb5}, make([]byte, 40)...), append([]byte{0x34}, make([]byte, 40)...)} {
		if _, _, ok := ParseSession(bad); ok {
			t.Errorf("accepted %x", bad)
		}
	}
}

func TestGoldenMessages(t *testing.T) {
	for _, c := range []struct {
		m    Message
		last bool
		want string
	}{
		{Message{Mode: 0, Channel: 7, Sequence: 300, Payload: []byte("hi")}, true, "48" + "07" + "ac02" + "6869"},
		{Message{Mode: 0, Channel: 7, Sequence: 300, Payload: []byte("hi")}, false, "40" + "07" + "ac02" + "02" + "6869"},
		{Message{Mode: 2, Channel: 0, Sequence: 0xfffe, Payload: []byte("x")}, false, "42" + "00" + "fffe" + "01" + "78"},
		{Message{Mode: 3, Channel: 1, Sequence: 1, Fragment: true, Offset: 200, Size: 203, Payload: []byte("abc")}, true, "4f" + "01" + "0001" + "c801" + "cb01" + "616263"},
		{Message{Mode: 1, Channel: 255, Sequence: 0}, true, "49" + "ff" + "00"},
	} {
		got := AppendMessage(nil, &c.m, c.last)
		if !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%+v: got %x, want %s", c.m, got, c.want)
		}
		if size := MessageHeaderSize(&c.m, c.last) + len(c.m.Payload); size != len(got) {
			t.Errorf("%+v: header size says %d, it is %d", c.m, size, len(got))
		}
		r := NewReader(got)
		back := ReadMessage(&r, FrameType(r.U8()))
		if r.Err() || r.Len() != 0 || back.Sequence != c.m.Sequence || back.Offset != c.m.Offset || !bytes.Equal(back.Payload, c.m.Payload) {
			t.Errorf("%s: parsed %+v", c.want, back)
		}
	}
}

// Fragments that do not lie inside their message are refused, whatever they claim.
func TestHostileFragments(t *testing.T) {
	for _, s := range []string{
		"44" + "00" + "00" + "05" + "04" + "01" + "61",    // offset beyond size
		"44" + "00" + "00" + "04" + "05" + "02" + "6161",  // end beyond size
		"44" + "00" + "00" + "00" + "05" + "00",           // empty fragment
		"44" + "00" + "00" + "00" + "8080808010" + "0161", // size 2^32
		"40" + "00" + "00" + "05" + "61",                  // length beyond the packet
		"40" + "00" + "8000" + "00",                       // sequence not minimal
		"40" + "00" + "ffffffffffffffffffff01" + "00",     // sequence overlong
	} {
		b := unhex(t, s)
		r := NewReader(b)
		if m := ReadMessage(&r, FrameType(r.U8())); !r.Err() {
			t.Errorf("%s accepted as %+v", s, m)
		}
	}
}

func TestGoldenAck(t *testing.T) {
	a := Ack{Path: 2, Delay: 200, Ranges: []AckRange{{95, 100}, {90, 90}, {0, 3}}}
	want := unhex(t, "02"+"02"+"64"+"c801"+"03"+"05"+"03"+"00"+"55"+"03")
	got := AppendAck(nil, &a)
	if !bytes.Equal(got, want) {
		t.Fatalf("got %x, want %x", got, want)
	}
	var back Ack
	r := NewReader(got[1:])
	if ReadAck(&r, &back); r.Err() || !reflect.DeepEqual(a, back) {
		t.Fatalf("parsed %+v", back)
	}
	for _, s := range []string{
		"02" + "64" + "00" + "00",                      // no range
		"02" + "04" + "00" + "01" + "05",               // range below zero
		"02" + "04" + "00" + "02" + "00" + "04" + "00", // gap below zero
		"08" + "04" + "00" + "01" + "00",               // path 8
		"02" + "04" + "00" + "21" + "00",               // 33 ranges
	} {
		r := NewReader(unhex(t, s))
		if ReadAck(&r, &back); !r.Err() {
			t.Errorf("%s accepted: %+v", s, back)
		}
	}
}

func TestGoldenRepair(t *testing.T) {
	coded := []byte{0, 1, 0x33}
	got := append(AppendRepair(nil, 0x155), coded...) // of packet n: n-1, n-3, n-5, n-7 and n-9
	if want := unhex(t, "0c"+"d502"+"000133"); !bytes.Equal(got, want) {
		t.Fatalf("REPAIR is %x, want %x", got, want)
	}
	r := NewReader(got[1:])
	if f := ReadRepair(&r); r.Err() || r.Len() != 0 || f.Covered != 0x155 || !bytes.Equal(f.Coded, coded) {
		t.Fatalf("parsed %+v", f)
	}
	for _, s := range []string{
		"00" + "000133",         // covers nothing
		"01" + "0001",           // no room for a block
		"8080808010" + "000133", // covers packet n-33
		"ff03" + "000133",       // nine packets
		"01" + strings.Repeat("00", MaxRepairCoded+1),
	} {
		r := NewReader(unhex(t, s))
		if f := ReadRepair(&r); !r.Err() {
			t.Errorf("%s accepted: %+v", s, f)
		}
	}

	f := Repaired{Path: 2, Newest: 300, Earlier: 0x81}
	got = AppendRepaired(nil, f)
	if want := unhex(t, "0e"+"02"+"ac02"+"8101"); !bytes.Equal(got, want) {
		t.Fatalf("REPAIRED is %x, want %x", got, want)
	}
	r = NewReader(got[1:])
	if back := ReadRepaired(&r); r.Err() || r.Len() != 0 || back != f {
		t.Fatalf("parsed %+v", back)
	}
	for _, s := range []string{"08" + "01" + "00", "02" + "01" + "8080808010", "02"} {
		r := NewReader(unhex(t, s))
		if f := ReadRepaired(&r); !r.Err() {
			t.Errorf("%s accepted: %+v", s, f)
		}
	}
	if n := len(AppendRepaired(nil, Repaired{Newest: 1<<64 - 1, Earlier: 1<<32 - 1})); n != RepairedSize {
		t.Errorf("REPAIRED of %d bytes, RepairedSize is %d", n, RepairedSize)
	}
	if n := len(AppendRepair(nil, 1<<32-1)); n != RepairFrameSize {
		t.Errorf("REPAIR of %d bytes, RepairFrameSize is %d", n, RepairFrameSize)
	}
}

func TestGoldenProbe(t *testing.T) {
	p := Probe{Challenge: true, ChallengeNonce: 1, Response: true, RespNonce: 0x0203, Observed: netip.MustParseAddrPort("192.0.2.1:80"), Size: 30}
	want := unhex(t, "05"+"0000000000000203"+"c0000201"+"0050"+"04"+"0000000000000001"+"00000000"+"0000")
	got := AppendProbe(nil, &p)
	if len(got) != 30 && len(want) != len(got) || !bytes.Equal(got[:24], want[:24]) {
		t.Fatalf("got %x, want %x", got, want)
	}
	if back, ok := ParseProbe(got); !ok || back != p {
		t.Fatalf("parsed %+v %v", back, ok)
	}
	for _, bad := range [][]byte{nil, {0, 0, 0}, {byte(FramePing)}, append(AppendChallenge(nil, 1), AppendChallenge(nil, 2)...), AppendChallenge(nil, 1)[:5]} {
		if _, ok := ParseProbe(bad); ok {
			t.Errorf("accepted %x", bad)
		}
	}
}

func TestProbeSizes(t *testing.T) {
	for _, c := range []struct{ got, want int }{
		{len(AppendChallenge(nil, 1)), ProbeChallengeSize},
		{len(AppendResponse(nil, 1, netip.MustParseAddrPort("192.0.2.1:80"))), ProbeResponseSize4},
		{len(AppendResponse(nil, 1, netip.MustParseAddrPort("[2001:db8::1]:80"))), ProbeResponseSize6},
	} {
		if c.got != c.want {
			t.Errorf("%d bytes, want %d", c.got, c.want)
		}
	}
}

func TestExpandNumber(t *testing.T) {
	for _, c := range []struct {
		largest uint64
		low     uint32
		want    uint64
	}{
		{0, 1, 1}, {0xffffff, 0, 0x1000000}, {0x1000000, 0xffffff, 0xffffff}, {0x1fffffe, 0xffffff, 0x1ffffff},
		{0x1fffffe, 5, 0x2000005}, {1 << 40, 7, 1<<40 + 7}, {0xa82f30ea, 0x9b3200 & 0xffffff, 0xa89b3200},
	} {
		if got := ExpandNumber(c.largest, c.low); got != c.want {
			t.Errorf("ExpandNumber(%#x, %#x) = %#x, want %#x", c.largest, c.low, got, c.want)
		}
	}
}

func signals() []Signal {
	addr := netip.MustParseAddrPort("203.0.113.9:4000")
	party := Party{Addrs: []netip.AddrPort{addr, netip.MustParseAddrPort("[2001:db8::1]:9")}, Profile: Profile{Mapping: 2, Filtering: 4, Certain: true, Allocation: 2, Step: -2, Low: 1, High: 65535, Poisonable: 2, OpenerTTL: 3}, RTTMillis: 40}
	grant := RelayGrant{Addr: addr, Handle: 9, Rate: RelayRate{1e6, 300}, Key: [32]byte{4}, Ticket: []byte("ticket")}
	member := Member{ID: 5, User: "ana", Key: [32]byte{6}}
	return []Signal{
		{Type: SigCreate, Request: 1, Max: 16, Flags: 2, Data: []byte("d")}, {Type: SigJoin, Request: 2, Text: "EABCDEFG", Flags: JoinPassword, Data: []byte("let me")}, {Type: SigLeave}, {Type: SigBye},
		{Type: SigSetData, Data: []byte("x"), Request: 8, Version: 9}, {Type: SigProfile, Profile: Profile{Mapping: 4, Filtering: 3}}, {Type: SigConnect, Member: 9, Data: []byte("y")},
		{Type: SigAccept, Intro: IntroID{1}, Noise: []byte("n")}, {Type: SigReject, Intro: IntroID{1}, Code: -400, Text: "no"},
		{Type: SigAnswer, Intro: IntroID{1}, Noise: []byte("m")}, {Type: SigAnswered, Intro: IntroID{1}, Noise: []byte("m")},
		{Type: SigJoined, Request: 3, Room: 4, Epoch: 5, Text: "E1234567", Member: 6, Owner: 7, Max: 8, Members: []Member{member, member}, Data: []byte("z"), Flags: JoinedRecovering | RoomPublic, Version: 9},
		{Type: SigRefused, Request: 3, Code: -303, Text: "no room"}, {Type: SigMemberJoined, Epoch: 1, Members: []Member{member}},
		{Type: SigMemberLeft, Epoch: 1, Member: 2, Code: -202}, {Type: SigOwner, Epoch: 1, Owner: 4}, {Type: SigRoomData, Epoch: 2, Data: []byte("q"), Version: 7, Request: 3, Code: -311},
		{Type: SigLeft, Code: -308, Text: "over"}, {Type: SigRequest, Intro: IntroID{3}, PSK: [32]byte{1}, Room: 2, Epoch: 3, Member: 4, Key: [32]byte{5}, Flags: 1, Data: []byte("hello")},
		{Type: SigIntroduction, Intro: IntroID{3}, PSK: [32]byte{1}, Room: 2, Epoch: 3, Member: 4, Key: [32]byte{5}, Party: party, Relay: grant, Noise: []byte("kk1"), Flags: IntroPunchGranted},
		{Type: SigAccepted, Intro: IntroID{3}, Party: party, Relay: grant}, {Type: SigRejected, Member: 4, Code: -400, Text: "no"},
		{Type: SigTicket, Request: 3600, Cookie: Cookie{7}, Data: []byte("t")}, {Type: SigClosing, Text: "bye"}, {Type: SigObserved, Addr: addr},
		{Type: SigPunch, Member: 4, Flags: PunchWanted}, {Type: SigPunchGrant, Member: 4, Flags: PunchGranted, Request: 10000},
		{Type: SigCandidates, Member: 4, Party: party},
		{Type: SigRejoin, Request: 1, Ticket: []byte("sealed"), Version: 7, Data: []byte("d")}, {Type: SigRoomTicket, Room: 2, Ticket: []byte("sealed")},
		{Type: SigMove, Request: 30000, Addrs: []netip.AddrPort{addr, addr}}, {Type: SigRefused, Request: 3, Code: int32(api.ErrUnavailable), Text: "no", Wait: 500},
		{Type: SigLeft, Code: int32(api.ErrUnavailable), Text: "no", Wait: 500}, {Type: SigRejected, Member: 4, Code: int32(api.ErrUnavailable), Text: "no", Wait: 500},
		{Type: SigAccepted, Intro: IntroID{3}, Party: party, Relay: grant, Backup: grant, Flags: IntroBackup},
		{Type: SigIntroduction, Intro: IntroID{3}, Party: party, Relay: grant, Noise: []byte("kk1"), Backup: grant, Flags: IntroBackup | IntroSameAddress},
		{Type: SigConfigure, Request: 1, Flags: RoomLocked, Clear: RoomPublic, Max: 4}, {Type: SigSetOwner, Request: 2, Member: 9},
		{Type: SigKick, Request: 3, Member: 9, Flags: KickBan, Text: "out"}, {Type: SigAdmit, Request: 4, Member: 9, Flags: AdmitYes, Text: "hi"},
		{Type: SigList, Request: 5, Max: 10, Data: []byte("ctf"), After: []byte("after")},
		{Type: SigUser, Request: 6, Flags: UserInvite, User: "bo", Data: []byte("come")}, {Type: SigPresence, Flags: PresenceNoInvite},
		{Type: SigRoomOptions, Epoch: 1, Flags: RoomPublic, Max: 5}, {Type: SigJoinRequest, Member: 9, User: "bo", Data: []byte("let me")},
		{Type: SigJoinGone, Member: 9}, {Type: SigUserIs, Request: 6, Flags: UserInRoom, Code: -311, Text: "no"},
		{Type: SigRooms, Request: 5, Rooms: []RoomEntry{{"E1234567", RoomPublic, 2, 8, []byte("ctf")}, {Code: "E7654321", Data: []byte{}}}, After: []byte("next")},
		{Type: SigDone, Request: 6}, {Type: SigInvited, User: "al", Text: "E1234567", Data: []byte("come")},
		{Type: SigOutcome, Member: 4, Code: -200},
		{Type: SigSetToken, Data: []byte("e30.e30.AA")}, {Type: SigTokenSet, Code: -340, Text: "expired", Request: 9}, {Type: SigTokenEnding, Request: 60},
		{Type: SigConnect, Member: 9, Data: []byte("y"), Flags: ConnectAsked},
	}
}

func TestSignalsSurviveTheTrip(t *testing.T) {
	for _, s := range signals() {
		b := AppendSignal(nil, &s)
		back, ok := ParseSignal(b)
		if !ok {
			t.Errorf("type %d: %x does not parse", s.Type, b)
			continue
		}
		if s.Data == nil {
			back.Data = nil
		}
		if s.Noise == nil {
			back.Noise = nil
		}
		if s.After == nil {
			back.After = nil
		}
		if !reflect.DeepEqual(s, back) {
			t.Errorf("type %d:\nsent %+v\ngot  %+v", s.Type, s, back)
		}
		for n := range b { // a message cut anywhere is refused
			if _, ok := ParseSignal(b[:n]); ok {
				t.Errorf("type %d: %d of %d bytes accepted", s.Type, n, len(b))
			}
		}
	}
}

// The cluster's signals, written out by hand from docs/PROTOCOL.md.
func TestGoldenClusterSignals(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.1:3478")
	for _, c := range []struct {
		s    Signal
		want string
	}{
		{Signal{Type: SigRejoin, Request: 1, Ticket: []byte("ab"), Version: 2, Data: []byte("c")}, "0c" + "00000001" + "0002" + "6162" + "00000002" + "0001" + "63"},
		{Signal{Type: SigRoomTicket, Room: 3, Ticket: []byte("ab")}, "51" + "0000000000000003" + "0002" + "6162"},
		{Signal{Type: SigMove, Request: 30000, Addrs: []netip.AddrPort{addr}}, "52" + "00007530" + "01" + "04c0000201" + "0d96"},
		{Signal{Type: SigLeft, Code: -312, Text: "x", Wait: 500}, "46" + "fffffec8" + "01" + "78" + "000001f4"},
		{Signal{Type: SigLeft, Code: -308, Text: "x", Wait: 500}, "46" + "fffffecc" + "01" + "78"},
		{Signal{Type: SigBye}, "0a"},
		{Signal{Type: SigSetToken, Data: []byte("ab")}, "14" + "0002" + "6162"},
		{Signal{Type: SigTokenSet, Code: -340, Text: "x", Request: 16}, "5a" + "fffffeac" + "01" + "78" + "00000010"},
		{Signal{Type: SigTokenEnding, Request: 60}, "5b" + "0000003c"},
		{Signal{Type: SigConnect, Member: 1, Flags: ConnectAsked}, "06" + "0000000000000001" + "0000" + "00000001"},
		{Signal{Type: SigConnect, Member: 1}, "06" + "0000000000000001" + "0000" + "00000000"},
		{Signal{Type: SigBye, Flags: ByeMoved}, "0a" + "00000001"},
	} {
		if got := AppendSignal(nil, &c.s); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%+v: got %x, want %s", c.s, got, c.want)
		}
	}
	long := Signal{Type: SigRejoin, Ticket: make([]byte, MaxRoomTicket+1)}
	if _, ok := ParseSignal(AppendSignal(nil, &long)); ok {
		t.Error("a room ticket over its limit is taken")
	}
	many := append(unhex(t, "52"+"00000000"+"09"), bytes.Repeat(unhex(t, "04c00002010d96"), 9)...)
	if _, ok := ParseSignal(many); ok {
		t.Error("nine nodes in a Move are taken")
	}
	refuse := AppendRefuse(nil, &Refuse{Version: 1, Code: -312, Wait: 30})
	if want := unhex(t, "c6"+"0001"+strings.Repeat("00", 16)+"fffffec8"+"0000001e"); !bytes.Equal(refuse, want) {
		t.Errorf("REFUSE %x, want %x", refuse, want)
	}
	if m, ok := ParseRefuse(refuse); !ok || m.Wait != 30 {
		t.Errorf("parsed %+v %v", m, ok)
	}
	if _, ok := ParseRefuse(refuse[:len(refuse)-4]); ok {
		t.Error("UNAVAILABLE without its time is taken")
	}
}

func TestGoldenRoomTicket(t *testing.T) {
	m := RoomTicket{Room: 1, App: "a", Code: "E1234567", Epoch: 2, Max: 16, Flags: 3, Member: 4, Owner: 5, Members: 6, Version: 7, Digest: [8]byte{8}, Expiry: 9, Bans: [][8]byte{{10}}}
	want := unhex(t, "0000000000000001"+"0161"+"084531323334353637"+"00000002"+"10"+"00000003"+"0000000000000004"+"0000000000000005"+"06"+
		"00000007"+"0800000000000000"+"0000000000000009"+"01"+"0a00000000000000")
	got := AppendRoomTicket(nil, &m)
	if !bytes.Equal(got, want) {
		t.Fatalf("got %x, want %x", got, want)
	}
	if back, ok := ParseRoomTicket(got); !ok || !reflect.DeepEqual(m, back) {
		t.Errorf("parsed %+v %v", back, ok)
	}
	for n := range got {
		if _, ok := ParseRoomTicket(got[:n]); ok {
			t.Errorf("%d of %d bytes accepted", n, len(got))
		}
	}
	m.App, m.Bans = strings.Repeat("a", 64), make([][8]byte, MaxTicketBans)
	if sealed := len(AppendRoomTicket(nil, &m)) + 40; sealed > MaxRoomTicket {
		t.Errorf("the largest is %d bytes, %d are allowed", sealed, MaxRoomTicket)
	}
}

func TestHandshakeSizes(t *testing.T) {
	init := AppendInit(nil, &Init{Version: 1})
	retry := AppendRetry(nil, &Retry{Version: 1})
	refuse := AppendRefuse(nil, &Refuse{})
	hello := AppendHello(nil, &Hello{Noise: make([]byte, 200)})
	if len(init) < BaseDatagram || len(hello) < BaseDatagram {
		t.Errorf("INIT %d B, HS1 %d B: both must be ≥ %d", len(init), len(hello), BaseDatagram)
	}
	if len(retry) > 64 || len(refuse) > 64 {
		t.Errorf("RETRY %d B, REFUSE %d B: both must be ≤ 64", len(retry), len(refuse))
	}
	bind := len(AppendBind(nil, &Bind{Ticket: make([]byte, 20)})) + RelayMACSize
	if challenge := len(AppendBindChallenge(nil, &BindChallenge{})); challenge > bind {
		t.Errorf("relay CHALLENGE of %d B answers a BIND of %d B", challenge, bind)
	}
}

func TestServerInfoSurvives(t *testing.T) {
	m := ServerInfo{Flags: 1, ConnID: 2, Observed: netip.MustParseAddrPort("192.0.2.7:7"), User: "u", Member: 3, AddressToken: Cookie{4}, Ticket: []byte("t"),
		TicketLife: 3600, STUNToken: [16]byte{9}, STUNPorts: []uint16{3478, 3479}, Nodes: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.8:3478")}}
	if back, ok := ParseServerInfo(append(AppendServerInfo(nil, &m), 1, 2, 3)); !ok || !reflect.DeepEqual(m, back) {
		t.Errorf("got %+v %v", back, ok)
	}
	c := ClientInfo{Flags: 1, App: "game", User: "ana", Token: []byte("jwt")}
	if back, ok := ParseClientInfo(AppendClientInfo(nil, &c)); !ok || !reflect.DeepEqual(c, back) {
		t.Errorf("got %+v %v", back, ok)
	}
	p := PeerInfo{Flags: 1, ConnID: 9, LAN: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:5")}}
	if back, ok := ParsePeerInfo(AppendPeerInfo(nil, &p)); !ok || !reflect.DeepEqual(p, back) {
		t.Errorf("got %+v %v", back, ok)
	}
}

// FuzzParse gives every parser any bytes: none may panic, and what parses must survive being written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range signals() {
		f.Add(AppendSignal(nil, &s))
	}
	f.Add(AppendSession(nil, Session{}))
	f.Add(AppendAck(nil, &Ack{Ranges: []AckRange{{1, 5}}}))
	f.Add(AppendMessage(nil, &Message{Payload: []byte("abc"), Fragment: true, Size: 9}, false))
	f.Add(append(AppendRepair(nil, 5), 0, 1, 2))
	f.Add(AppendSwitch(nil, Switch{Path: 2, WaitMillis: 25, Last: 900}))
	f.Add(AppendRepaired(nil, Repaired{Path: 2, Newest: 9, Earlier: 3}))
	f.Add(AppendHello(nil, &Hello{Noise: []byte{1}}))
	f.Add(AppendRelayTicket(nil, &RelayTicket{}))
	f.Add(AppendRoomTicket(nil, &RoomTicket{Room: 1, App: "a", Code: "E1234567", Bans: [][8]byte{{1}}}))
	f.Add(AppendRefuse(nil, &Refuse{Code: int32(api.ErrUnavailable), Wait: 9}))
	f.Add(AppendServerInfo(nil, &ServerInfo{Nodes: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.8:3478")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := ParseSignal(b); ok {
			again := AppendSignal(nil, &s)
			if back, ok := ParseSignal(again); !ok || !bytes.Equal(AppendSignal(nil, &back), again) {
				t.Errorf("signal %x does not survive", b)
			}
		}
		if m, ok := ParseHello(b); ok {
			AppendHello(nil, &m)
		}
		if m, ok := ParseRoomTicket(b); ok && !bytes.Equal(AppendRoomTicket(nil, &m), b) {
			t.Errorf("room ticket %x does not survive", b)
		}
		ParseInit(b)
		ParseRetry(b)
		ParseWelcome(b)
		ParseRefuse(b)
		ParseServerInfo(b)
		ParseClientInfo(b)
		ParsePeerInfo(b)
		ParseBind(b)
		ParseBind2(b)
		ParseBindChallenge(b)
		ParseBound(b)
		ParseRelayed(b)
		ParseRelayTicket(b)
		ParseSession(b)
		if p, ok := ParseProbe(b); ok && p.Size == len(b) {
			if back, ok := ParseProbe(AppendProbe(nil, &p)); !ok || back != p {
				t.Errorf("probe %x does not survive: %+v, %+v", b, p, back)
			}
		}
		r := NewReader(b)
		var a Ack
		for r.Len() > 0 && !r.Err() {
			switch typ := FrameType(r.U8()); {
			case typ.IsMessage():
				if m := ReadMessage(&r, typ); !r.Err() && (int(m.Offset)+len(m.Payload) > int(m.Size)) {
					t.Errorf("fragment outside its message: %+v", m)
				}
			case typ == FrameAck:
				if ReadAck(&r, &a); !r.Err() {
					last := a.Ranges[0].High + 1
					for _, rg := range a.Ranges {
						if rg.Low > rg.High || rg.High >= last {
							t.Fatalf("ranges out of order: %+v", a.Ranges)
						}
						last = rg.Low
					}
				}
			case typ == FrameRepair:
				if f := ReadRepair(&r); !r.Err() && (f.Covered == 0 || len(f.Coded) > MaxRepairCoded) {
					t.Errorf("REPAIR %+v", f)
				}
			case typ == FrameRepaired:
				if f := ReadRepaired(&r); !r.Err() && int(f.Path) >= PathCount {
					t.Errorf("REPAIRED %+v", f)
				}
			case typ == FrameNumber:
				if f := ReadNumber(&r); !r.Err() && f.Number > MaxNumber {
					t.Errorf("NUMBER %+v", f)
				}
			case typ == FrameCrypto:
				if f := ReadCrypto(&r); !r.Err() && (f.Size > MaxCrypto || int(f.Offset)+len(f.Payload) > int(f.Size)) {
					t.Errorf("CRYPTO %+v", f)
				}
			case typ == FrameSwitch:
				if f := ReadSwitch(&r); !r.Err() && f.Path >= PathProbe {
					t.Errorf("SWITCH %+v", f)
				}
			case typ == FrameClose:
				ReadClose(&r)
			default:
				r.Varint()
			}
		}
	})
}

// The NUMBER frame, byte by byte, and its bounds.
func TestNumberFrame(t *testing.T) {
	f := Number{Mode: 3, Channel: 9, Number: 300}
	b := AppendNumber(nil, f)
	if want := []byte{0x0d, 3, 9, 0xac, 2}; !bytes.Equal(b, want) {
		t.Fatalf("%x, want %x", b, want)
	}
	r := NewReader(b[1:])
	if got := ReadNumber(&r); got != f || r.Err() || r.Len() != 0 {
		t.Errorf("%+v", got)
	}
	for _, bad := range []Number{{Mode: 1}, {Mode: 4}, {Mode: 2, Number: MaxNumber + 1}} {
		r := NewReader(AppendNumber(nil, bad)[1:])
		if ReadNumber(&r); !r.Err() {
			t.Errorf("%+v is taken", bad)
		}
	}
	if n := len(AppendNumber(nil, Number{Number: MaxNumber})); n != NumberSize {
		t.Errorf("NUMBER of %d bytes, NumberSize is %d", n, NumberSize)
	}
}

// The SWITCH frame, byte by byte, and its bounds.
func TestSwitchFrame(t *testing.T) {
	f := Switch{Path: 2, WaitMillis: 25, Last: 300}
	got := AppendSwitch(nil, f)
	if want := unhex(t, "07"+"02"+"19"+"ac02"); !bytes.Equal(got, want) {
		t.Fatalf("SWITCH is %x, want %x", got, want)
	}
	r := NewReader(got[1:])
	if back := ReadSwitch(&r); r.Err() || r.Len() != 0 || back != f {
		t.Fatalf("parsed %+v", back)
	}
	for _, s := range []string{"07" + "19" + "01", "02" + "19", "02", ""} { // the path of probes has no such messages
		r := NewReader(unhex(t, s))
		if f := ReadSwitch(&r); !r.Err() {
			t.Errorf("%q accepted: %+v", s, f)
		}
	}
	if n := len(AppendSwitch(nil, Switch{Last: 1<<64 - 1})); n != SwitchSize {
		t.Errorf("SWITCH of %d bytes, SwitchSize is %d", n, SwitchSize)
	}
}
