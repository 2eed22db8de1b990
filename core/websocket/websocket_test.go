package websocket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// collect takes whole frames off b, as a reader does, and returns what they said.
func collect(p *Parser, b []byte) (said []string, rest []byte, err error) {
	for {
		m, used, ok, err := p.Next(b)
		if used == 0 || err != nil {
			return said, b, err
		}
		if used > len(b) || used > MaxFrame || len(m.Data) > MaxMessage {
			panic("used more than there is")
		}
		if b = b[used:]; ok {
			said = append(said, string(rune('0'+m.Op))+string(m.Data))
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The examples of RFC 6455, 5.7, with binary in the place of text.
func TestFramesOfTheRFC(t *testing.T) {
	for _, c := range []struct {
		frames     string
		fromClient bool
		want       []string
	}{
		{"8205 48656c6c6f", false, []string{"2Hello"}},
		{"8285 37fa213d 7f9f4d5158", true, []string{"2Hello"}},
		{"0203 48656c 8002 6c6f", false, []string{"2Hello"}},
		{"0203 48656c 8900 8002 6c6f", false, []string{"9", "2Hello"}}, // a ping within a message
		{"8905 48656c6c6f", false, []string{"9Hello"}},
		{"8a85 37fa213d 7f9f4d5158", true, []string{":Hello"}},
		{"8802 03e8", false, []string{"8\x03\xe8"}},
		{"8200", false, []string{"2"}},
		{"0200 0000 8000 8201 41", false, []string{"2", "2A"}},
	} {
		p := Parser{FromClient: c.fromClient}
		got, rest, err := collect(&p, unhex(c.frames))
		if err != nil || len(rest) > 0 || strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s: %q, %d bytes left, %v", c.frames, got, len(rest), err)
		}
	}
	key := &[4]byte{0x37, 0xfa, 0x21, 0x3d}
	if got := AppendFrame(nil, Binary, []byte("Hello"), key); !bytes.Equal(got, unhex("8285 37fa213d 7f9f4d5158")) {
		t.Errorf("masked %x", got)
	}
	if got := AppendFrame(nil, Binary, []byte("Hello"), nil); !bytes.Equal(got, unhex("8205 48656c6c6f")) {
		t.Errorf("plain %x", got)
	}
}

func TestViolations(t *testing.T) {
	long := "827e 0801" + strings.Repeat("00", 2049)
	half := "027e 0401" + strings.Repeat("00", 1025)
	for frames, want := range map[string]Status{
		"c200":                     StatusProtocol, // a reserved bit
		"8300":                     StatusProtocol, // a reserved opcode
		"8b00":                     StatusProtocol,
		"8280 00000000":            StatusProtocol, // a server must not mask
		"0900":                     StatusProtocol, // control frames in pieces
		"897e 007e":                StatusProtocol, // and long ones
		"827e 0005 48656c6c6f":     StatusProtocol, // not the shortest form
		"8000":                     StatusProtocol, // nothing to continue
		"0200 8200":                StatusProtocol, // a message within a message
		"8801 03":                  StatusProtocol,
		"8100":                     StatusUnsupported,
		long:                       StatusTooBig,
		"827f 0000000000010000":    StatusTooBig,
		half + "80" + half[2:]:     StatusTooBig, // in pieces
		"827f ffffffffffffffff 00": StatusTooBig,
	} {
		var p Parser
		_, _, err := collect(&p, unhex(frames))
		var e *Error
		if !errors.As(err, &e) || e.Status != want {
			t.Errorf("%.20s: %v, want status %d", frames, err, want)
		}
	}
}

// Every length, both ways, in pieces of every size: what went in comes out.
func TestRoundTrip(t *testing.T) {
	payload := make([]byte, MaxMessage)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for _, key := range []*[4]byte{nil, {1, 2, 3, 250}} {
		var stream []byte
		sizes := []int{0, 1, 2, 7, 8, 9, 125, 126, 127, 1200, 1472, MaxMessage}
		for _, n := range sizes {
			frame := AppendFrame(nil, Binary, payload[:n], key)
			if len(frame) > n+MaxHeader {
				t.Fatalf("%d bytes became %d", n, len(frame))
			}
			stream = append(stream, frame...)
		}
		for _, piece := range []int{1, 3, 100, len(stream)} {
			p := Parser{FromClient: key != nil}
			var kept []byte
			n := 0
			for at := 0; at < len(stream); at += piece {
				kept = append(kept, stream[at:min(at+piece, len(stream))]...)
				said, rest, err := collect(&p, kept)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range said {
					if s != "2"+string(payload[:sizes[n]]) {
						t.Fatalf("message %d differs", n)
					}
					n++
				}
				kept = append([]byte(nil), rest...)
			}
			if n != len(sizes) {
				t.Fatalf("%d messages", n)
			}
		}
	}
}

func TestFramesTakeNoMemory(t *testing.T) {
	payload, key := make([]byte, 1200), &[4]byte{1, 2, 3, 4}
	buf := make([]byte, 0, MaxFrame)
	p := Parser{FromClient: true}
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendFrame(buf[:0], Binary, payload, key)
		if _, used, ok, err := p.Next(buf); used != len(buf) || !ok || err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The example of RFC 6455, 1.3.
func TestHandshake(t *testing.T) {
	if got := accept([]byte("dGhlIHNhbXBsZSBub25jZQ==")); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept %s", got)
	}
	key := [16]byte{1, 2, 3}
	ask := AppendRequest(nil, "play.example.com", key)
	for n := range ask {
		if _, used, err := ParseRequest(ask[:n]); used != 0 || err != nil {
			t.Fatalf("%d bytes of a request: %d, %v", n, used, err)
		}
	}
	r, used, err := ParseRequest(append(ask, "frames"...))
	if err != nil || used != len(ask) || !r.Upgrade || r.Forwarded != "" {
		t.Fatalf("%+v, %d, %v", r, used, err)
	}
	answer := AppendResponse(nil, &r)
	for n := range answer {
		if used, err := ParseResponse(answer[:n], key); used != 0 || err != nil {
			t.Fatalf("%d bytes of an answer: %d, %v", n, used, err)
		}
	}
	if used, err := ParseResponse(append(answer, 0x82), key); err != nil || used != len(answer) {
		t.Errorf("%d, %v", used, err)
	}
	if _, err := ParseResponse(answer, [16]byte{9}); err == nil {
		t.Error("an answer to another key was taken")
	}
	if _, err := ParseResponse(AppendNotFound(nil), key); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("404: %v", err)
	}
}

// What browsers and proxies make of a request is understood; what is no WebSocket request for our path is not an upgrade.
func TestRequests(t *testing.T) {
	const browser = "GET /musubi HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nPragma: no-cache\r\nupgrade: WebSocket\r\n" +
		"Origin: https://example.com\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"X-Forwarded-For: 10.0.0.1, 203.0.113.9\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
	r, _, err := ParseRequest([]byte(browser))
	if err != nil || !r.Upgrade || r.Forwarded != "203.0.113.9" {
		t.Errorf("%+v, %v", r, err)
	}
	for old, now := range map[string]string{
		"/musubi": "/", "GET": "POST", "keep-alive, Upgrade": "close", "WebSocket\r\n": "h2c\r\n", "Version: 13": "Version: 8",
		"dGhlIHNhbXBsZSBub25jZQ==": "dGhlIHNhbXBsZSBub25jZQ",
	} {
		if r, used, err := ParseRequest([]byte(strings.Replace(browser, old, now, 1))); err != nil || used == 0 || r.Upgrade {
			t.Errorf("%s for %s: %+v, %v", now, old, r, err)
		}
	}
	for _, bad := range []string{"\x16\x03\x01\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", strings.Repeat("a", MaxHead),
		"GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", maxFields+1) + "\r\n"} {
		if _, _, err := ParseRequest([]byte(bad)); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}

// Any bytes: no panic, and the same messages however the network cuts them.
func FuzzParser(f *testing.F) {
	for _, s := range []string{"8205 48656c6c6f", "8285 37fa213d 7f9f4d5158", "0203 48656c 8900 8002 6c6f", "8802 03e8", "827e 007e", "827f 00", "c2 00"} {
		f.Add(unhex(s), true)
		f.Add(unhex(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, fromClient bool) {
		whole, _, err := collect(&Parser{FromClient: fromClient}, bytes.Clone(b))
		p := Parser{FromClient: fromClient}
		var said []string
		var kept []byte
		var pieceErr error
		for _, c := range b {
			kept = append(kept, c)
			more, rest, err := collect(&p, kept)
			said, kept = append(said, more...), append([]byte(nil), rest...)
			if pieceErr = err; err != nil {
				break
			}
		}
		if strings.Join(said, "|") != strings.Join(whole, "|") || (err != nil) != (pieceErr != nil) {
			t.Fatalf("whole %q (%v), in pieces %q (%v)", whole, err, said, pieceErr)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	key := [16]byte{1}
	ask := AppendRequest(nil, "a", key)
	r, _, _ := ParseRequest(ask)
	f.Add(ask)
	f.Add(AppendResponse(nil, &r))
	f.Add(AppendNotFound(nil))
	f.Add([]byte("GET  HTTP/1.1\r\n:\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, used, err := ParseRequest(b); used > len(b) || used > MaxHead || used == 0 && err == nil && len(b) >= MaxHead {
			t.Fatalf("%+v, %d of %d", r, used, len(b))
		} else if used > 0 && r.Upgrade {
			AppendResponse(nil, &r)
		}
		if used, err := ParseResponse(b, key); used > len(b) || err != nil && used != 0 {
			t.Fatalf("%d, %v", used, err)
		}
	})
}
