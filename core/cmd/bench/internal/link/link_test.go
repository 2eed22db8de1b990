//go:build linux

package link

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/impair"
)

// A datagram there and back needs two latencies; both are counted, as long as they are. Switched off, nothing is added.
func TestLink(t *testing.T) {
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	l, err := New()
	if err != nil && strings.Contains(err.Error(), "not permitted") {
		t.Skip(err) // a container may have root and no right to make namespaces
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, b := socket(t, l, A), socket(t, l, B)
	const latency = 20 * time.Millisecond
	l.Set(impair.Config{Latency: latency}, 1)
	begin := monotonic()
	trip(t, a, b)
	if took := monotonic() - begin; took < int64(2*latency) {
		t.Errorf("took %v", time.Duration(took))
	}
	if n := l.Bytes(begin-int64(binWidth), monotonic()+int64(binWidth)); n != 2*128 {
		t.Errorf("%d bytes were counted", n)
	}
	median, _, _ := l.Lateness()
	t.Logf("median lateness %v", median)
	l.Set(impair.Config{Loss: 1}, 1)
	if _, err := a.WriteTo(make([]byte, 100), b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); l.Lost() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was lost")
		}
	}
}

func socket(t *testing.T, l *Link, s Side) (c net.PacketConn) {
	err := inside(l.name(s), func() (err error) {
		c, err = net.ListenPacket("udp4", netip.AddrPortFrom(Address(s), 0).String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// trip sends 100 bytes there and back, which are 128 on the wire.
func trip(t *testing.T, a, b net.PacketConn) {
	t.Helper()
	buf := make([]byte, 200)
	if _, err := a.WriteTo(buf[:100], b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	n, from, err := b.ReadFrom(buf)
	if err == nil {
		_, err = b.WriteTo(buf[:n], from)
	}
	if err == nil {
		n, _, err = a.ReadFrom(buf)
	}
	if err != nil || n != 100 {
		t.Fatalf("%d bytes came back: %v", n, err)
	}
}

// A witness adds up what its thread had to wait for a processor, and nothing else.
func TestWitness(t *testing.T) {
	w := Watch()
	if share, longest := w.End(); share < 0 || share > 1 || longest < 0 {
		t.Errorf("share %v, longest %v", share, longest)
	}
	var s starvation
	for _, late := range []time.Duration{0, Starved, 2 * Starved, time.Second, time.Microsecond} {
		s.woke(late)
	}
	if s.sum != time.Second+2*Starved || s.longest != time.Second {
		t.Errorf("%v in all, %v at most", s.sum, s.longest)
	}
}
