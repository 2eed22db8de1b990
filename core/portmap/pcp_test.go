package portmap

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	inside = Inside{Local: netip.MustParseAddr("192.168.1.7"), Gateway: netip.MustParseAddr("192.168.1.1"), Port: 40000,
		Nonce: Nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Layout by hand from RFC 6887, figures 2, 3, 9 and 10.
func TestPCPBytes(t *testing.T) {
	want := unhex(t, "02010000 00001c20 00000000000000000000ffffc0a80107"+
		"0102030405060708090a0b0c 11000000 9c40 0000 00000000000000000000ffff00000000")
	if got := appendPCP(nil, &inside, Lifetime, netip.AddrPort{}); !bytes.Equal(got, want) {
		t.Errorf("request\n%x\nwant\n%x", got, want)
	}
	reply := unhex(t, "02810000 00000e10 00000001 000000000000000000000000"+
		"0102030405060708090a0b0c 11000000 9c40 d431 00000000000000000000ffffcb007105")
	a, ok := parsePCP(reply, &inside)
	if want := netip.MustParseAddrPort("203.0.113.5:54321"); !ok || a.external != want || a.lifetime != time.Hour || a.result != 0 {
		t.Errorf("answer %+v, %v", a, ok)
	}
	other := inside
	other.Nonce[0]++
	if _, ok := parsePCP(reply, &other); ok {
		t.Error("an answer to somebody else's request was taken")
	}
	if a, ok := parsePCP(unhex(t, "02810002 00000708 00000001 000000000000000000000000"), &inside); !ok || a.result != 2 {
		t.Errorf("refusal: %+v, %v", a, ok)
	}
	if a, ok := parsePCP(unhex(t, "0081000100000000"), &inside); !ok || a.version != pmpVersion {
		t.Errorf("version error of a NAT-PMP gateway: %+v, %v", a, ok)
	}
}

// Layout by hand from RFC 6886, 3.2 and 3.3.
func TestNATPMPBytes(t *testing.T) {
	if got, want := appendPMP(nil, 40000, 40000, Lifetime), unhex(t, "00010000 9c40 9c40 00001c20"); !bytes.Equal(got, want) {
		t.Errorf("request %x, want %x", got, want)
	}
	a, ok := parsePMP(unhex(t, "00800000 00000001 cb007105"), &inside)
	if !ok || !a.address || a.external.Addr() != netip.MustParseAddr("203.0.113.5") {
		t.Errorf("address %+v, %v", a, ok)
	}
	a, ok = parsePMP(unhex(t, "00810000 00000001 9c40 d431 00000e10"), &inside)
	if !ok || a.address || a.external.Port() != 54321 || a.lifetime != time.Hour {
		t.Errorf("mapping %+v, %v", a, ok)
	}
	if _, ok = parsePMP(unhex(t, "00810000 00000001 9c41 d431 00000e10"), &inside); ok {
		t.Error("another port's mapping was taken")
	}
}

// fakeGateway answers each request on a loopback address of its own by script; nil is silence.
func fakeGateway(t *testing.T, at string, script func(request []byte) []byte) Inside {
	t.Helper()
	in := Inside{Local: netip.MustParseAddr("127.0.0.1"), Gateway: netip.MustParseAddr(at), Port: 40000}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(in.Gateway, gatewayPort)))
	if err != nil {
		t.Skip("port 5351 of ", at, " is taken: ", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [1100]byte
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			if reply := script(b[:n]); reply != nil {
				conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return in
}

func TestOldGatewayIsAskedByNATPMP(t *testing.T) {
	deleted := make(chan bool, 1)
	in := fakeGateway(t, "127.0.0.77", func(q []byte) []byte {
		switch {
		case q[0] == pcpVersion:
			return unhex(t, "0081000100000001")
		case q[1] == pmpAddress:
			return unhex(t, "00800000 00000001 cb007105")
		case bytes.Equal(q[8:12], make([]byte, 4)):
			deleted <- true
			return unhex(t, "00810000 00000001 9c40 0000 00000000")
		}
		return unhex(t, "00810000 00000001 9c40 d431 00001c20")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m, err := AskGateway(ctx, in)
	if err != nil || m.Protocol != "NAT-PMP" || m.External != netip.MustParseAddrPort("203.0.113.5:54321") || m.Lifetime != Lifetime {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.Release(ctx); err != nil || !<-deleted {
		t.Errorf("release: %v", err)
	}
}

func TestSilentAndRefusingGateway(t *testing.T) {
	in := fakeGateway(t, "127.0.0.78", func(q []byte) []byte { return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := AskGateway(ctx, in); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("silence gave %v", err)
	}
	in = fakeGateway(t, "127.0.0.79", func(q []byte) []byte {
		return unhex(t, "02810002 00000708 00000001 000000000000000000000000")
	})
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := AskGateway(ctx, in); err == nil || !strings.Contains(err.Error(), "result 2") {
		t.Errorf("refusal gave %v", err)
	}
}

func FuzzGatewayAnswers(f *testing.F) {
	f.Add([]byte{0, 0x81, 0, 0, 0, 0, 0, 1, 0x9c, 0x40, 0xd4, 0x31, 0, 0, 0x0e, 0x10})
	f.Add(append([]byte{2, 0x81, 0, 0}, make([]byte, 56)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parsePCP(b, &inside); ok && a.version == pcpVersion && a.result == 0 && len(b) < pcpSize {
			t.Error("a short answer was taken")
		}
		parsePMP(b, &inside)
	})
}
