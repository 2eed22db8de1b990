package netio

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// batchOfTest datagrams fit the queues that the system grants to anybody.
const batchOfTest = 200

var anyLoopback = netip.MustParseAddrPort("127.0.0.1:0")

func openPort(t *testing.T, at netip.AddrPort, buffer int) *Port {
	t.Helper()
	p, err := OpenPort(at, buffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func peer(t *testing.T) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(anyLoopback))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// A batch that is mixed of datagrams to three peers, of all sizes, reaches each whole and in order, in rows and without.
func TestPortSendsABatchInOrder(t *testing.T) {
	for _, gso := range []bool{true, false} {
		p := openPort(t, anyLoopback, DefaultBuffer)
		p.out.gso = p.out.gso && gso
		from, _ := peer(t)
		var to [3]*net.UDPConn
		var at [3]netip.AddrPort
		for i := range to {
			to[i], at[i] = peer(t)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var want [3][][]byte
		for range batchOfTest {
			who := rng.IntN(3)
			b := make([]byte, []int{200, 200, 200, 90, 1200, 0}[rng.IntN(6)]+1)
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			b[0] = byte(who)
			want[who] = append(want[who], b)
			if _, err := from.WriteToUDPAddrPort(b, p.Local()); err != nil {
				t.Fatal(err)
			}
		}
		for total := 0; total < batchOfTest; {
			n, err := p.Read()
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				_, b, ok := p.Datagram(i)
				if !ok {
					t.Fatal("a datagram was not handed over")
				}
				p.Send(i, at[b[0]])
			}
			p.Flush()
			total += n
		}
		for who := range to {
			buf := make([]byte, MaxDatagram)
			for k, b := range want[who] {
				to[who].SetReadDeadline(time.Now().Add(10 * time.Second))
				n, from, err := to[who].ReadFromUDPAddrPort(buf)
				if err != nil || !bytes.Equal(buf[:n], b) || from != p.Local() {
					t.Fatalf("gso %v, peer %d, datagram %d: %d bytes from %v, %v; want %d", gso, who, k, n, from, err, len(b))
				}
			}
		}
		s := p.Stats()
		if s.Received != batchOfTest || s.Sent != batchOfTest || (s.Segmented > 0) != p.out.gso || s.SendError+s.SendFull+s.RecvError+s.Truncated != 0 {
			t.Errorf("gso %v: %+v", gso, s)
		}
	}
}

// A row that the system refuses goes out singly, and what it refuses singly too is counted.
func TestPortRowThatIsRefused(t *testing.T) {
	p := openPort(t, anyLoopback, DefaultBuffer)
	if !p.out.gso {
		t.Skip("no segmentation offload here")
	}
	from, _ := peer(t)
	for range 3 {
		from.WriteToUDPAddrPort(make([]byte, 100), p.Local())
	}
	n := 0
	for n < 3 {
		k, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		for i := range k {
			p.Send(i, netip.MustParseAddrPort("255.255.255.255:9")) // no broadcast was allowed: EACCES
		}
		p.Flush()
		n += k
	}
	if s := p.Stats(); s.SendError != 3 || s.Sent != 0 || !p.out.gso {
		t.Errorf("%+v, gso %v", s, p.out.gso)
	}
}

// What the socket's queue can't hold is known by number.
func TestPortCountsWhatTheKernelDropped(t *testing.T) {
	p := openPort(t, anyLoopback, 1) // the least that the system grants
	from, _ := peer(t)
	const sent = 200
	for range sent {
		from.WriteToUDPAddrPort(make([]byte, 1000), p.Local())
	}
	received := 0
	for received == 0 || p.receive() {
		if received == 0 {
			p.Read()
		}
		received += p.n
	}
	from.WriteToUDPAddrPort([]byte{1}, p.Local()) // knows of all that were lost before it
	n, err := p.Read()
	if s := p.Stats(); err != nil || n != 1 || s.Overflow == 0 || uint64(received)+s.Overflow != sent {
		t.Errorf("%d received and %d known to be lost of %d: %v", received, s.Overflow, sent, err)
	}
}

func TestPortsShareAnAddressButNotWithStrangers(t *testing.T) {
	one := openPort(t, anyLoopback, DefaultBuffer)
	two := openPort(t, one.Local(), DefaultBuffer)
	if one.Local() != two.Local() {
		t.Errorf("%v and %v", one.Local(), two.Local())
	}
	if err := PortFree(one.Local()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use is free: %v", err)
	}
	c, at := peer(t)
	if err := PortFree(at); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use is free: %v", err)
	}
	c.Close()
	if err := PortFree(at); err != nil {
		t.Error(err)
	}
	// Each sender's datagrams reach one of the two, always the same.
	for range 20 {
		from, _ := peer(t)
		var before, after [2]uint64
		for round := range 2 {
			for range 5 {
				from.WriteToUDPAddrPort([]byte{1}, one.Local())
			}
			one.receive()
			two.receive()
			after = [2]uint64{one.Stats().Received, two.Stats().Received}
			if d := [2]uint64{after[0] - before[0], after[1] - before[1]}; round == 1 && d != [2]uint64{5, 0} && d != [2]uint64{0, 5} {
				t.Fatalf("one sender's five datagrams: %v", d)
			}
			before = after
		}
	}
}

// A loop sends through a port's socket and leaves it alone otherwise.
func TestLoopBorrowsAPort(t *testing.T) {
	p := openPort(t, anyLoopback, DefaultBuffer)
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Borrow(api.SocketID(0), p); err != nil {
		t.Fatal(err)
	}
	c, at := peer(t)
	l.Send(0, at, []byte("hi"), 0)
	l.Flush()
	buf := make([]byte, 10)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, from, err := c.ReadFromUDPAddrPort(buf); err != nil || string(buf[:n]) != "hi" || from != p.Local() {
		t.Errorf("%q from %v, %v", buf[:n], from, err)
	}
	l.Close()
	c.WriteToUDPAddrPort([]byte("still here"), p.Local())
	if n, err := p.Read(); n != 1 || err != nil {
		t.Errorf("after the loop's end: %d, %v", n, err)
	}
}

// Close ends a Read that waits.
func TestPortClose(t *testing.T) {
	p, err := OpenPort(anyLoopback, DefaultBuffer)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := p.Read(); ended <- err }()
	p.Close()
	if err := <-ended; err == nil {
		t.Error("a Read of a closed port says nothing")
	}
}

func TestPortAllocatesNothing(t *testing.T) {
	p := openPort(t, anyLoopback, DefaultBuffer)
	from, at := peer(t)
	b := make([]byte, 200)
	if n := testing.AllocsPerRun(100, func() {
		from.WriteToUDPAddrPort(b, p.Local())
		n, err := p.Read()
		for i := range n {
			if _, _, ok := p.Datagram(i); ok {
				p.Send(i, at)
			}
		}
		p.Flush()
		if err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
