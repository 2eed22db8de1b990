//go:build linux

package lab

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// BenchmarkThroughput sends 200-byte datagrams from home to home, each through two kernel routers and ours, with at most
// 1024 under way, and reports how many arrive in a second.
func BenchmarkThroughput(b *testing.B) {
	for _, missing := range Missing() {
		b.Skip("no laboratory here: ", missing)
	}
	l, err := Build(Config{A: PUB, B: PUB, Shape: wan.Shape{Delay: time.Millisecond}})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	from, err := l.ListenUDP(HostA, netip.AddrPortFrom(l.Inside(HostA), 0))
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := l.ListenUDP(HostB, netip.AddrPortFrom(l.Inside(HostB), 5000))
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	const size, train, window = 200, 32, 1024
	if err := to.SetReadBuffer(4 << 20); err != nil {
		b.Fatal(err)
	}
	raw, err := from.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, size) })
	}
	if err != nil {
		b.Fatal(err)
	}
	credit := make(chan struct{}, window/train)
	for range cap(credit) {
		credit <- struct{}{}
	}
	go pump(from, netip.AddrPortFrom(l.PublicB(), 5000), make([]byte, size*train), credit)
	buf := make([]byte, 2048)
	b.ResetTimer()
	start := time.Now()
	for n := range b.N {
		if err := to.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			b.Fatal(err)
		}
		if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatalf("after %d datagrams: %v; router %+v", n, err, l.Counters())
		}
		if n%train == train-1 {
			credit <- struct{}{}
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "packets/s")
	b.StopTimer()
	close(credit)
}

// pump sends a train of datagrams for each credit.
func pump(c *net.UDPConn, to netip.AddrPort, train []byte, credit <-chan struct{}) {
	for range credit {
		if _, err := c.WriteToUDPAddrPort(train, to); err != nil {
			return
		}
	}
}
