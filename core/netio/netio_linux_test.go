package netio

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// patience bounds every wait of these tests. Nothing takes it unless something is broken.
const patience = 10 * time.Second

func newTestLoop(t testing.TB) *Loop {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func open(t testing.TB, l *Loop, id api.SocketID, bind netip.AddrPort) netip.AddrPort {
	t.Helper()
	local, err := l.Open(id, bind)
	if err != nil {
		t.Fatal(err)
	}
	return local
}

// readOne waits until one Read has brought something.
func readSome(t testing.TB, l *Loop, fn func(api.SocketID, netip.AddrPort, []byte)) int {
	t.Helper()
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		if n := l.Read(fn); n > 0 {
			return n
		}
		if err := l.Wait(end); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("nothing arrived")
	return 0
}

// Two loops in two goroutines: one asks 20,000 numbered questions with a window of 64, the other echoes. Every answer
// must come, from the right address, in the order of loopback.
func TestEchoOfManyDatagrams(t *testing.T) {
	const count, window = 20_000, 64
	server, client := newTestLoop(t), newTestLoop(t)
	at := open(t, server, 5, loopback)
	open(t, client, 0, loopback)

	var ended sync.WaitGroup
	stop := make(chan struct{})
	ended.Go(func() {
		echo := func(id api.SocketID, from netip.AddrPort, b []byte) { server.Send(id, from, b, 0) }
		for {
			select {
			case <-stop:
				return
			default:
			}
			server.Read(echo)
			server.Flush()
			server.Wait(time.Time{})
		}
	})
	defer func() { close(stop); server.Wake(); ended.Wait() }()

	asked, answered := 0, 0
	var question [200]byte
	for answered < count {
		for asked < count && asked-answered < window {
			binary.BigEndian.PutUint64(question[:], uint64(asked))
			if err := client.Send(0, at, question[:100+asked%100], 0); err != nil {
				t.Fatal(err)
			}
			asked++
		}
		client.Flush()
		readSome(t, client, func(id api.SocketID, from netip.AddrPort, b []byte) {
			if got := binary.BigEndian.Uint64(b); got != uint64(answered) || len(b) != 100+answered%100 || from != at || id != 0 {
				t.Fatalf("answer %d: number %d, %d bytes, from %v on %d", answered, got, len(b), from, id)
			}
			answered++
		})
	}
	if s := client.Stats(); s.Sent != count || s.Received != count || s.SendFull+s.SendError+s.RecvError+s.Truncated != 0 {
		t.Errorf("client counted %+v", s)
	}
}

// One loop with several sockets, both families: each datagram is reported for the socket that it came to.
func TestSocketsAreToldApart(t *testing.T) {
	l := newTestLoop(t)
	addrs := map[api.SocketID]netip.AddrPort{}
	for id := range api.SocketID(4) {
		addrs[id] = open(t, l, id, loopback)
	}
	if local, err := l.Open(1<<31+7, netip.MustParseAddrPort("[::1]:0")); err == nil {
		addrs[1<<31+7] = local
		if err := l.Send(0, local, []byte{1}, 0); err != ErrFamily {
			t.Errorf("IPv4 socket to an IPv6 address: %v", err)
		}
		l.Send(1<<31+7, local, []byte{0, 0, 0, 7}, 0)
	}
	for id := range api.SocketID(4) {
		l.Send((id+1)%4, addrs[id], []byte{0, 0, 0, byte(id)}, 0)
	}
	l.Flush()
	for seen := 0; seen < len(addrs); {
		readSome(t, l, func(id api.SocketID, from netip.AddrPort, b []byte) {
			if n := api.SocketID(b[3]); id&0xff != n || n < 4 && from != addrs[(n+1)%4] {
				t.Errorf("datagram for %d came from %v on socket %d", n, from, id)
			}
			seen++
		})
	}
}

// The TTL is per datagram: a low one leaves the next alone. The receiver reads what really was in the IP header.
func TestTTLIsPerDatagram(t *testing.T) {
	receiver, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	raw, _ := receiver.SyscallConn()
	raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTTL, 1); err != nil {
			t.Fatal(err)
		}
	})
	l := newTestLoop(t)
	open(t, l, 0, loopback)
	to := receiver.LocalAddr().(*net.UDPAddr).AddrPort()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())

	normal, _ := unix.GetsockoptInt(l.sockets[0].fd, unix.IPPROTO_IP, unix.IP_TTL)
	sent := []uint8{0, 2, 0, 255, 1, 0}
	for _, ttl := range sent {
		l.Send(0, to, []byte{ttl}, ttl)
	}
	l.Flush()
	receiver.SetReadDeadline(time.Now().Add(patience))
	for _, ttl := range sent {
		var b, oob [64]byte
		n, oobn, _, _, err := receiver.ReadMsgUDPAddrPort(b[:], oob[:])
		if err != nil {
			t.Fatal(err)
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 || n != 1 || b[0] != ttl {
			t.Fatalf("got %v, %v, %v", b[:n], messages, err)
		}
		want := uint32(ttl)
		if ttl == 0 {
			want = uint32(normal)
		}
		if got := binary.NativeEndian.Uint32(messages[0].Data); got != want {
			t.Errorf("sent with ttl %d, arrived with %d, want %d", ttl, got, want)
		}
	}
}

