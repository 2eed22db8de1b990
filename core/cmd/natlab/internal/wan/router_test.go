//go:build linux

package wan

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The router is tested on socket pairs in place of TUN devices: no root, whole packets all the same.

var (
	addrA = netip.MustParseAddrPort("198.51.100.1:4000")
	addrB = netip.MustParseAddrPort("203.0.113.1:5000")
	addrS = netip.MustParseAddrPort("192.0.2.1:3478")
)

// world is a router with the far ends of its links.
type world struct {
	*Router
	t    *testing.T
	ends [Sides]int
}

func newWorld(t *testing.T, shape Shape) *world {
	t.Helper()
	w := &world{t: t}
	var links [Sides]Link
	for i, prefix := range []string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		links[i] = Link{FD: pair[0], Prefix: netip.MustParsePrefix(prefix)}
		w.ends[i] = pair[1]
		t.Cleanup(func() { unix.Close(pair[1]) })
	}
	r, err := New(links, shape, 7)
	if err != nil {
		t.Fatal(err)
	}
	w.Router = r
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// udp builds an IPv4 packet with a UDP datagram.
func udp(src, dst netip.AddrPort, ttl byte, payload string) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, ttl, protoUDP, 0, 0}
	b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(payload)))
	b = append(append(b, 0, 0), payload...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[offSum:], checksum(b[:ipHeader]))
	return b
}

func (w *world) put(from Side, packet []byte) {
	w.t.Helper()
	if _, err := unix.Write(w.ends[from], packet); err != nil {
		w.t.Fatal(err)
	}
}

// get waits at a side for one packet, nil if none comes in time.
func (w *world) get(at Side, wait time.Duration) []byte {
	w.t.Helper()
	fds := []unix.PollFd{{Fd: int32(w.ends[at]), Events: unix.POLLIN}}
	for deadline := time.Now().Add(wait); ; {
		left := time.Until(deadline)
		ts := unix.NsecToTimespec(max(0, int64(left)))
		n, err := unix.Ppoll(fds, &ts, nil)
		if err == nil && n == 1 {
			b := make([]byte, packetSize)
			n, err := unix.Read(w.ends[at], b)
			if err != nil {
				w.t.Fatal(err)
			}
			return b[:n]
		}
		if left <= 0 {
			return nil
		}
	}
}

const (
	soon  = 2 * time.Second       // must come: generous, because the machine may be busy
	never = 20 * time.Millisecond // must not come: the router's delay is zero in these tests
)

func TestRouteTTLAndChecksum(t *testing.T) {
	w := newWorld(t, Shape{})
	for _, hop := range []struct {
		from, to Side
		src, dst netip.AddrPort
	}{{A, B, addrA, addrB}, {B, A, addrB, addrA}, {A, Server, addrA, addrS}, {Server, B, addrS, addrB}} {
		sent := udp(hop.src, hop.dst, 64, "hello")
		w.put(hop.from, sent)
		got := w.get(hop.to, soon)
		if got == nil {
			t.Fatalf("%v to %v: nothing came", hop.from, hop.to)
		}
		if want := udp(hop.src, hop.dst, 63, "hello"); !bytes.Equal(got, want) {
			t.Errorf("%v to %v:\n got %x\nwant %x", hop.from, hop.to, got, want)
		}
	}
	if c := w.Counters(); c.Delivered[A][B] != (Count{1, 33}) || c.Direct() != (Count{2, 66}) || c.Delivered[B][Server].Packets != 0 {
		t.Errorf("counters %+v", c.Delivered)
	}
	flows := w.Flows()
	if len(flows) != 4 || flows[0] != (FlowCount{Flow{addrS, addrB}, Count{1, 33}}) {
		t.Errorf("flows %v", flows)
	}
}

// The incremental checksum equals the full one for every TTL and many header contents.
func TestDecrementTTL(t *testing.T) {
	for id := range uint16(2000) {
		for _, ttl := range []byte{1, 2, 64, 128, 255} {
			b := udp(addrA, addrB, ttl, "")
			binary.BigEndian.PutUint16(b[4:], id*33)
			binary.BigEndian.PutUint16(b[offSum:], 0)
			binary.BigEndian.PutUint16(b[offSum:], checksum(b[:ipHeader]))
			decrementTTL(b)
			if b[offTTL] != ttl-1 || checksum(b[:ipHeader]) != 0 {
				t.Fatalf("id %d, TTL %d: checksum wrong", id*33, ttl)
			}
		}
	}
}

