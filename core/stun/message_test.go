package stun

import (
	"bytes"
	"net/netip"
	"testing"

	pion "github.com/pion/stun/v2"
)

var testID = TransactionID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

func TestRequestRoundTrip(t *testing.T) {
	for _, want := range []Request{
		{ID: testID},
		{ID: testID, ChangePort: true, HasToken: true, Token: [16]byte{9, 8, 7}, Size: 104},
		{ID: testID, ChangeAddress: true, Size: 100},
		{ID: testID, Size: 3}, // too small for itself: no padding
	} {
		b := AppendRequest([]byte("before"), &want)[6:]
		got, ok := ParseRequest(b)
		if !ok || got.ID != want.ID || got.ChangePort != want.ChangePort || got.ChangeAddress != want.ChangeAddress ||
			got.HasToken != want.HasToken || got.Token != want.Token || got.Classic {
			t.Fatalf("%+v: %+v %v", want, got, ok)
		}
		if want.Size >= 100 && len(b) != want.Size {
			t.Fatalf("%d bytes, want %d", len(b), want.Size)
		}
	}
}

// RFC 5769, 2.2 and 2.3: the sample answers.
func TestRFC5769Responses(t *testing.T) {
	const software = "\x80\x22\x00\x0btest vector "
	v4 := "\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" + software +
		"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43" +
		"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7" +
		"\x80\x28\x00\x04\xc0\x7d\x4c\x96"
	v6 := "\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" + software +
		"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9" +
		"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41" +
		"\x80\x28\x00\x04\xc8\xfb\x0b\x4c"
	for raw, want := range map[string]string{v4: "192.0.2.1:32853", v6: "[2001:db8:1234:5678:11:2233:4455:6677]:32853"} {
		r, ok := ParseResponse([]byte(raw))
		if !ok || r.Mapped != netip.MustParseAddrPort(want) || r.Code != 0 {
			t.Errorf("%+v %v, want %s", r, ok, want)
		}
		for i := range raw {
			bad := []byte(raw)
			bad[i] ^= 0x10
			named := i == len(raw)-8 || i == len(raw)-7 // the fingerprint's own type: an answer without one is legal
			if _, ok := ParseResponse(bad); ok && !named {
				t.Errorf("byte %d flipped and accepted", i)
			}
		}
	}
}

func TestHostileMessagesAreRefused(t *testing.T) {
	request := AppendRequest(nil, &Request{ID: testID})
	answer := func(attrs ...byte) []byte {
		b := append([]byte{1, 1, 0, byte(len(attrs)), 0x21, 0x12, 0xa4, 0x42}, testID[:]...)
		return append(b, attrs...)
	}
	if r, ok := ParseResponse(answer(0, 1, 0, 8, 0, 1, 0, 5, 1, 2, 3, 4)); !ok || r.Mapped != netip.MustParseAddrPort("1.2.3.4:5") {
		t.Fatal("plain MAPPED-ADDRESS must do")
	}
	for name, b := range map[string][]byte{
		"empty":            {},
		"short":            request[:19],
		"trailing":         append(bytes.Clone(request), 0),
		"an answer's type": answer(),
		"empty address":    answer(0, 0x20, 0, 0), // pion's own getter panics here
		"short address":    answer(0, 0x20, 0, 4, 0, 1, 0, 5),
		"long address":     answer(0, 0x20, 0, 12, 0, 1, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8),
		"unknown family":   answer(0, 0x20, 0, 8, 0, 3, 0, 5, 1, 2, 3, 4),
		"length beyond":    answer(0, 0x20, 0, 9, 0, 1, 0, 5, 1, 2, 3, 4),
		"half an error":    {1, 0x11, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 9, 0, 2, 0, 0, 4, 20},
	} {
		if _, ok := ParseResponse(b); ok {
			t.Errorf("%s: accepted as an answer", name)
		}
		if _, ok := ParseRequest(b); ok {
			t.Errorf("%s: accepted as a request", name)
		}
	}
	m := begin(pion.BindingRequest, testID) // fingerprint not last
	seal(m)
	m.Add(pion.AttrPadding, []byte{1, 2, 3, 4})
	if _, ok := ParseRequest(m.Raw); ok {
		t.Error("fingerprint in the middle accepted")
	}
	for _, length := range []int{0, 15, 17} {
		m := begin(pion.BindingRequest, testID)
		m.Add(AttrLinkToken, make([]byte, length))
		if _, ok := ParseRequest(m.Raw); ok {
			t.Errorf("token of %d bytes accepted", length)
		}
	}
}

// Our reading of an answer against pion's decoder and its getters, where those don't panic.
func FuzzResponseAgainstPion(f *testing.F) {
	s := Server{Public: netip.MustParseAddr("203.0.113.1"), Ports: []uint16{3478, 3479}}
	for _, from := range []string{"198.51.100.7:40000", "[2001:db8::7]:40000"} {
		for _, size := range []int{0, 104} {
			b, _, _ := s.Answer(zero, 0, netip.MustParseAddrPort(from), AppendRequest(nil, &Request{ID: testID, Size: size}), nil)
			f.Add(b)
		}
	}
	f.Add(refusal(&Request{ID: testID, unknown: [4]uint16{3}, unknowN: 1}).Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := ParseResponse(b)
		m := &pion.Message{Raw: bytes.Clone(b)}
		err := m.Decode()
		if ok && err != nil {
			t.Fatalf("pion refuses what we take: %v", err)
		}
		if !ok {
			return
		}
		if got.ID != m.TransactionID || (got.Code != 0) != (m.Type == pion.BindingError) {
			t.Fatalf("%+v, pion %+v", got, m)
		}
		if v, err := m.Get(pion.AttrXORMappedAddress); err == nil && got.Code == 0 {
			var x pion.XORMappedAddress
			if len(v) < 4 || v[0] != 0 { // pion reads the reserved byte as part of the family
				return
			}
			if err := x.GetFrom(m); err != nil {
				t.Fatalf("pion: %v", err)
			}
			ip, _ := netip.AddrFromSlice(x.IP)
			if want := netip.AddrPortFrom(ip, uint16(x.Port)); want != got.Mapped {
				t.Fatalf("%v, pion %v", got.Mapped, want)
			}
		}
	})
}

// What we write, pion reads.
func FuzzRequestAgainstPion(f *testing.F) {
	f.Add(testID[:], []byte("token"), uint16(104), true)
	f.Fuzz(func(t *testing.T, id, token []byte, size uint16, change bool) {
		r := Request{Size: int(size), ChangePort: change, HasToken: len(token) > 0}
		copy(r.ID[:], id)
		copy(r.Token[:], token)
		b := AppendRequest(nil, &r)
		m := &pion.Message{Raw: b}
		if err := m.Decode(); err != nil || m.TransactionID != r.ID || pion.Fingerprint.Check(m) != nil {
			t.Fatalf("pion: %v", err)
		}
		if len(b) > max(int(size), 56) || len(b)%4 != 0 {
			t.Fatalf("%d bytes for size %d", len(b), size)
		}
		if got, ok := ParseRequest(b); !ok || got.Token != r.Token && r.HasToken || got.ChangePort != change {
			t.Fatalf("%+v %v", got, ok)
		}
	})
}
