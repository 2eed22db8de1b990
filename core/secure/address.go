package secure

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"

	"github.com/musubi-p2p/musubi/core/api"
)

const (
	addressScheme = "musubi://"
	maxHosts      = 8
	maxHostName   = 253 // bytes, RFC 1035
)

// addressShape ends every complaint about an address, so that the reader need not look it up.
const addressShape = "; a server address looks like musubi://host[:port][,host2[:port]]/[?tls=port]#key"

// ServerAddress is what a game ships to find its server.
type ServerAddress struct {
	Hosts  []string // "name:port" or "[v6]:port" of UDP, in order, with the default port filled in
	Key    PublicKey
	HasKey bool // without one only a loopback server may be used, which is for the caller to decide
	// Where clients connect by TCP, on the same hosts, if UDP does not come through: by TLS on port TLS, and without TLS on
	// port WS if that is not 0.
	TLS, WS uint16
}

// ParseServerAddress reads an address. No name is looked up. Errors are *api.Error with a sentence.
func ParseServerAddress(s string) (ServerAddress, error) {
	fail := func(text string) (ServerAddress, error) {
		return ServerAddress{}, api.NewError(api.ErrAddress, text+addressShape)
	}
	a := ServerAddress{TLS: api.DefaultTLSPort}
	rest, ok := strings.CutPrefix(s, addressScheme)
	if !ok {
		return fail("server address " + quote(s) + " does not begin with " + addressScheme)
	}
	rest, fragment, hasKey := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	list := strings.TrimSuffix(rest, "/")
	if list == "" {
		return fail("server address " + quote(s) + " names no host")
	}
	for part := range strings.SplitSeq(list, ",") {
		host, text := parseHost(part)
		if text != "" {
			return fail(text)
		}
		if len(a.Hosts) == maxHosts {
			return fail("server address names more than " + strconv.Itoa(maxHosts) + " hosts")
		}
		a.Hosts = append(a.Hosts, host)
	}
	if text := a.parseQuery(query); text != "" {
		return fail(text)
	}
	if a.HasKey = hasKey; hasKey {
		raw, e := base64.RawURLEncoding.Strict().DecodeString(fragment)
		if e != nil || strings.ContainsAny(fragment, "\r\n") { // the decoder skips line breaks
			return fail("the server key " + quote(fragment) + " is not base64url (A-Z a-z 0-9 - _)")
		}
		if len(raw) != len(a.Key) {
			return fail("the server key " + quote(fragment) + " has " + strconv.Itoa(len(raw)) + " bytes, not 32 (43 characters): was the address cut off?")
		}
		copy(a.Key[:], raw)
	}
	return a, nil
}

// parseQuery reads the ports of TCP. Names that it does not know are a later version's. text says what is wrong.
func (a *ServerAddress) parseQuery(query string) (text string) {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name != "tls" && name != "ws" {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 || value[0] == '0' {
			return "the port " + quote(value) + " of " + name + " is not a number from 1 to 65535"
		}
		if name == "tls" {
			a.TLS = uint16(n)
		} else {
			a.WS = uint16(n)
		}
	}
	return ""
}

// String is what ParseServerAddress reads, without what is the default.
func (a ServerAddress) String() string {
	query := ""
	if a.TLS != 0 && a.TLS != api.DefaultTLSPort {
		query = "?tls=" + strconv.Itoa(int(a.TLS))
	}
	if a.WS != 0 {
		query = strings.Replace(query, "?", "&", 1)
		query = "?ws=" + strconv.Itoa(int(a.WS)) + query
	}
	return addressScheme + strings.Join(a.Hosts, ",") + "/" + query + "#" + base64.RawURLEncoding.EncodeToString(a.Key[:])
}

// parseHost checks one host with or without a port. text says what is wrong with it, empty if nothing.
func parseHost(part string) (host, text string) {
	name, port := part, strconv.Itoa(api.DefaultPort)
	bracket := strings.HasPrefix(part, "[")
	if bracket {
		var after string
		var closed bool
		name, after, closed = strings.Cut(part[1:], "]")
		if !closed || after != "" && after[0] != ':' {
			return "", "the host " + quote(part) + " has brackets that don't match"
		}
		if after != "" {
			port = after[1:]
		}
	} else if i := strings.LastIndexByte(part, ':'); i >= 0 {
		if strings.IndexByte(part, ':') != i {
			return "", "the host " + quote(part) + " has more than one colon: an IPv6 address needs brackets, as in [2001:db8::1]:3478"
		}
		name, port = part[:i], part[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
		return "", "the port " + quote(port) + " of host " + quote(name) + " is not a number from 1 to 65535"
	}
	if bracket {
		ip, err := netip.ParseAddr(name)
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "the host " + quote(name) + " in brackets is not an IPv6 address"
		}
		return "[" + ip.String() + "]:" + port, ""
	}
	if !hostName(name) {
		return "", "the host " + quote(name) + " is not a name or an address (letters, digits, dots and hyphens, at most 253 bytes)"
	}
	return name + ":" + port, ""
}

// hostName accepts what a DNS name or an IPv4 address may look like; the resolver has the last word.
func hostName(s string) bool {
	if s == "" || len(s) > maxHostName || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return !strings.Contains(s, "..")
}

// quote shows a value in a sentence: printable, and short enough for a log line.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.QuoteToGraphic(s)
}