// A wake counts whenever it comes: before Wait, during it, and when Read has swallowed it meanwhile.
func TestWakeIsNeverLost(t *testing.T) {
	l := newTestLoop(t)
	open(t, l, 0, loopback)
	wait := func(when string) {
		t.Helper()
		end := time.Now().Add(patience)
		if err := l.Wait(end); err != nil {
			t.Fatal(err)
		}
		if !time.Now().Before(end) {
			t.Fatalf("wake %s was lost", when)
		}
	}
	l.Wake()
	wait("before Wait")

	l.Wake()
	l.Read(nil) // polls, and so takes the wake from the eventfd
	wait("taken by Read")

	for range 1000 {
		var ended sync.WaitGroup
		ended.Go(l.Wake)
		wait("from another goroutine")
		ended.Wait()
	}
	l.Wait(time.Now()) // whatever the last overlap left over
	start := time.Now()
	l.Wait(start.Add(5 * time.Millisecond))
	if time.Since(start) < 5*time.Millisecond {
		t.Error("a wake was reported twice")
	}
}

func TestForeignWakeDescriptorIsLeftOpen(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l, err := NewLoopWithWake(fd)
	if err != nil {
		t.Fatal(err)
	}
	unix.Write(fd, eventOne[:]) // as the C shim does
	start := time.Now()
	l.Wait(start.Add(patience))
	if time.Since(start) >= patience {
		t.Error("a write to the descriptor did not wake")
	}
	l.Close()
	l.Wake() // harmless after Close
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the caller's descriptor after Close: %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	for _, d := range []time.Duration{-time.Second, 0, 3 * time.Millisecond, 3 * time.Millisecond, -time.Second, time.Millisecond} {
		start := time.Now()
		if err := l.Wait(start.Add(d)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < d || took > d+patience {
			t.Errorf("a deadline in %v took %v", d, took)
		}
	}
	// The deadline that fired must not spoil later waits: neither without one nor with the very same.
	l.Send(0, at, []byte("x"), 0)
	l.Flush()
	l.Wait(time.Time{})
	if l.Read(func(api.SocketID, netip.AddrPort, []byte) {}) != 1 {
		t.Error("a wait without deadline ended without the datagram")
	}
	past := time.Now()
	l.Send(0, at, []byte("x"), 0)
	l.Flush()
	l.Wait(past)
	if len(l.ready) != 1 {
		t.Error("a wait whose deadline has passed did not look at the sockets")
	}
}

