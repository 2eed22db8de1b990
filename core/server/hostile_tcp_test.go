//go:build linux

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/websocket"
	"github.com/musubi-p2p/musubi/core/wire"
)

func (f *fire) snapshot() *admin.Snapshot {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	snap, err := f.s.Snapshot(ctx)
	if err != nil {
		f.Fatal(err)
	}
	return snap
}

// dial opens a connection from an address; it is closed when the test ends.
func (f *fire) dial(from string, to netip.AddrPort) *net.TCPConn {
	f.Helper()
	c, err := net.DialTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(from)}, net.TCPAddrFromAddrPort(to))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	return c
}

// closed wants the server to close a connection.
func (f *fire) closed(what string, c net.Conn) {
	f.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	n, err := io.Copy(io.Discard, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.Errorf("%s: open after %v; %d bytes came", what, patience, n)
	}
}

// dripping is connections that are fed so slowly that they never get anywhere.
type dripping struct{ sync.WaitGroup }

func (d *dripping) wait() { d.Wait() }

// drip writes text a byte at a time until it is all written or the server has had enough, which it must have within patience.
func (d *dripping) drip(f *fire, what string, c net.Conn, text string) {
	d.Go(func() {
		for i := range len(text) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
			c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)) // between two bytes
			if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
		f.closed(what, c)
	})
}

const upgrade = "GET /musubi HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// slowConnections opens such as never finish what they began: nothing at all, TLS, the request within TLS, the request without.
func (f *fire) slowConnections() *dripping {
	d := &dripping{}
	for i := range 4 {
		from := fmt.Sprintf("127.40.0.%d", i+1)
		d.drip(f, "silence", f.dial(from, f.tls), "")
		d.drip(f, "half a TLS handshake", f.dial(from, f.tls), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("x", 30))
		d.drip(f, "half a request", f.dial(from, f.ws), upgrade)
		within := tls.Client(f.dial(from, f.tls), &tls.Config{InsecureSkipVerify: true})
		if err := within.Handshake(); err != nil {
			f.Fatal(err)
		}
		d.drip(f, "TLS and no request", within, "")
	}
	// And such as get an answer at once.
	for what, text := range map[string]string{
		"endless headers": "GET /musubi HTTP/1.1\r\nX: " + strings.Repeat("a", 10_000), "many headers": "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 500) + "\r\n",
		"another protocol": "SSH-2.0-OpenSSH\r\n\r\n", "another page": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "noise": "\x00\x01\x02\r\n\r\n",
	} {
		for _, to := range []netip.AddrPort{f.ws, f.tls} { // in clear on the TLS port: no TLS
			c := f.dial("127.40.1.1", to)
			io.WriteString(c, text)
			f.closed(what, c)
		}
	}
	f.dial("127.40.1.2", f.tls).Close()
	for what, frame := range map[string]string{"not masked": "\x82\x01x", "too long": "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00", "text": "\x81\x81\x00\x00\x00\x00x"} {
		c := f.webSocket("127.40.1.3")
		io.WriteString(c, frame)
		f.closed("a frame that is "+what, c)
	}
	return d
}

// webSocket opens a WebSocket without TLS.
func (f *fire) webSocket(from string) net.Conn {
	f.Helper()
	c := f.dial(from, f.ws)
	io.WriteString(c, upgrade)
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 500)); err != nil || n == 0 {
		f.Fatalf("no WebSocket: %v", err)
	}
	return c
}

// crowdedDoor fills all places for connections that are being greeted, some addresses' share many times over. A player whose network
// blocks UDP still comes in.
func (f *fire) crowdedDoor() {
	for i := range 1000 {
		f.dial(fmt.Sprintf("127.50.%d.%d", i%40, 1), f.tls)
	}
	for range 2 * mostGreetingEach {
		f.dial("127.60.0.1", f.tls)
	}
	_, address := behindWall(f.T, f.s.Address())
	p := joinFrom(f.T, address, "127.0.0.4:0")
	p.until(api.EventServerConnected)
	if n := f.snapshot().Streams; n < 1 {
		f.Errorf("the player is linked, but over %d streams", n)
	}
	p.Close()
}

// neverRead asks for answers without end over streams that it never reads. They are dropped, not kept.
func (f *fire) neverRead() {
	init := websocket.AppendFrame(nil, websocket.Binary, wire.AppendInit(nil, &wire.Init{Version: wire.Version}), new([4]byte))
	for range 4 {
		c := f.webSocket("127.70.0.1")
		c.(*net.TCPConn).SetReadBuffer(4 << 10)
		for range 3000 {
			c.SetWriteDeadline(time.Now().Add(patience))
			if _, err := c.Write(init); err != nil {
				break
			}
		}
	}
}
