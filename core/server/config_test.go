package server

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func addrs(texts ...string) (list []netip.Addr) {
	for _, s := range texts {
		list = append(list, netip.MustParseAddr(s))
	}
	return list
}

func TestListenAndPorts(t *testing.T) {
	for _, c := range []struct {
		listen string
		given  []uint16
		want   string
		stun   []uint16
	}{
		{"", nil, "0.0.0.0:3478", []uint16{3479, 3480}},
		{":5000", nil, "0.0.0.0:5000", []uint16{5001, 5002}},
		{"10.0.0.1", []uint16{7}, "10.0.0.1:3478", []uint16{7}},
		{"127.0.0.1:0", nil, "127.0.0.1:0", []uint16{0, 0}},
		{"[::1]:9", nil, "[::1]:9", []uint16{10, 11}},
		{"::ffff:10.0.0.1", nil, "10.0.0.1:3478", []uint16{3479, 3480}},
		{"localhost:9", nil, "", nil},
		{"10.0.0.1:", nil, "", nil},
		{"10.0.0.1:-1", nil, "", nil},
		{"[fe80::1%eth0]:9", nil, "", nil},
		{":65534", nil, "", nil},
		{":9", []uint16{9}, "", nil},
		{":9", []uint16{1, 2, 3, 4, 5}, "", nil},
	} {
		set, err := (&Config{Listen: c.listen, STUNPorts: c.given}).check(nil)
		var wrong *UsageError
		switch {
		case c.want == "" && !errors.As(err, &wrong):
			t.Errorf("%q %v was accepted: %+v, %v", c.listen, c.given, set, err)
		case c.want != "" && (err != nil || set.listen.String() != c.want || !slices.Equal(set.stun, c.stun)):
			t.Errorf("%q %v: %+v, %v", c.listen, c.given, set, err)
		}
	}
}