// Nothing that the network or the system says about one datagram hurts the next.
func TestRefusalsAreCountedAndSkipped(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	closed := open(t, l, 1, loopback)
	l.CloseSocket(1)
	refused := []netip.AddrPort{
		netip.MustParseAddrPort("255.255.255.255:9"), // EACCES without SO_BROADCAST
		netip.MustParseAddrPort("127.0.0.1:0"),       // EINVAL
		netip.MustParseAddrPort("240.0.0.1:9"),       // ENETUNREACH or EINVAL
	}
	for i := range 30 {
		l.Send(0, closed, []byte("answered with an ICMP error"), 0)
		l.Send(0, refused[i%3], []byte("refused by the kernel"), 0)
		l.Send(0, at, []byte{byte(i)}, 0)
	}
	l.Flush()
	next := byte(0)
	for next < 30 {
		readSome(t, l, func(_ api.SocketID, _ netip.AddrPort, b []byte) {
			if len(b) != 1 || b[0] != next {
				t.Fatalf("got %q, want %d", b, next)
			}
			next++
		})
	}
	if s := l.Stats(); s.SendError < 20 || s.SendError > 30 || s.Sent+s.SendError != 90 {
		t.Errorf("counted %+v", s)
	}
}

func TestBadSends(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	for _, c := range []struct {
		id   api.SocketID
		to   netip.AddrPort
		size int
		want error
	}{
		{9, at, 1, ErrNoSocket},
		{0, at, MaxDatagram + 1, ErrTooLarge},
		{0, netip.AddrPort{}, 1, ErrFamily},
		{0, netip.MustParseAddrPort("[::1]:9"), 1, ErrFamily},
		{0, at, MaxDatagram, nil},
	} {
		if err := l.Send(c.id, c.to, make([]byte, c.size), 0); err != c.want {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

// A datagram longer than our buffers is dropped whole; the one after it arrives.
func TestOverlongDatagramIsDropped(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	sender, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	sender.Write(make([]byte, MaxDatagram+1))
	sender.Write([]byte("short"))
	readSome(t, l, func(_ api.SocketID, _ netip.AddrPort, b []byte) {
		if string(b) != "short" {
			t.Errorf("%d bytes arrived", len(b))
		}
	})
	if l.Stats().Truncated != 1 {
		t.Errorf("counted %+v", l.Stats())
	}
}

// A flood on one socket is read in bounded bites, and the rest is not forgotten.
func TestReadIsBounded(t *testing.T) {
	const count = 10 * recvShare
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	for range count {
		l.Send(0, at, []byte("flood"), 0)
	}
	l.Flush()
	total := 0
	for calls := 0; total < count; calls++ {
		l.Wait(time.Now().Add(patience))
		n := l.Read(func(api.SocketID, netip.AddrPort, []byte) {})
		if n > recvShare+joinedSlots*runSegments || n == 0 {
			t.Fatalf("read %d, %d of %d before", n, total, count)
		}
		total += n
	}
}

func TestAddressInUse(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	if _, err := l.Open(1, at); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second bind: %v", err)
	}
	if _, err := l.Open(0, loopback); err == nil {
		t.Error("a socket number was given twice")
	}
	l.CloseSocket(0)
	open(t, l, 0, at)
}

// Five hundred lives leave no descriptor behind, also with a Wake after the end.
func TestCloseGivesEverythingBack(t *testing.T) {
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	newTestLoop(t) // the netpoller's own descriptors exist from here on
	before := descriptors()
	for range 500 {
		l, err := NewLoop()
		if err != nil {
			t.Fatal(err)
		}
		at := open(t, l, 0, loopback)
		open(t, l, 1, loopback)
		l.Send(0, at, []byte("left in the queue"), 0)
		var ended sync.WaitGroup
		ended.Go(l.Wake)
		l.Close()
		ended.Wait()
		l.Wake()
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestLocalAddrs(t *testing.T) {
	addrs, err := LocalAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range addrs {
		if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.Is4In6() || i > 0 && a.Is4() && addrs[i-1].Is6() {
			t.Errorf("%v does not belong at place %d of %v", a, i, addrs)
		}
	}
}

// roundTrip sends one batch to ourselves and reads it back.
func roundTrip(l *Loop, at netip.AddrPort, b []byte, count int, fn func(api.SocketID, netip.AddrPort, []byte)) {
	for i := range count {
		l.Send(0, at, b, uint8(i&1)*64)
	}
	l.Flush()
	for n := 0; n < count; {
		l.Wait(time.Time{})
		n += l.Read(fn)
	}
}

func TestNoAllocationPerDatagram(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	b, fn := make([]byte, 1200), func(api.SocketID, netip.AddrPort, []byte) {}
	roundTrip(l, at, b, 64, fn)
	if n := testing.AllocsPerRun(50, func() { roundTrip(l, at, b, 64, fn) }); n != 0 {
		t.Errorf("%v allocations for 64 datagrams there and back", n)
	}
	if n := testing.AllocsPerRun(50, func() { l.Wake(); l.Wait(time.Now().Add(time.Hour)) }); n != 0 {
		t.Errorf("%v allocations for a wake", n)
	}
}

func BenchmarkSendAndReceive(b *testing.B) {
	l := newTestLoop(b)
	at := open(b, l, 0, loopback)
	data, fn := make([]byte, 1200), func(api.SocketID, netip.AddrPort, []byte) {}
	b.ReportAllocs()
	for done := 0; done < b.N; done += 64 {
		roundTrip(l, at, data, min(64, b.N-done), fn)
	}
}

func BenchmarkWake(b *testing.B) {
	l := newTestLoop(b)
	b.ReportAllocs()
	for range b.N {
		l.Wake()
		l.Wait(time.Time{})
	}
}

// No socket lets its datagrams be cut into fragments, on either family.
func TestSocketsForbidFragments(t *testing.T) {
	for _, c := range []struct {
		bind          string
		level, option int
	}{
		{"127.0.0.1:0", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER},
		{"[::1]:0", unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER},
	} {
		l := newTestLoop(t)
		if _, err := l.Open(0, netip.MustParseAddrPort(c.bind)); err != nil {
			t.Skip(err) // no IPv6 here
		}
		got, err := unix.GetsockoptInt(l.sockets[0].fd, c.level, c.option)
		if err != nil || got != unix.IP_PMTUDISC_PROBE {
			t.Errorf("%s: discovery %d, %v", c.bind, got, err)
		}
	}
}

// One socket number, two families: what goes to an IPv6 address leaves by the IPv6 socket, on the same port, and what comes
// by either is the same socket's.
func TestTwin(t *testing.T) {
	a, b := newTestLoop(t), newTestLoop(t)
	atA, err := a.Open(5, netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.OpenTwin(5); err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	if err := a.OpenTwin(5); err == nil {
		t.Error("a second twin was opened")
	}
	atB4, err := b.Open(1, netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	atB6, err := b.Open(2, netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		t.Skip("no IPv6 loopback: ", err)
	}
	for _, to := range []netip.AddrPort{atB4, atB6, atB4} {
		if err := a.Send(5, to, []byte("there"), 0); err != nil {
			t.Fatal(err)
		}
		a.Flush()
		var from netip.AddrPort
		for begun := time.Now(); !from.IsValid() && time.Since(begun) < 5*time.Second; {
			b.Wait(time.Now().Add(time.Second))
			b.Read(func(_ api.SocketID, f netip.AddrPort, _ []byte) { from = f })
		}
		if from.Port() != atA.Port() || from.Addr().Is4() != to.Addr().Is4() {
			t.Fatalf("to %v came from %v, want port %d", to, from, atA.Port())
		}
		socket := api.SocketID(1)
		if to == atB6 {
			socket = 2
		}
		b.Send(socket, from, []byte("back"), 0)
		b.Flush()
		got := api.SocketID(0)
		for begun := time.Now(); got == 0 && time.Since(begun) < 5*time.Second; {
			a.Wait(time.Now().Add(time.Second))
			a.Read(func(id api.SocketID, _ netip.AddrPort, _ []byte) { got = id })
		}
		if got != 5 {
			t.Fatalf("the answer of %v came on socket %d", to, got)
		}
	}
	a.CloseSocket(5)
	if err := a.Send(5, atB6, []byte("x"), 0); err != ErrNoSocket {
		t.Errorf("closed: %v", err)
	}
}
