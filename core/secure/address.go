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
const addressShape = "; a server address looks like musubi://host[:port][,host2[:port]]/#key"

// ParseServerAddress reads the address a game ships. hosts are "name:port" or "[v6]:port", in order, with the default
// port filled in; no name is looked up. Without a key hasKey is false: only a loopback server may be used then, which
// is for the caller to decide. Errors are *api.Error with a sentence.
func ParseServerAddress(s string) (hosts []string, key PublicKey, hasKey bool, err error) {
	fail := func(text string) ([]string, PublicKey, bool, error) {
		return nil, PublicKey{}, false, api.NewError(api.ErrAddress, text+addressShape)
	}
	rest, ok := strings.CutPrefix(s, addressScheme)
	if !ok {
		return fail("server address " + quote(s) + " does not begin with " + addressScheme)
	}
	rest, fragment, hasKey := strings.Cut(rest, "#")
	list := strings.TrimSuffix(rest, "/")
	if list == "" {
		return fail("server address " + quote(s) + " names no host")
	}
	for part := range strings.SplitSeq(list, ",") {
		host, text := parseHost(part)
		if text != "" {
			return fail(text)
		}
		if len(hosts) == maxHosts {
			return fail("server address names more than " + strconv.Itoa(maxHosts) + " hosts")
		}
		hosts = append(hosts, host)
	}
	if hasKey {
		raw, e := base64.RawURLEncoding.Strict().DecodeString(fragment)
		if e != nil || strings.ContainsAny(fragment, "\r\n") { // the decoder skips line breaks
			return fail("the server key " + quote(fragment) + " is not base64url (A-Z a-z 0-9 - _)")
		}
		if len(raw) != len(key) {
			return fail("the server key " + quote(fragment) + " has " + strconv.Itoa(len(raw)) + " bytes, not 32 (43 characters): was the address cut off?")
		}
		copy(key[:], raw)
	}
	return hosts, key, hasKey, nil
}

// FormatServerAddress writes what ParseServerAddress reads. Hosts are "name:port".
func FormatServerAddress(hosts []string, key PublicKey) string {
	return addressScheme + strings.Join(hosts, ",") + "/#" + base64.RawURLEncoding.EncodeToString(key[:])
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