// Lab limits and strangers don't go together.
func TestLabLimitsStayPrivate(t *testing.T) {
	private := addrs("192.168.1.2", "172.17.0.1", "203.0.113.1", "2001:db8::1", "fd00::1")
	public := addrs("10.0.0.1", "8.8.8.8")
	for _, c := range []struct {
		listen, public string
		local          []netip.Addr
		ok             bool
	}{
		{"127.0.0.1:1", "", public, true},
		{"10.1.2.3:1", "", public, true},
		{"203.0.113.1:1", "203.0.113.1", public, true},
		{"", "", private, true},
		{"", "", nil, true},
		{"", "192.168.1.2", private, true},
		{"", "", public, false},
		{"", "192.168.1.2", public, false},
		{"", "8.8.4.4", private, false},
		{"", "8.8.4.4:99", private, false},
		{"", "play.example", private, false},
		{"127.0.0.1:1", "8.8.4.4", private, false},
		{"8.8.8.8:1", "", private, false},
		{"[2600::1]:1", "", private, false},
	} {
		_, err := (&Config{Listen: c.listen, Public: c.public, Limits: "lab"}).check(c.local)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAdvertisedHost(t *testing.T) {
	local := addrs("192.0.2.2", "10.0.0.1", "fd00::2")
	for _, c := range []struct {
		listen, public string
		local          []netip.Addr
		want           string
	}{
		{"0.0.0.0:3478", "", local, "192.0.2.2:3478"},
		{"[::]:3478", "", local, "[fd00::2]:3478"},
		{"0.0.0.0:3478", "", nil, "127.0.0.1:3478"},
		{"[::]:3478", "", nil, "[::1]:3478"},
		{"10.0.0.1:99", "", local, "10.0.0.1:99"},
		{"0.0.0.0:99", "play.example", local, "play.example:99"},
		{"0.0.0.0:99", "play.example:77", local, "play.example:77"},
		{"0.0.0.0:99", "2001:db8::1", local, "[2001:db8::1]:99"},
	} {
		set, err := (&Config{Auth: "open", Listen: c.listen, Public: c.public}).check(c.local)
		if err != nil {
			t.Error(err)
		}
		if got := advertised(set.public, set.listen, c.local); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	for _, bad := range []string{"http://x", "a,b", "x/#k", "x:0", "x:y", "-x", " ", "a b"} {
		if set, err := (&Config{Public: bad}).check(nil); err == nil {
			t.Errorf("--public %q was accepted as %q", bad, set.public)
		} else if !strings.Contains(err.Error(), "--public") {
			t.Errorf("--public %q: %v", bad, err)
		}
	}
}

// What is said of TCP: on by default where strangers can come from, off on loopback; nonsense is refused with its flag's name.
func TestTCPSettings(t *testing.T) {
	for _, c := range []struct {
		cfg     Config
		tls, ws string
		flag    string // of the complaint
	}{
		{Config{}, "0.0.0.0:443", "", ""},
		{Config{Listen: "10.0.0.1:5000"}, "10.0.0.1:443", "", ""},
		{Config{Listen: "127.0.0.1:5000"}, "", "", ""},
		{Config{TLSListen: "off"}, "", "", ""},
		{Config{TLSListen: ":8443", WSListen: "127.0.0.1"}, "0.0.0.0:8443", "127.0.0.1:80", ""},
		{Config{TLSListen: "443"}, "", "", "--tls-listen"},
		{Config{WSListen: "off"}, "", "", "--ws-listen"},
		{Config{TLSCert: "a.pem"}, "", "", "--tls-key"},
		{Config{TLSCert: "a.pem", TLSKey: "b.pem", TLSListen: "off"}, "", "", "--tls-cert"},
		{Config{Forwarded: true}, "", "", "--ws-forwarded"},
	} {
		set, err := c.cfg.check(nil)
		var wrong *UsageError
		switch {
		case c.flag != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.flag)):
			t.Errorf("%+v: %v", c.cfg, err)
		case c.flag == "" && (err != nil || set.tls.IsValid() != (c.tls != "") || set.tls.IsValid() && set.tls.String() != c.tls ||
			set.ws.IsValid() != (c.ws != "") || set.ws.IsValid() && set.ws.String() != c.ws):
			t.Errorf("%+v: %+v, %v", c.cfg, set, err)
		}
	}
}

// The server's certificate stays the same over restarts; a damaged one is a sentence, a stranger's one is used.
func TestCertificate(t *testing.T) {
	set := settings{data: t.TempDir()}
	first, err := tlsConfig(&set, "play.example.com:3478")
	if err != nil {
		t.Fatal(err)
	}
	again, err := tlsConfig(&set, "other.example.com:3478")
	if err != nil || !bytes.Equal(first.Certificates[0].Certificate[0], again.Certificates[0].Certificate[0]) {
		t.Errorf("another certificate after a restart: %v", err)
	}
	path := filepath.Join(set.data, certFile)
	given := settings{data: t.TempDir(), tlsCert: path, tlsKey: path}
	if used, err := tlsConfig(&given, "x:1"); err != nil || !bytes.Equal(first.Certificates[0].Certificate[0], used.Certificates[0].Certificate[0]) {
		t.Errorf("the operator's certificate is not used: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	os.WriteFile(path, []byte("nonsense"), 0o600)
	if _, err := tlsConfig(&set, "x:1"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := tlsConfig(&given, "x:1"); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("damaged, by the operator: %v", err)
	}
}

// Where strangers come a server is open only if its operator says so; with keys it is not open at all.
func TestOpenIsNoDefaultInPublic(t *testing.T) {
	key := "studio=HS256:" + strings.Repeat("A", 43)
	private, public := addrs("10.0.0.2"), addrs("10.0.0.2", "8.8.4.4")
	for name, c := range map[string]struct {
		cfg   Config
		local []netip.Addr
		keys  int
		bad   string
	}{
		"at home":               {Config{}, private, 0, ""},
		"public":                {Config{}, public, 0, "this machine has the public address 8.8.4.4"},
		"public by name":        {Config{Public: "play.example"}, private, 0, "who may use this server?"},
		"public and said":       {Config{Auth: "open"}, public, 0, ""},
		"public with keys":      {Config{AuthKeys: []string{key}}, public, 1, ""},
		"token without keys":    {Config{Auth: "token"}, private, 0, "musubi token keygen"},
		"on loopback":           {Config{Listen: "127.0.0.1:1"}, public, 0, ""},
		"a key that is no good": {Config{AuthKeys: []string{"x"}}, private, 0, "--auth-key: an access key is written"},
	} {
		set, err := c.cfg.check(c.local)
		switch {
		case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad) || strings.Contains(err.Error(), "AAAA")):
			t.Errorf("%s: %v, want %q", name, err, c.bad)
		case c.bad == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case err == nil && (set.auth.keys == nil) != (c.keys == 0):
			t.Errorf("%s: keys %v", name, set.auth.keys)
		}
	}
}
