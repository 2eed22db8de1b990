package token

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A parser for what tokens may hold: one JSON object whose members are strings, numbers, true, false, null or lists of
// strings. It exists because encoding/json takes duplicate members, invalid UTF-8 and names in any case, and would cost the
// client library 0.2 MB.

// value is one member's value.
type value struct {
	kind   kind
	text   string   // kindString
	number int64    // kindInteger
	list   []string // kindList
}

type kind uint8

const (
	kindOther   kind = iota // true, false, null, and numbers that are not integers of at most 15 digits
	kindString              //
	kindInteger             //
	kindList                // of strings
)

const (
	maxMembers = 32
	maxList    = 16
)

// member is one name with its value.
type member struct {
	name  string
	value value
}

// parseObject reads a whole object, nothing before or behind it but white space. ok is false for anything malformed, a name
// that comes twice, and values that are objects or lists of other things than strings.
func parseObject(b []byte) (members []member, ok bool) {
	p := scanner{b: b}
	p.expect('{')
	for first := true; !p.bad && !p.accept('}'); first = false {
		if !first {
			p.expect(',')
		}
		m := member{name: p.stringValue()}
		p.expect(':')
		m.value = p.value()
		for i := range members {
			p.bad = p.bad || members[i].name == m.name
		}
		if len(members) == maxMembers {
			p.bad = true
		}
		members = append(members, m)
	}
	p.space()
	return members, !p.bad && len(p.b) == 0
}

// scanner consumes b. Once bad, it stays so and finds nothing more.
type scanner struct {
	b   []byte
	bad bool
}

func (p *scanner) fail() { p.bad, p.b = true, nil }

func (p *scanner) space() {
	for len(p.b) > 0 && (p.b[0] == ' ' || p.b[0] == '\t' || p.b[0] == '\n' || p.b[0] == '\r') {
		p.b = p.b[1:]
	}
}

// accept takes c behind white space, if it is there.
func (p *scanner) accept(c byte) bool {
	p.space()
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}

func (p *scanner) expect(c byte) {
	if !p.accept(c) {
		p.fail()
	}
}

func (p *scanner) value() value {
	p.space()
	if len(p.b) == 0 {
		p.fail()
		return value{}
	}
	switch c := p.b[0]; {
	case c == '"':
		return value{kind: kindString, text: p.stringValue()}
	case c == '[':
		return p.listValue()
	case c == '-' || c >= '0' && c <= '9':
		return p.numberValue()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if len(p.b) >= len(word) && string(p.b[:len(word)]) == word {
			p.b = p.b[len(word):]
			return value{}
		}
	}
	p.fail()
	return value{}
}

func (p *scanner) listValue() value {
	v := value{kind: kindList}
	p.expect('[')
	for first := true; !p.bad && !p.accept(']'); first = false {
		if !first {
			p.expect(',')
		}
		if v.list = append(v.list, p.stringValue()); len(v.list) > maxList {
			p.fail()
		}
	}
	return v
}

// numberValue follows RFC 8259's grammar; fractions and exponents are kindOther.
func (p *scanner) numberValue() value {
	negative := p.take('-')
	digits := p.digits()
	if digits == nil || len(digits) > 1 && digits[0] == '0' {
		p.fail()
		return value{}
	}
	integer := true
	if p.take('.') {
		if integer = false; p.digits() == nil {
			p.fail()
		}
	}
	if p.take('e') || p.take('E') {
		if integer = false; !p.take('+') {
			p.take('-')
		}
		if p.digits() == nil {
			p.fail()
		}
	}
	if !integer || len(digits) > 15 { // what every language's numbers hold exactly
		return value{}
	}
	v := value{kind: kindInteger}
	for _, d := range digits {
		v.number = v.number*10 + int64(d-'0')
	}
	if negative {
		v.number = -v.number
	}
	return v
}

// take takes c, without white space before it.
func (p *scanner) take(c byte) bool {
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}

// digits takes as many as there are; nil: none.
func (p *scanner) digits() []byte {
	n := 0
	for n < len(p.b) && p.b[n] >= '0' && p.b[n] <= '9' {
		n++
	}
	if n == 0 {
		return nil
	}
	d := p.b[:n]
	p.b = p.b[n:]
	return d
}

func (p *scanner) stringValue() string {
	p.expect('"')
	var out []byte
	for !p.bad {
		if len(p.b) == 0 {
			p.fail()
			break
		}
		switch c := p.b[0]; {
		case c == '"':
			p.b = p.b[1:]
			return string(out)
		case c == '\\':
			p.b = p.b[1:]
			out = utf8.AppendRune(out, p.escape())
		case c < 0x20:
			p.fail()
		default:
			r, n := utf8.DecodeRune(p.b)
			if r == utf8.RuneError && n <= 1 {
				p.fail()
				break
			}
			out, p.b = append(out, p.b[:n]...), p.b[n:]
		}
	}
	return ""
}

// escape reads what stands behind a backslash. Half of a surrogate pair is malformed.
func (p *scanner) escape() rune {
	if len(p.b) == 0 {
		p.fail()
		return 0
	}
	c := p.b[0]
	p.b = p.b[1:]
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		r := p.hex4()
		if !utf16.IsSurrogate(r) {
			return r
		}
		if p.take('\\') && p.take('u') {
			if r = utf16.DecodeRune(r, p.hex4()); r != utf8.RuneError {
				return r
			}
		}
	}
	p.fail()
	return 0
}

func (p *scanner) hex4() (r rune) {
	if len(p.b) < 4 {
		p.fail()
		return 0
	}
	for _, c := range p.b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			p.fail()
			return 0
		}
		r = r<<4 | rune(c)
	}
	p.b = p.b[4:]
	return r
}

// appendString writes s, which must be valid UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
