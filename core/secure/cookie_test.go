package secure

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

var start = time.Unix(1_800_000_000, 0) // the first second of a cookie epoch

func TestRetryCookie(t *testing.T) {
	jar, addr, random := NewCookieJar([32]byte{1}), netip.MustParseAddrPort("192.0.2.1:4000"), [16]byte{5}
	c := jar.Retry(start, addr, random)
	if !jar.CheckRetry(start.Add(59*time.Second), addr, random, c) || jar.CheckRetry(start.Add(61*time.Second), addr, random, c) {
		t.Fatal("a retry cookie lives a minute")
	}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(addr.Addr().As16()), addr.Port())
	if !jar.CheckRetry(start, mapped, random, c) {
		t.Fatal("an IPv4 address mapped into IPv6 is the same address")
	}
	if !NewCookieJar([32]byte{1}).CheckRetry(start, addr, random, c) {
		t.Fatal("a restarted server must take it")
	}
	for name, bad := range map[string]bool{
		"other secret":  NewCookieJar([32]byte{2}).CheckRetry(start, addr, random, c),
		"other port":    jar.CheckRetry(start, netip.AddrPortFrom(addr.Addr(), 4001), random, c),
		"other address": jar.CheckRetry(start, netip.MustParseAddrPort("192.0.2.2:4000"), random, c),
		"other random":  jar.CheckRetry(start, addr, [16]byte{6}, c),
		"as a token":    jar.CheckAddress(start, addr.Addr(), c),
	} {
		if bad {
			t.Error(name, "was accepted")
		}
	}
	for i := range c {
		bad := c
		bad[i] ^= 1
		if jar.CheckRetry(start, addr, random, bad) {
			t.Fatalf("byte %d does not count", i)
		}
	}
}

func TestAddressToken(t *testing.T) {
	jar, ip := NewCookieJar([32]byte{1}), netip.MustParseAddr("2001:db8::1")
	c := jar.Address(start.Add(30*time.Second), ip)
	for _, after := range []time.Duration{30 * time.Second, 119 * time.Second, 239 * time.Second} {
		if !jar.CheckAddress(start.Add(after), ip, c) {
			t.Fatal("refused after", after)
		}
	}
	if jar.CheckAddress(start.Add(240*time.Second), ip, c) || jar.CheckAddress(start.Add(-time.Second), ip, c) {
		t.Fatal("accepted in an epoch whose secret is not alive")
	}
	if jar.CheckAddress(start, netip.MustParseAddr("2001:db8::2"), c) || jar.CheckAddress(start, ip, wire.Cookie{}) {
		t.Fatal("accepted for another address")
	}
}

func TestSTUNToken(t *testing.T) {
	jar, ip := NewCookieJar([32]byte{1}), netip.MustParseAddr("192.0.2.9")
	token := jar.STUNToken(start, ip)
	if !jar.CheckSTUNToken(start.Add(10*time.Minute), ip, token) || jar.CheckSTUNToken(start.Add(20*time.Minute), ip, token) {
		t.Fatal("a STUN token lives ten to twenty minutes")
	}
	if jar.CheckSTUNToken(start, netip.MustParseAddr("192.0.2.8"), token) || jar.CheckSTUNToken(start, ip, [16]byte{}) {
		t.Fatal("accepted for another address")
	}
}

// A flood costs no memory, also one with invented cookies of every age.
func TestCookiesAllocateNothing(t *testing.T) {
	jar, addr := NewCookieJar([32]byte{1}), netip.MustParseAddrPort("192.0.2.1:4000")
	forged := jar.Address(start, addr.Addr())
	jar.CheckAddress(start.Add(2*time.Minute), addr.Addr(), jar.Address(start.Add(2*time.Minute), addr.Addr()))
	at := start.Add(2*time.Minute + time.Second)
	n := testing.AllocsPerRun(1000, func() {
		forged[3]++
		jar.CheckRetry(at, addr, [16]byte{}, jar.Retry(at, addr, [16]byte{1}))
		jar.CheckAddress(at, addr.Addr(), forged)
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkRetry(b *testing.B) {
	jar, addr := NewCookieJar([32]byte{1}), netip.MustParseAddrPort("192.0.2.1:4000")
	b.ReportAllocs()
	for b.Loop() {
		jar.Retry(start, addr, [16]byte{1})
	}
}
