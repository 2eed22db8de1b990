package stun

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	pion "github.com/pion/stun/v2"
)

var (
	zero   = time.Unix(1000, 0)
	client = netip.MustParseAddrPort("198.51.100.7:40000")
	token  = [16]byte{7, 7, 7}
)

func testServer() *Server {
	return &Server{
		Public: netip.MustParseAddr("203.0.113.1"), Ports: []uint16{3478, 3479, 3480},
		CheckToken: func(now time.Time, ip netip.Addr, t [16]byte) bool {
			return now.Equal(zero) && ip == client.Addr() && t == token
		},
	}
}

// The smallest request there is: 20 bytes, as turnutils_stunclient sends it.
func TestBareRequest(t *testing.T) {
	bare := begin(pion.BindingRequest, testID).Raw
	for _, from := range []string{"198.51.100.7:40000", "[2001:db8::7]:40000", "[::ffff:198.51.100.7]:40000"} {
		addr := netip.MustParseAddrPort(from)
		b, reply, ok := testServer().Answer(zero, 0, addr, bare, []byte("kept"))
		if !ok || string(b[:4]) != "kept" || reply != (Reply{}) {
			t.Fatal(reply, ok)
		}
		r, ok := ParseResponse(b[4:])
		if !ok || r.ID != testID || r.Mapped != netip.AddrPortFrom(addr.Addr().Unmap(), 40000) {
			t.Fatalf("%+v %v", r, ok)
		}
		if len(b)-4 > 44 {
			t.Fatalf("%d bytes for 20", len(b)-4)
		}
	}
}

// With a second address the answer to a bare request tells that, before anything else: foreign discovery programs, as
// turnutils_natdiscovery, send 20 bytes and go no further without it.
func TestBareRequestIsToldTheOtherAddress(t *testing.T) {
	s := testServer()
	s.Alternate = netip.MustParseAddr("203.0.113.2")
	b, _, _ := s.Answer(zero, 0, client, begin(pion.BindingRequest, testID).Raw, nil)
	if r, ok := ParseResponse(b); !ok || len(b) > 44 || r.Mapped != client || r.Other != netip.MustParseAddrPort("203.0.113.2:3479") {
		t.Fatalf("%+v in %d bytes", r, len(b))
	}
}

// A padded request of ours gets everything, in no more bytes than it has.
func TestFullAnswer(t *testing.T) {
	s := testServer()
	s.Alternate = netip.MustParseAddr("203.0.113.2")
	for _, from := range []netip.AddrPort{client, netip.MustParseAddrPort("[2001:db8::7]:40000")} {
		q := AppendRequest(nil, &Request{ID: testID, HasToken: true, Token: token, Size: 104})
		b, reply, ok := s.Answer(zero, 0, from, q, nil)
		r, ok2 := ParseResponse(b)
		if !ok || !ok2 || reply.Trusted != (from == client) || r.Origin != netip.MustParseAddrPort("203.0.113.1:3478") || r.Other != netip.MustParseAddrPort("203.0.113.2:3479") {
			t.Fatalf("%+v %+v", r, reply)
		}
		if len(b) > len(q) || b[len(b)-8] != 0x80 || b[len(b)-7] != 0x28 {
			t.Fatalf("%d bytes for %d, or no fingerprint", len(b), len(q))
		}
	}
}

// An answer from another port is for clients whose address the link has proven.
func TestChangePort(t *testing.T) {
	s := testServer()
	ask := func(socket int, r Request) (Reply, []byte, bool) {
		r.ID = testID
		b, reply, ok := s.Answer(zero, socket, client, AppendRequest(nil, &r), nil)
		return reply, b, ok
	}
	for socket, want := range []int{1, 2, 1} {
		reply, b, ok := ask(socket, Request{ChangePort: true, HasToken: true, Token: token, Size: 104})
		r, _ := ParseResponse(b)
		if !ok || reply.Socket != want || !reply.Trusted || r.Origin.Port() != s.Ports[want] {
			t.Fatalf("socket %d: %+v %+v", socket, reply, r)
		}
	}
	if reply, b, ok := ask(1, Request{ChangePort: true, HasToken: true}); !ok || !reply.Refused || reply.Socket != 1 || reply.Trusted {
		t.Fatalf("wrong token: %+v", reply)
	} else if r, ok := ParseResponse(b); !ok || r.Code != CodeUnknownAttribute {
		t.Fatalf("%+v", r)
	}
	if reply, _, ok := ask(1, Request{ChangeAddress: true, HasToken: true, Token: token}); !ok || !reply.Refused {
		t.Fatal("there is no second address")
	}
	if _, b, ok := ask(1, Request{ChangePort: true}); ok || b != nil {
		t.Fatal("a stranger was answered")
	}
	s.Ports = s.Ports[:2]
	if reply, _, _ := ask(1, Request{ChangePort: true, HasToken: true, Token: token}); reply.Socket != 0 {
		t.Fatal(reply)
	}
	s.Ports = s.Ports[:1]
	if reply, _, _ := ask(0, Request{ChangePort: true, HasToken: true, Token: token}); !reply.Refused {
		t.Fatal(reply)
	}
}

