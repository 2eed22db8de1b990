package netio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/websocket"
)

func start(f func(), _ func(string)) { go f() }

// inboxes is an owner of streams as a test has one: what came, and a way to wait for more.
type streamOwner struct {
	*Streams
	t    *testing.T
	wake chan bool
	data func(id api.SocketID, b []byte)
	news []StreamNews
}

func newStreamOwner(t *testing.T, data func(api.SocketID, []byte)) *streamOwner {
	o := &streamOwner{t: t, wake: make(chan bool, 1), data: data}
	o.Streams = NewStreams(func() {
		select {
		case o.wake <- true:
		default:
		}
	}, start)
	t.Cleanup(o.Close)
	return o
}

// until reads until cond holds.
func (o *streamOwner) until(cond func() bool) {
	o.t.Helper()
	limit := time.After(5 * time.Second)
	for {
		o.Read(o.data, func(n StreamNews) { o.news = append(o.news, n) })
		if cond() {
			return
		}
		select {
		case <-o.wake:
		case <-limit:
			o.t.Fatalf("nothing comes; news %+v", o.news)
		}
	}
}

// door takes connections for an owner, each a stream of the next number; raw gets the TCP connection.
func door(t *testing.T, o *streamOwner, raw func(*net.TCPConn)) netip.AddrPort {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for id := api.SocketID(1); ; id++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if raw != nil {
				raw(conn.(*net.TCPConn))
			}
			go func() {
				buf := make([]byte, websocket.MaxHead)
				for have := 0; ; {
					n, err := conn.Read(buf[have:])
					if err != nil {
						return
					}
					have += n
					if r, used, _ := websocket.ParseRequest(buf[:have]); used > 0 {
						conn.Write(websocket.AppendResponse(nil, &r))
						o.Adopt(id, conn, netip.AddrPort{}, buf[used:have])
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// Datagrams of every size go both ways, in order and whole.
func TestStreamCarriesDatagrams(t *testing.T) {
	var got, back int
	var server, client *streamOwner
	server = newStreamOwner(t, func(id api.SocketID, b []byte) {
		server.Send(id, b)
		got++
	})
	client = newStreamOwner(t, func(_ api.SocketID, b []byte) {
		if !bytes.Equal(b, patterned(nil, back, 4+back%2045)) {
			t.Fatalf("datagram %d is not what was sent", back)
		}
		back++
	})
	client.Dial(7, StreamDial{To: door(t, server, nil), Plain: true})
	client.until(func() bool { return len(client.news) == 1 })
	if n := client.news[0]; !n.Open || n.ID != 7 {
		t.Fatalf("news %+v", n)
	}
	for n := 0; n < 4000; n++ {
		if err := client.Send(7, patterned(nil, n, 4+n%2045)); err != nil {
			t.Fatal(err)
		}
		if n%20 == 19 { // no more under way than a queue holds
			client.Flush()
			server.until(func() bool { return got == n+1 })
			server.Flush()
			client.until(func() bool { return back == n+1 })
		}
	}
	if s, c := server.Stats(), client.Stats(); s.Full+c.Full != 0 || s.Received != 4000 || c.Received != 4000 {
		t.Errorf("counted %+v and %+v", s, c)
	}
	client.Shut(7)
	server.until(func() bool { return len(server.news) == 2 && !server.news[1].Open })
	if client.Send(7, nil) != ErrNoSocket {
		t.Error("a closed stream takes datagrams")
	}
}

// The other side stops reading: the owner never waits, what has no room is counted, and closing is quick.
func TestStalledStreamDrops(t *testing.T) {
	stalled := make(chan net.Conn, 1)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.(*net.TCPConn).SetReadBuffer(4096)
		buf := make([]byte, websocket.MaxHead)
		n, _ := conn.Read(buf)
		r, _, _ := websocket.ParseRequest(buf[:n])
		conn.Write(websocket.AppendResponse(nil, &r))
		stalled <- conn
	}()
	client := newStreamOwner(t, nil)
	client.Dial(7, StreamDial{To: l.Addr().(*net.TCPAddr).AddrPort(), Plain: true})
	client.until(func() bool { return len(client.news) == 1 })
	defer (<-stalled).Close()
	begun := time.Now()
	for range 20_000 { // 24 MB; kernel and queue hold a few of them
		client.Send(7, make([]byte, 1200))
		client.Flush()
	}
	s := client.Stats()
	if s.Full < 10_000 || s.Full+s.Sent != 20_000 {
		t.Errorf("counted %+v", s)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the owner was held up for %v", took)
	}
	begun = time.Now()
	client.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// Who speaks no WebSocket, or breaks its rules, is told off and dropped, with a reason.
func TestStreamFailures(t *testing.T) {
	serve := func(say string) netip.AddrPort {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			conn, err := l.Accept()
			if err == nil {
				conn.Read(make([]byte, 1000))
				conn.Write([]byte(say))
				conn.Close()
			}
		}()
		return l.Addr().(*net.TCPAddr).AddrPort()
	}
	for say, want := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\n\r\n": "403", "": "EOF", "SSH-2.0-x\r\n\r\n": "HTTP", string(make([]byte, 5000)): "header",
	} {
		o := newStreamOwner(t, nil)
		o.Dial(1, StreamDial{To: serve(say), Plain: true})
		o.until(func() bool { return len(o.news) == 1 })
		if n := o.news[0]; n.Open || !bytes.Contains([]byte(n.Text), []byte(want)) {
			t.Errorf("%.20q: %+v", say, n)
		}
	}
	o := newStreamOwner(t, nil)
	abort := o.Dial(1, StreamDial{To: netip.MustParseAddrPort("192.0.2.1:443")}) // nobody there
	abort()
	o.until(func() bool { return len(o.news) == 1 && !o.news[0].Open })
}

// Nothing is allocated for a datagram, sent or received, once the queues have their size.
func TestStreamDatagramsTakeNoMemory(t *testing.T) {
	var server, client *streamOwner
	count := 0
	server = newStreamOwner(t, func(api.SocketID, []byte) { count++ })
	client = newStreamOwner(t, nil)
	client.Dial(7, StreamDial{To: door(t, server, nil), Plain: true})
	client.until(func() bool { return len(client.news) == 1 })
	payload, sent := make([]byte, 200), 0
	burst := func() {
		for range 50 {
			client.Send(7, payload)
			sent++
		}
		client.Flush()
		server.until(func() bool { return count == sent })
	}
	for range 100 {
		burst()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 200 {
		burst()
	}
	runtime.ReadMemStats(&after)
	if perDatagram := float64(after.Mallocs-before.Mallocs) / float64(200*50); perDatagram > 0.2 { // until's timers, and closures
		t.Errorf("%.2f allocations a datagram", perDatagram)
	}
}

// Streams that come and go from many sides leave nothing behind.
func TestStreamsComeAndGo(t *testing.T) {
	before := runtime.NumGoroutine()
	got := map[string]bool{}
	server := newStreamOwner(t, func(_ api.SocketID, b []byte) { got[string(b)] = true })
	at := door(t, server, nil)
	var wait sync.WaitGroup
	const many = 50
	for n := range many {
		wait.Go(func() {
			c := newStreamOwner(t, nil)
			c.Dial(1, StreamDial{To: at, Plain: true})
			c.until(func() bool { return len(c.news) == 1 })
			c.Send(1, fmt.Appendf(nil, "hello from %d", n))
			c.Close() // last words go out
		})
	}
	server.until(func() bool { return len(got) == many && len(server.news) == 2*many })
	wait.Wait()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+1; runtime.Gosched() { // the door's own is left
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// patterned is datagram n of a test: its number, then bytes that follow from it.
func patterned(dst []byte, n, size int) []byte {
	b := binary.BigEndian.AppendUint32(dst, uint32(n))
	for len(b) < len(dst)+size {
		b = append(b, byte(n+len(b)*3))
	}
	return b
}
