package netio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// batchOfTest datagrams fit the queues that the system grants to anybody.
const batchOfTest = 200

var anyLoopback = netip.MustParseAddrPort("127.0.0.1:0")

func openPorts(t *testing.T, at netip.AddrPort, n, buffer int) []*Port {
	t.Helper()
	ports, err := OpenPorts(at, n, buffer, nameOfTest)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		t.Cleanup(p.Close)
	}
	return ports
}

// nameOfTest is where the datagrams of these tests say to which of several ports they belong.
const nameOfTest = 1

func openPort(t *testing.T, at netip.AddrPort, buffer int) *Port {
	t.Helper()
	return openPorts(t, at, 1, buffer)[0]
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
	if s := p.Stats(); s.Overflow == 0 || uint64(received)+s.Overflow != sent {
		t.Errorf("%d received and %d known to be lost of %d", received, s.Overflow, sent)
	}
	p.Close()
	if s := p.Stats(); uint64(received)+s.Overflow != sent {
		t.Errorf("once it is closed: %d received and %d known to be lost of %d", received, s.Overflow, sent)
	}
}

func TestPortFreeTellsOfStrangers(t *testing.T) {
	p := openPort(t, anyLoopback, DefaultBuffer)
	if err := PortFree(p.Local()); !errors.Is(err, syscall.EADDRINUSE) {
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
}

// named is a datagram that names a leg or a link.
func named(name uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x44}, name) }

// What names one leg comes to one port, from whatever address; names are spread over all ports; what names none comes to
// the first; and nothing at all to a socket that only sends.
func TestPortsShareAnAddressByName(t *testing.T) {
	const n, names = 4, 256
	ports := openPorts(t, anyLoopback, n, DefaultBuffer)
	home := map[uint32]int{}
	var got [n]int
	one, _ := peer(t)
	two, _ := peer(t)
	for name := range uint32(names) {
		for _, from := range []*net.UDPConn{one, two} {
			from.WriteToUDPAddrPort(named(name), ports[0].Local())
			i := whichReceives(t, ports)
			_, b, _ := ports[i].Datagram(0)
			if at, ok := home[name]; ports[i].n != 1 || !bytes.Equal(b, named(name)) || ok && at != i {
				t.Fatalf("name %d came to port %d and to %d: % x", name, at, i, b)
			}
			home[name] = i
			got[i]++
		}
	}
	for i, k := range got {
		if k < 2*names/n/2 || k > 2*names/n*2 {
			t.Errorf("port %d got %d of %d", i, k, 2*names)
		}
	}
	one.WriteToUDPAddrPort([]byte{1, 2, 3, 4}, ports[0].Local())
	if i := whichReceives(t, ports); i != 0 {
		t.Errorf("a datagram without a name came to port %d", i)
	}
	if err := Spread(ports, 2); err != nil {
		t.Fatal(err)
	}
	for name := range uint32(names) {
		one.WriteToUDPAddrPort(named(name), ports[0].Local())
		if i := whichReceives(t, ports); i > 1 {
			t.Fatalf("a datagram came to port %d when two of four serve", i)
		}
	}
}

// whichReceives waits for the next datagram and says at which port it is.
func whichReceives(t *testing.T, ports []*Port) int {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		for i, p := range ports {
			if p.receive() {
				return i
			}
		}
	}
	t.Fatal("nothing came to any port")
	return 0
}

// Where the system can't spread them, each port sends through the one socket that it has.
func TestPortWithOneSocket(t *testing.T) {
	p, err := newPort(anyLoopback, DefaultBuffer)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	from, at := peer(t)
	from.WriteToUDPAddrPort([]byte("there"), p.Local())
	if n, err := p.Read(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	p.Send(0, at)
	p.Flush()
	buf := make([]byte, 10)
	from.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, by, err := from.ReadFromUDPAddrPort(buf); err != nil || string(buf[:n]) != "there" || by != p.Local() {
		t.Errorf("%q from %v, %v", buf[:n], by, err)
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

// Stop ends a Read that waits, and one that comes later.
func TestPortStop(t *testing.T) {
	p := openPort(t, anyLoopback, DefaultBuffer)
	ended := make(chan error)
	go func() { _, err := p.Read(); ended <- err }()
	p.Stop()
	if err := <-ended; err == nil {
		t.Error("a Read of a stopped port says nothing")
	}
	if _, err := p.Read(); err == nil {
		t.Error("a further Read of a stopped port says nothing")
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
