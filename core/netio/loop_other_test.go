//go:build windows || darwin

package netio

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// These run where the system runs, or its stand-in: ./build.sh windows-test runs them under Wine.

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func open(t *testing.T, l *Loop, id api.SocketID) netip.AddrPort {
	t.Helper()
	at, err := l.Open(id, loopback)
	if err != nil || at.Port() == 0 {
		t.Fatalf("open: %v, %v", at, err)
	}
	return at
}

func newTestLoop(t *testing.T) *Loop {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// collect reads until n datagrams have come, or nothing for two seconds.
func collect(l *Loop, n int) (got [][]byte, from netip.AddrPort) {
	limit := time.Now().Add(2 * time.Second)
	for len(got) < n && time.Now().Before(limit) {
		if l.Wait(limit) != nil {
			return got, from
		}
		l.Read(func(_ api.SocketID, f netip.AddrPort, b []byte) {
			got, from = append(got, bytes.Clone(b)), f
		})
	}
	return got, from
}

func TestDatagramsArrive(t *testing.T) {
	l := newTestLoop(t)
	a, b := open(t, l, 1), open(t, l, 2)
	const n = 300 // more than one Read takes
	for i := range n {
		data := append(l.Room(), bytes.Repeat([]byte{byte(i)}, 1+i*4)...)
		if err := l.Send(1, b, data, 0); err != nil {
			t.Fatal(err)
		}
	}
	got, from := collect(l, n)
	if len(got) != n || from != a {
		t.Fatalf("%d datagrams from %v, want %d from %v; %+v", len(got), from, n, a, l.Stats())
	}
	for i, data := range got {
		if !bytes.Equal(data, bytes.Repeat([]byte{byte(i)}, 1+i*4)) {
			t.Fatalf("datagram %d: %d bytes of %d", i, len(data), data[0])
		}
	}
}

func TestEmptyAndOversizedDatagrams(t *testing.T) {
	l, other := newTestLoop(t), newTestLoop(t)
	at := open(t, l, 1)
	open(t, other, 1)
	for range 3 { // as the first of a burst and behind one
		for _, size := range []int{MaxDatagram + 500, 0, MaxDatagram} {
			other.sockets[1].send(make([]byte, size), at) // Send would refuse the first
		}
	}
	got, _ := collect(l, 6)
	if s := l.Stats(); len(got) != 6 || len(got[0]) != 0 || len(got[1]) != MaxDatagram || s.Truncated != 3 {
		t.Fatalf("%d datagrams, %+v", len(got), s)
	}
	other.Send(1, at, []byte("still there"), 0)
	if got, _ = collect(l, 1); len(got) != 1 {
		t.Fatal("deaf after an oversized datagram")
	}
}

func TestWaitEndsAtWakeAndDeadline(t *testing.T) {
	l := newTestLoop(t)
	open(t, l, 1)
	l.Wake()
	if err := l.Wait(time.Time{}); err != nil { // would hang without the wake
		t.Fatal(err)
	}
	start := time.Now()
	for time.Since(start) < 20*time.Millisecond {
		if err := l.Wait(start.Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() { l.Wait(time.Time{}); close(done) }()
	l.Wake()
	<-done
}

func TestCloseWhileReceiving(t *testing.T) {
	port, err := newPort()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 { // one loop after another on the same port, as the slots of capi have them
		l, err := NewLoopWithWake(port)
		if err != nil {
			t.Fatal(err)
		}
		a, b := open(t, l, 1), open(t, l, 2)
		l.Send(1, b, []byte("one"), 3)
		l.CloseSocket(2)
		b = open(t, l, 2)
		l.Send(1, b, []byte("two"), 0)
		l.Send(2, a, []byte("three"), 0)
		if got, _ := collect(l, 2); len(got) != 2 {
			t.Fatalf("round %d: %q", i, got)
		}
		l.Close()
		l.Wake() // late, and harmless
	}
}

func TestRefusals(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 1)
	if _, err := l.Open(1, loopback); err == nil {
		t.Error("a number was used twice")
	}
	if _, err := l.Open(2, at); err == nil {
		t.Error("a port was bound twice")
	}
	if err := l.Send(9, at, nil, 0); err != ErrNoSocket {
		t.Error(err)
	}
	if err := l.Send(1, at, make([]byte, MaxDatagram+1), 0); err != ErrTooLarge {
		t.Error(err)
	}
	if err := l.Send(1, netip.MustParseAddrPort("[::1]:9"), nil, 0); err != ErrFamily {
		t.Error(err)
	}
	if from, ok := Source(netip.MustParseAddrPort("127.0.0.1:9")); !ok || from != loopback.Addr() {
		t.Errorf("packets to this machine leave from %v, %v", from, ok)
	}
	// Nobody listens there: news of it must not end the socket.
	nobody := open(t, l, 3)
	l.CloseSocket(3)
	for range 10 {
		l.Send(1, nobody, []byte("?"), 0)
	}
	l.Send(1, at, []byte("me"), 0)
	if got, _ := collect(l, 1); len(got) != 1 {
		t.Errorf("%q, %+v", got, l.Stats())
	}
}

func TestNothingIsAllocated(t *testing.T) {
	l := newTestLoop(t)
	b := open(t, l, 1)
	data := make([]byte, 1200)
	read := func(api.SocketID, netip.AddrPort, []byte) {}
	n := testing.AllocsPerRun(200, func() {
		l.Send(1, b, data, 0)
		for l.Wait(time.Now().Add(time.Second)); l.Read(read) == 0; {
		}
	})
	if n > 0 {
		t.Errorf("%v allocations a datagram", n)
	}
}
