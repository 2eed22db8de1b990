package secure

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
)

func TestServerAddresses(t *testing.T) {
	key := PublicKey{0xfb, 0xff, 1, 2, 3}
	k := strings.SplitN(ServerAddress{Key: key}.String(), "#", 2)[1]
	for _, c := range []struct {
		in     string
		hosts  []string
		hasKey bool
	}{
		{"musubi://play.example.com/#" + k, []string{"play.example.com:3478"}, true},
		{"musubi://play.example.com:4000,b.example.com,192.0.2.1/#" + k, []string{"play.example.com:4000", "b.example.com:3478", "192.0.2.1:3478"}, true},
		{"musubi://[2001:DB8::1],[::1]:99/#" + k, []string{"[2001:db8::1]:3478", "[::1]:99"}, true},
		{"musubi://127.0.0.1#" + k, []string{"127.0.0.1:3478"}, true},
		{"musubi://localhost:5000/", []string{"localhost:5000"}, false},
		{"musubi://localhost", []string{"localhost:3478"}, false},
	} {
		a, err := ParseServerAddress(c.in)
		if err != nil || !slices.Equal(a.Hosts, c.hosts) || a.HasKey != c.hasKey || a.HasKey && a.Key != key || a.TLS != 443 || a.WS != 0 {
			t.Errorf("%s: %+v %v", c.in, a, err)
		}
	}
	for _, want := range []ServerAddress{
		{Hosts: []string{"a.example:1", "[::1]:2"}, Key: key, HasKey: true, TLS: 443},
		{Hosts: []string{"a.example:1"}, Key: key, HasKey: true, TLS: 8443},
		{Hosts: []string{"a.example:1"}, Key: key, HasKey: true, TLS: 443, WS: 80},
		{Hosts: []string{"a.example:1"}, Key: key, HasKey: true, TLS: 1, WS: 65535},
	} {
		if got, err := ParseServerAddress(want.String()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", want, got, err)
		}
	}
	if a, err := ParseServerAddress("musubi://a/?later=thing&tls=8443&&#" + k); err != nil || a.TLS != 8443 {
		t.Error("what a later version adds must not matter:", a, err)
	}
}

// Each complaint names the part, shows its value and says what is allowed.
func TestServerAddressComplaints(t *testing.T) {
	k := strings.Repeat("A", 43)
	for in, says := range map[string]string{
		"":                                      `server address "" does not begin with musubi://`,
		"http://x/#" + k:                        `"http://x/#AAAA`,
		"musubi:///#" + k:                       "names no host",
		"musubi://a,,b/#" + k:                   `the host "" is not a name or an address`,
		"musubi://a b/#" + k:                    `the host "a b" is not a name or an address`,
		"musubi://a/b/#" + k:                    `the host "a/b" is not a name`,
		"musubi://a:0/#" + k:                    `the port "0" of host "a" is not a number from 1 to 65535`,
		"musubi://a:65536/#" + k:                `the port "65536" of host "a"`,
		"musubi://a:+1/#" + k:                   `the port "+1" of host "a"`,
		"musubi://a:/#" + k:                     `the port "" of host "a"`,
		"musubi://::1/#" + k:                    "needs brackets",
		"musubi://[::1/#" + k:                   "brackets that don't match",
		"musubi://[::1]x/#" + k:                 "brackets that don't match",
		"musubi://[a.b]/#" + k:                  `the host "a.b" in brackets is not an IPv6 address`,
		"musubi://a/#" + k[:42]:                 "has 31 bytes, not 32",
		"musubi://a/#" + k + "=":                "is not base64url",
		"musubi://a/#" + k[:20] + "\n" + k:      "is not base64url",
		"musubi://a/#":                          "has 0 bytes, not 32",
		"musubi://a/?tls=0#" + k:                `the port "0" of tls is not a number from 1 to 65535`,
		"musubi://a/?ws=+1#" + k:                `the port "+1" of ws`,
		"musubi://a/?tls#" + k:                  `the port "" of tls`,
		"musubi://a,b,c,d,e,f,g,h,i/#" + k:      "more than 8 hosts",
		"musubi://" + strings.Repeat("a", 9999): "is not a name or an address",
	} {
		a, err := ParseServerAddress(in)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.ErrAddress || a.Hosts != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if !strings.Contains(e.Text, says) || !strings.Contains(e.Text, "looks like musubi://") || len(e.Text) > 400 {
			t.Errorf("%q: the sentence is %s", in, e.Text)
		}
	}
}
