package netio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

// Rows of every shape, to two receivers in turn, with and without offload at either end: what arrives is what was sent,
// in order, datagram by datagram.
func TestRowsArriveAsDatagrams(t *testing.T) {
	can := tryOffload()
	for _, c := range []struct{ plainSender, plainReceiver, inPlace bool }{
		{false, false, true}, {false, false, false}, {false, true, true}, {true, false, true}, {true, true, false},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			sender, receiver := newTestLoop(t), newTestLoop(t)
			sender.Plain, receiver.Plain = c.plainSender, c.plainReceiver
			open(t, sender, 0, loopback)
			to := []netip.AddrPort{open(t, receiver, 0, loopback), open(t, receiver, 1, loopback)}
			var sizes [2][]int
			sent := 0
			send := func(at, size int) {
				b := patterned(nil, len(sizes[at]), size)
				if c.inPlace {
					b = patterned(sender.Room(), len(sizes[at]), size)
				}
				if err := sender.Send(0, to[at], b, 0); err != nil {
					t.Fatal(err)
				}
				sizes[at] = append(sizes[at], size)
				sent++
			}
			for range 150 { // three rows and a bit, at both bounds: segments and bytes
				send(0, 1200)
			}
			for range 150 {
				send(1, 20)
			}
			send(1, 19) // shorter: ends its row
			send(1, 20)
			for i := range 60 { // no two alike in a row, and both receivers
				send(i&1, 100+i)
				send(i&1, 100+i)
			}
			sender.Flush()
			var got [2]int
			for got[0]+got[1] < sent {
				readSome(t, receiver, func(id api.SocketID, _ netip.AddrPort, b []byte) {
					n := got[id]
					if n == len(sizes[id]) || !bytes.Equal(b, patterned(nil, n, sizes[id][n])) {
						t.Fatalf("datagram %d of socket %d: %d bytes", n, id, len(b))
					}
					got[id]++
				})
			}
			s, r := sender.Stats(), receiver.Stats()
			if s.Sent != uint64(sent) || r.Received != uint64(sent) || s.SendError+s.SendFull+r.Truncated != 0 {
				t.Errorf("sent %d: %+v, %+v", sent, s, r)
			}
			if (s.Segmented > 0) != (can.gso && !c.plainSender) || (r.Joined > 0) != (can.gro && s.Segmented > 0 && !c.plainReceiver) {
				t.Errorf("rows: %+v, %+v", s, r)
			}
		})
	}
}

// A system that refuses a row gets its datagrams one by one, and no row again.
func TestRefusedRowIsSentSingly(t *testing.T) {
	if !tryOffload().gso {
		t.Skip("no segmentation offload here")
	}
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	// A socket without checksums can't send rows: the kernel answers EINVAL.
	if err := unix.SetsockoptInt(l.sockets[0].fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Skip(err)
	}
	next := 0
	for round := range 2 {
		for n := range 100 {
			l.Send(0, at, patterned(l.Room(), 100*round+n, 300), 0)
		}
		l.Flush()
		for next < 100*(round+1) {
			readSome(t, l, func(_ api.SocketID, _ netip.AddrPort, b []byte) {
				if !bytes.Equal(b, patterned(nil, next, 300)) {
					t.Fatalf("datagram %d is not what was sent", next)
				}
				next++
			})
		}
		if gso, _ := l.Offload(); gso {
			t.Error("rows are still tried")
		}
	}
	if s := l.Stats(); s.Sent != 200 || s.SendError != 0 || s.Segmented != 0 {
		t.Errorf("counted %+v", s)
	}
}

// A destination to which nothing can be sent, such as port 0 that a peer may name, does not end the rows to all others.
func TestBadDestinationKeepsRows(t *testing.T) {
	if !tryOffload().gso {
		t.Skip("no segmentation offload here")
	}
	l := newTestLoop(t)
	open(t, l, 0, loopback)
	for n := range 3 {
		l.Send(0, netip.AddrPortFrom(loopback.Addr(), 0), patterned(l.Room(), n, 300), 0)
	}
	l.Flush()
	if s := l.Stats(); s.Sent != 0 || s.SendError != 3 {
		t.Errorf("counted %+v", s)
	}
	if gso, _ := l.Offload(); !gso {
		t.Error("rows were given up")
	}
}

// After DropOffload both directions go on, datagram by datagram.
func TestDropOffload(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	l.DropOffload()
	before := l.Stats()
	for n := range 50 {
		l.Send(0, at, patterned(l.Room(), n, 1000), 0)
	}
	l.Flush()
	next := 0
	for next < 50 {
		readSome(t, l, func(_ api.SocketID, _ netip.AddrPort, b []byte) {
			if !bytes.Equal(b, patterned(nil, next, 1000)) {
				t.Fatalf("datagram %d is not what was sent", next)
			}
			next++
		})
	}
	if s := l.Stats(); s.Segmented != before.Segmented || s.Joined != before.Joined {
		t.Errorf("counted %+v", s)
	}
	if gso, gro := l.Offload(); gso || gro {
		t.Error("offload is back")
	}
}

// Rows of datagrams that are longer than ours can be are dropped whole, like one of them.
func TestOverlongRowIsDropped(t *testing.T) {
	if !tryOffload().gro {
		t.Skip("no segmentation offload here")
	}
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	sender, _, err := trialSockets()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	unix.Connect(sender, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	var ctrl control
	ctrl.setSegment(MaxDatagram + 1)
	oob := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, ctrl[0]), ctrl[1]), ctrl[2])
	if _, err := unix.SendmsgN(sender, make([]byte, 5*(MaxDatagram+1)), oob, nil, 0); err != nil {
		t.Fatal(err)
	}
	unix.Write(sender, []byte("short"))
	readSome(t, l, func(_ api.SocketID, _ netip.AddrPort, b []byte) {
		if string(b) != "short" {
			t.Errorf("%d bytes arrived", len(b))
		}
	})
	if l.Stats().Truncated == 0 {
		t.Errorf("counted %+v", l.Stats())
	}
}

// The receive memory is large, but only what datagrams touch is taken from the machine.
func TestIdleLoopIsSmall(t *testing.T) {
	l := newTestLoop(t)
	at := open(t, l, 0, loopback)
	for n := range 1000 {
		l.Send(0, at, patterned(l.Room(), n, 100), 0)
		l.Flush()
		l.Wait(time.Now().Add(patience))
		l.Read(func(api.SocketID, netip.AddrPort, []byte) {})
	}
	resident := make([]byte, recvMemory/4096)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&l.recv.memory[0])), recvMemory,
		uintptr(unsafe.Pointer(&resident[0]))); errno != 0 {
		t.Skip(errno)
	}
	count := 0
	for _, r := range resident {
		count += int(r & 1)
	}
	if count > 4 {
		t.Errorf("%d pages of receive memory in use", count)
	}
}

func BenchmarkRows(b *testing.B) {
	for _, plain := range []bool{false, true} {
		b.Run(fmt.Sprintf("plain=%v", plain), func(b *testing.B) {
			l := newTestLoop(b)
			l.Plain = plain
			at := open(b, l, 0, loopback)
			fn := func(api.SocketID, netip.AddrPort, []byte) {}
			b.ReportAllocs()
			b.SetBytes(1200)
			for done := 0; done < b.N; done += 108 {
				for range 108 {
					l.Send(0, at, l.Room()[:1200], 0)
				}
				l.Flush()
				for n := 0; n < 108; {
					l.Wait(time.Time{})
					n += l.Read(fn)
				}
			}
		})
	}
}
