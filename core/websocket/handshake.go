package websocket

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
)

// The opening handshake, RFC 6455, 4. The key is no secret and proves only that the other side speaks WebSocket.

// keyGUID is the constant that a server appends to the key, RFC 6455, 1.3.
const keyGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const maxFields = 64 // header lines that are looked at

// AppendRequest appends a client's request. host is what the client dialled; key 16 random bytes.
func AppendRequest(dst []byte, host string, key [16]byte) []byte {
	dst = append(dst, "GET "+Path+" HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = base64.StdEncoding.AppendEncode(dst, key[:])
	return append(dst, "\r\n\r\n"...)
}

// accept is what a server answers to a key as it stands in the request.
func accept(key []byte) string {
	h := sha1.New() // as the RFC wants it; nothing depends on its strength
	h.Write(key)
	h.Write([]byte(keyGUID))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// ParseResponse looks for a server's whole answer at the start of b. used is 0 while more is needed, at most MaxHead bytes; what
// stands behind it are frames already. An error is a sentence for people.
func ParseResponse(b []byte, key [16]byte) (used int, err error) {
	h, used, err := parseHead(b)
	if used == 0 || err != nil {
		return 0, err
	}
	version, rest, _ := strings.Cut(h.line, " ")
	code, _, _ := strings.Cut(rest, " ")
	want := accept(base64.StdEncoding.AppendEncode(nil, key[:]))
	switch {
	case !strings.HasPrefix(version, "HTTP/1."):
		return 0, &Error{StatusProtocol, "the answer is not HTTP"}
	case code != "101":
		return 0, &Error{StatusProtocol, "the server answered HTTP " + strconv.QuoteToASCII(code[:min(len(code), 8)])}
	case !h.has("upgrade", "websocket") || !h.has("connection", "upgrade") || string(h.get("sec-websocket-accept")) != want:
		return 0, &Error{StatusProtocol, "the server does not speak WebSocket"}
	case len(h.get("sec-websocket-extensions"))+len(h.get("sec-websocket-protocol")) > 0:
		return 0, &Error{StatusProtocol, "the server wants what was not offered"}
	}
	return used, nil
}

// Request is a client's opening handshake, or what came in its place.
type Request struct {
	Upgrade   bool   // a WebSocket handshake for Path
	Forwarded string // the last address in X-Forwarded-For: whom a proxy in front of us talks to
	key       []byte
}

// ParseRequest looks for a whole request at the start of b. used is 0 while more is needed, at most MaxHead bytes.
func ParseRequest(b []byte) (r Request, used int, err error) {
	h, used, err := parseHead(b)
	if used == 0 || err != nil {
		return r, 0, err
	}
	method, rest, _ := strings.Cut(h.line, " ")
	target, version, ok := strings.Cut(rest, " ")
	if !ok || version != "HTTP/1.1" {
		return r, 0, &Error{StatusProtocol, "the request is not HTTP/1.1"}
	}
	r.key = h.get("sec-websocket-key")
	raw, e := base64.StdEncoding.DecodeString(string(r.key))
	r.Upgrade = method == "GET" && target == Path && h.has("upgrade", "websocket") && h.has("connection", "upgrade") &&
		string(h.get("sec-websocket-version")) == "13" && e == nil && len(raw) == 16
	list := string(h.get("x-forwarded-for"))
	r.Forwarded = strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
	return r, used, nil
}

// AppendResponse appends the answer to an upgrade.
func AppendResponse(dst []byte, r *Request) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	return append(append(dst, accept(r.key)...), "\r\n\r\n"...)
}

// AppendNotFound appends the answer to everything else. The connection is closed behind it.
func AppendNotFound(dst []byte) []byte {
	const text = "Not found.\n"
	return append(dst, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "+
		strconv.Itoa(len(text))+"\r\n\r\n"+text...)
}

// head is the first line and the fields of an HTTP message. Names are compared without case.
type head struct {
	line   string
	fields []field
}

type field struct{ name, value []byte }

// parseHead reads up to the empty line.
func parseHead(b []byte) (h head, used int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(b) >= MaxHead, end > MaxHead-4:
		return h, 0, &Error{StatusTooBig, "HTTP header longer than 4096 bytes"}
	case end < 0:
		return h, 0, nil
	}
	line, rest, _ := bytes.Cut(b[:end], []byte("\r\n"))
	h.line = string(line)
	for len(rest) > 0 {
		if line, rest, _ = bytes.Cut(rest, []byte("\r\n")); len(h.fields) == maxFields {
			return h, 0, &Error{StatusTooBig, "too many HTTP header fields"}
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return h, 0, &Error{StatusProtocol, "malformed HTTP header"}
		}
		h.fields = append(h.fields, field{name, bytes.TrimSpace(value)})
	}
	return h, end + 4, nil
}

// get is the last field of a name, or nothing.
func (h *head) get(name string) (value []byte) {
	for _, f := range h.fields {
		if strings.EqualFold(string(f.name), name) {
			value = f.value
		}
	}
	return value
}

// has reports whether a list field has a word.
func (h *head) has(name, word string) bool {
	for _, f := range h.fields {
		if !strings.EqualFold(string(f.name), name) {
			continue
		}
		for part := range strings.SplitSeq(string(f.value), ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}
