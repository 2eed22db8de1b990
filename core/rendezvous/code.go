package rendezvous

import "github.com/musubi-p2p/musubi/core/api"

// crockford is base32 without I, L, O and U: what people read aloud and type from a screen.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// mintCode makes a join code of 35 random bits behind the region's letter.
func mintCode(region byte, random [8]byte) string {
	var code [api.RoomCodeLength]byte
	code[0] = region
	for i := 1; i < len(code); i++ {
		code[i] = crockford[random[i]&31]
	}
	return string(code[:])
}

// NormalCode brings a typed join code to its one written form: upper case, O read as 0, I and L as 1, spaces and
// hyphens left out. ok is false when it can't be a join code. The first character is a region's letter and is not
// mapped: it may be any letter.
func NormalCode(typed string) (code string, ok bool) {
	var out [api.RoomCodeLength]byte
	n := 0
	for i := 0; i < len(typed); i++ {
		c := typed[i]
		switch {
		case c == ' ' || c == '-':
			continue
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		if n == len(out) {
			return "", false
		}
		if n > 0 {
			switch c {
			case 'O':
				c = '0'
			case 'I', 'L':
				c = '1'
			case 'U':
				return "", false
			}
		}
		digit := '0' <= c && c <= '9'
		letter := 'A' <= c && c <= 'Z'
		if !letter && !(digit && n > 0) {
			return "", false
		}
		out[n] = c
		n++
	}
	return string(out[:]), n == len(out)
}