func TestExpiredPacketDiesAndIsReported(t *testing.T) {
	w := newWorld(t, Shape{})
	w.put(A, udp(addrA, addrB, 1, "opener"))
	icmp := w.get(A, soon)
	if icmp == nil {
		t.Fatal("no time exceeded")
	}
	h, ok := parseIPv4(icmp)
	if !ok || h.proto != protoICMP || h.src != Address || h.dst != addrA.Addr() || icmp[ipHeader] != 11 {
		t.Errorf("bad error %x", icmp)
	}
	if checksum(icmp[:ipHeader]) != 0 || checksum(icmp[ipHeader:]) != 0 {
		t.Error("bad checksum in the error")
	}
	if quoted := icmp[ipHeader+8:]; !bytes.Equal(quoted, udp(addrA, addrB, 1, "opener")[:ipHeader+8]) {
		t.Errorf("quotes %x", quoted)
	}
	if b := w.get(B, never); b != nil {
		t.Errorf("it went on: %x", b)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, Shape{})
	private := netip.MustParseAddrPort("192.168.1.2:1")
	long := append(udp(addrA, addrB, 64, "x"), 0)
	for _, c := range []struct {
		why    Drop
		packet []byte
	}{
		{DropNotIPv4, []byte{0x60, 0, 0, 0}},
		{DropNotIPv4, long},
		{DropNotIPv4, udp(addrA, addrB, 64, "")[:19]},
		{DropSource, udp(private, addrB, 64, "")},
		{DropSource, udp(addrB, addrA, 64, "")},
		{DropRoute, udp(addrA, private, 64, "")},
		{DropRoute, udp(addrA, addrA, 64, "")},
	} {
		before := w.Counters().Dropped[c.why]
		w.put(A, c.packet)
		w.put(A, udp(addrA, addrS, 64, "behind it"))
		if w.get(Server, soon) == nil {
			t.Fatal("the next packet did not come")
		}
		if got := w.Counters().Dropped[c.why]; got != before+1 {
			t.Errorf("%v: counted %d, want %d", c.why, got, before+1)
		}
	}
	if c := w.Counters(); c.Direct().Packets != 0 {
		t.Errorf("something got through: %+v", c)
	}
}

func TestCutAndHeal(t *testing.T) {
	w := newWorld(t, Shape{})
	through := func(from, to Side, src, dst netip.AddrPort) bool {
		w.put(from, udp(src, dst, 64, "x"))
		wait := soon
		if w.isCut(from, to) {
			wait = never
		}
		return w.get(to, wait) != nil
	}
	for _, c := range []struct{ ab, ba bool }{{true, false}, {false, true}, {true, true}, {false, false}} {
		w.Cut(A, B, c.ab)
		w.Cut(B, A, c.ba)
		if through(A, B, addrA, addrB) == c.ab || through(B, A, addrB, addrA) == c.ba {
			t.Errorf("%+v does not hold", c)
		}
		if !through(A, Server, addrA, addrS) || !through(Server, B, addrS, addrB) {
			t.Errorf("%+v: the server is cut off", c)
		}
	}
}

func (r *Router) isCut(from, to Side) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths[from][to].cut
}

func TestPacketsUnderWayDieWithTheCut(t *testing.T) {
	w := newWorld(t, Shape{Delay: 300 * time.Millisecond})
	w.put(A, udp(addrA, addrB, 64, "under way"))
	w.put(A, udp(addrA, addrS, 64, "to the server"))
	for w.waiting() < 2 {
		runtime.Gosched()
	}
	w.CutDirect(true)
	if w.get(Server, soon) == nil {
		t.Error("the server's packet is gone")
	}
	if w.get(B, never) != nil {
		t.Error("it arrived over a cut cable")
	}
	if n := w.Counters().Dropped[DropCut]; n != 1 {
		t.Errorf("%d counted as cut", n)
	}
}

func (r *Router) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue.heap)
}

// No packet is early, and the typical one is on time to a fraction of a millisecond. The upper bound is asserted for the
// best of many, so that a busy machine does not fail the test.
func TestDelay(t *testing.T) {
	const delay = 20 * time.Millisecond
	w := newWorld(t, Shape{Delay: delay})
	best := time.Hour
	for range 20 {
		sent := Now()
		w.put(A, udp(addrA, addrB, 64, "x"))
		if w.get(B, soon) == nil {
			t.Fatal("lost")
		}
		took := Now() - sent
		if took < delay {
			t.Fatalf("early: %v", took)
		}
		best = min(best, took)
	}
	if best > delay+5*time.Millisecond {
		t.Errorf("best of 20 took %v", best)
	}
	t.Logf("best of 20: %v", best)
}

func TestMarker(t *testing.T) {
	w := newWorld(t, Shape{})
	w.SetMarker("plain secret")
	w.put(A, udp(addrA, addrB, 64, "a plain secret here"))
	w.put(A, udp(addrA, addrB, 64, "nothing"))
	w.put(A, udp(addrA, addrS, 64, "plain secret"))
	for _, at := range []Side{B, B, Server} {
		if w.get(at, soon) == nil {
			t.Fatalf("lost on the way to %v", at)
		}
	}
	if got := w.Found(A, B); got != (Search{2, 26, 1}) {
		t.Errorf("A to B: %+v", got)
	}
	if got := w.Found(A, Server); got.Hits != 1 {
		t.Errorf("A to server: %+v", got)
	}
	if got := w.Found(B, A); got != (Search{}) {
		t.Errorf("B to A: %+v", got)
	}
}