// With a second address: sockets 3 and 4 are its two ports. Each change goes to the other of each, and OTHER-ADDRESS is
// where a change of both leads.
func TestChangeAddress(t *testing.T) {
	s := testServer()
	s.Alternate = netip.MustParseAddr("203.0.113.2")
	for _, c := range []struct {
		socket                  int
		address, port, both     int // socket that answers
		other, origin, afterAll string
	}{
		{0, 3, 1, 4, "203.0.113.2:3479", "203.0.113.1:3478", "203.0.113.2:3479"},
		{1, 4, 2, 3, "203.0.113.2:3478", "203.0.113.1:3479", "203.0.113.2:3478"},
		{2, 4, 1, 3, "203.0.113.2:3478", "203.0.113.1:3480", "203.0.113.2:3478"},
		{3, 0, 4, 1, "203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.1:3479"},
		{4, 1, 3, 2, "203.0.113.1:3480", "203.0.113.2:3479", "203.0.113.1:3480"},
	} {
		for i, want := range []int{c.address, c.port, c.both} {
			r := Request{ID: testID, ChangeAddress: i != 1, ChangePort: i != 0, HasToken: true, Token: token, Size: 104}
			b, reply, ok := s.Answer(zero, c.socket, client, AppendRequest(nil, &r), nil)
			got, _ := ParseResponse(b)
			if !ok || reply.Socket != want || reply.Refused || got.Other.String() != c.other {
				t.Errorf("socket %d, change %d: %+v %+v", c.socket, i, reply, got)
			}
		}
	}
	if s.Sockets() != 5 {
		t.Fatal(s.Sockets())
	}
	stranger := AppendRequest(nil, &Request{ID: testID, ChangeAddress: true, ChangePort: true, Size: 104})
	if _, _, ok := s.Answer(zero, 0, client, stranger, nil); ok {
		t.Fatal("a stranger was answered from another address")
	}
}

// Debian's stun 0.97 sends this: no magic cookie, a CHANGE-REQUEST of zero. It wants MAPPED-ADDRESS and its 16-byte id.
func TestClassicClient(t *testing.T) {
	id := []byte{8, 1, 3, 0x90, 0x55, 0xb4, 0x14, 0x6e, 0x11, 0xda, 0xb4, 0xfe, 0x3b, 0x3c, 0xc0, 0x89}
	ask := append(append([]byte{0, 1, 0, 8}, id...), 0, 3, 0, 4, 0, 0, 0, 0)
	b, reply, ok := testServer().Answer(zero, 0, client, ask, nil)
	want := append(append([]byte{1, 1, 0, 36}, id...),
		0, 1, 0, 8, 0, 1, 0x9c, 0x40, 198, 51, 100, 7, // MAPPED-ADDRESS 198.51.100.7:40000
		0, 4, 0, 8, 0, 1, 0x0d, 0x96, 203, 0, 113, 1, // SOURCE-ADDRESS 203.0.113.1:3478
		0, 5, 0, 8, 0, 1, 0x0d, 0x97, 203, 0, 113, 1) // CHANGED-ADDRESS, the next port
	if !ok || reply != (Reply{}) || !bytes.Equal(b, want) {
		t.Fatalf("%x", b)
	}
	ask[len(ask)-1] = 6 // the later tests of that client get silence
	if _, _, ok := testServer().Answer(zero, 0, client, ask, nil); ok {
		t.Fatal("a stranger was answered from another port")
	}
}

// RESPONSE-ADDRESS and RESPONSE-PORT would let anyone aim our answers at a third party.
func TestReflectionIsRefused(t *testing.T) {
	for _, attr := range []pion.AttrType{0x0002, pion.AttrResponsePort} {
		m := begin(pion.BindingRequest, testID)
		m.Add(attr, []byte{0, 1, 0, 53, 192, 0, 2, 1})
		b, reply, ok := testServer().Answer(zero, 0, client, m.Raw, nil)
		r, _ := ParseResponse(b)
		if !ok || !reply.Refused || r.Code != CodeUnknownAttribute || binary.BigEndian.Uint16(b[len(b)-4:]) != uint16(attr) {
			t.Fatalf("%v: %x", attr, b)
		}
	}
}

// Whatever comes in: no panic, nothing for garbage, never more than 2.2 times the bytes, the request's id in the answer.
func FuzzServer(f *testing.F) {
	f.Add(AppendRequest(nil, &Request{ID: testID, ChangePort: true, HasToken: true, Token: token, Size: 104}), uint8(1), true)
	f.Add(begin(pion.BindingRequest, testID).Raw, uint8(0), false)
	f.Add(append(make([]byte, 20), 0, 3, 0, 4, 0, 0, 0, 2), uint8(2), false)
	f.Fuzz(func(t *testing.T, b []byte, socket uint8, v6 bool) {
		from := client
		if v6 {
			from = netip.MustParseAddrPort("[2001:db8::7]:40000")
		}
		s := testServer()
		request := bytes.Clone(b)
		out, reply, ok := s.Answer(zero, int(socket), from, b, nil)
		if !bytes.Equal(request, b) {
			t.Fatal("the request was changed")
		}
		if !ok {
			if len(out) != 0 {
				t.Fatal("bytes without an answer")
			}
			return
		}
		if len(out)*10 > len(b)*amplificationTenths || !bytes.Equal(out[4:20], b[4:20]) {
			t.Fatalf("%d bytes for %d", len(out), len(b))
		}
		if reply.Socket != int(socket) && !reply.Trusted || reply.Socket >= s.Sockets() {
			t.Fatalf("%+v", reply)
		}
	})
}
