package wire

import (
	"bytes"
	"testing"
)

// The CRYPTO frame and a header's phase, byte by byte, and the frame's bounds.
func TestGoldenCrypto(t *testing.T) {
	for phase, first := range []byte{0x94, 0xb4, 0x96, 0xb6} {
		h := Session{KeyPhase: uint8(phase), Path: 5, ConnID: 1, Number: 2}
		b := AppendSession(nil, h)
		if back, _, ok := ParseSession(append(b, make([]byte, TagSize)...)); b[0] != first || !ok || back != h {
			t.Errorf("phase %d: %x, parsed %+v", phase, b, back)
		}
	}
	f := Crypto{Sequence: 300, Offset: 200, Size: 1216, Payload: []byte("abc")}
	b := AppendCrypto(nil, &f)
	if want := unhex(t, "0a"+"ac02"+"c801"+"c009"+"03"+"616263"); !bytes.Equal(b, want) {
		t.Fatalf("%x, want %x", b, want)
	}
	if n := CryptoHeaderSize(&f); n < len(b)-3 || n > len(b)-2 {
		t.Errorf("the header takes %d bytes, it says %d", len(b)-3, n)
	}
	r := NewReader(b[1:])
	if back := ReadCrypto(&r); r.Err() || r.Len() != 0 || back.Sequence != 300 || back.Offset != 200 || back.Size != 1216 || string(back.Payload) != "abc" {
		t.Errorf("%+v", back)
	}
	for name, bad := range map[string]string{
		"larger than any": "00" + "00" + "c109" + "01" + "61", "empty piece": "00" + "00" + "05" + "00", "empty message": "00" + "00" + "00" + "00",
		"outside": "00" + "04" + "05" + "02" + "6161", "cut": "00" + "00" + "05" + "02" + "61", "offset beyond": "00" + "ffffffffffffffffff01" + "05" + "01" + "61",
	} {
		r := NewReader(unhex(t, bad))
		if f := ReadCrypto(&r); !r.Err() {
			t.Errorf("%s: taken: %+v", name, f)
		}
	}
}
