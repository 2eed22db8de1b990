package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/websocket"
)

// Bounds on connections by TCP, which players need whose network blocks UDP. A connection costs a server about 20 KB, one
// that is half open the time of a handshake.
const (
	greetTime    = 5 * time.Second // for TLS and the request together; a slow sender is cut off then
	mostStreams  = 20_000
	mostGreeting = 512 // at once
	// Per address, an IPv6 /64 counting as one: a school behind one address fits, one machine can't take all places.
	mostStreamsEach, mostGreetingEach = 256, 32
)

// doors takes connections by TCP. Each runs in a goroutine of its own, from accept to its end.
type doors struct {
	streams *netio.Streams
	log     *slog.Logger
	lab     bool // no limits
	proxied bool // X-Forwarded-For is to be believed, on the port without TLS
	next    atomic.Uint32
	counts  doorCounts

	mu        sync.Mutex
	listeners []net.Listener
	conns     map[net.Conn]time.Time // that are not streams yet, by when they came
	perAddr   map[netip.Addr]*visitors
	open      int
	closed    bool
	running   sync.WaitGroup
}

type visitors struct{ greeting, open int }

// doorCounts counts connections; all but Opened are refusals, or ends that the other side is to blame for.
type doorCounts struct {
	Opened   atomic.Uint64
	Full     atomic.Uint64 // there are as many as may be
	FullEach atomic.Uint64 // of one address
	Pushed   atomic.Uint64 // the longest in greeting, when another came and there were as many as may be
	Slow     atomic.Uint64 // not greeted in time
	Broken   atomic.Uint64 // what came was neither TLS nor HTTP, or too much
	NotFound atomic.Uint64 // not for us: scanners, browsers
	Gone     atomic.Uint64 // closed by the other side before it was greeted
	Useless  atomic.Uint64 // carried no link
}

// refused are the counters by reason, for metrics and the log.
func (d *doors) refused() []admin.Count {
	c := &d.counts
	return []admin.Count{
		{Reason: "full", Count: c.Full.Load()}, {Reason: "address_full", Count: c.FullEach.Load()}, {Reason: "pushed_out", Count: c.Pushed.Load()},
		{Reason: "slow", Count: c.Slow.Load()}, {Reason: "broken", Count: c.Broken.Load() + d.streams.Stats().Broken},
		{Reason: "not_found", Count: c.NotFound.Load()}, {Reason: "gone", Count: c.Gone.Load()}, {Reason: "no_link", Count: c.Useless.Load()},
	}
}

func newDoors(wake func(), log *slog.Logger, lab, proxied bool) *doors {
	d := &doors{log: log, lab: lab, proxied: proxied, conns: map[net.Conn]time.Time{}, perAddr: map[netip.Addr]*visitors{}}
	d.streams = netio.NewStreams(wake, d.spawn)
	return d
}

// spawn starts a goroutine in which a panic ends one connection and not the server.
func (d *doors) spawn(f func(), failed func(text string)) {
	d.running.Add(1)
	go func() {
		defer d.running.Done()
		defer func() {
			if r := recover(); r != nil {
				text := fmt.Sprint("internal error: ", r)
				d.log.Error(text)
				failed(text)
			}
		}()
		f()
	}()
}

// listen opens a port and takes connections from now on; config is nil for one without TLS.
func (d *doors) listen(at netip.AddrPort, config *tls.Config, flag string) (netip.AddrPort, error) {
	network := "tcp4"
	if at.Addr().Is6() {
		network = "tcp6"
	}
	l, err := net.Listen(network, at.String())
	if err != nil {
		return at, describe(err, "TCP", at, flag)
	}
	d.listeners = append(d.listeners, l)
	d.spawn(func() { d.accept(l, config) }, func(string) { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// acceptPause is waited when the system has no place for another connection.
const acceptPause = 100 * time.Millisecond

func (d *doors) accept(l net.Listener, config *tls.Config) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		}
		from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
		if !d.enter(time.Now(), conn, from.Addr()) {
			conn.Close()
			continue
		}
		d.spawn(func() { d.serve(conn, from, config) }, func(string) { conn.Close() })
	}
}

// enter counts a connection that is being greeted; false: there are too many. When all places are taken by such that are being
// greeted, the one that takes longest makes room: a player's is done in two round trips, and those who never mean to be greeted would
// otherwise keep everybody out with a hundred connections a second.
func (d *doors) enter(now time.Time, conn net.Conn, from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.visitors(from)
	var full *atomic.Uint64
	switch {
	case d.lab:
	case d.open >= mostStreams:
		full = &d.counts.Full
	case v.greeting >= mostGreetingEach || v.open >= mostStreamsEach:
		full = &d.counts.FullEach
	case len(d.conns) >= mostGreeting:
		d.pushOut()
	}
	if full != nil {
		full.Add(1)
	}
	if d.closed || full != nil {
		d.forget(from)
		return false
	}
	v.greeting++
	d.conns[conn] = now
	return true
}

// pushOut closes the connection that is being greeted for longest. Its goroutine finds that, and counts it out. The caller holds the lock.
func (d *doors) pushOut() {
	var oldest net.Conn
	for conn, since := range d.conns {
		if oldest == nil || since.Before(d.conns[oldest]) {
			oldest = conn
		}
	}
	if oldest != nil {
		delete(d.conns, oldest)
		d.counts.Pushed.Add(1)
		oldest.Close()
	}
}

// greeted ends the greeting; without an error the connection is a stream from now on, of the address that is its client's.
func (d *doors) greeted(conn net.Conn, from, client netip.Addr, err error) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, here := d.conns[conn] // else it was pushed out
	delete(d.conns, conn)
	d.visitors(from).greeting--
	switch {
	case d.closed || !here:
	case err == nil:
		ok = true
	case errors.Is(err, errNotFound):
		d.counts.NotFound.Add(1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.counts.Slow.Add(1)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		d.counts.Gone.Add(1)
	default:
		d.counts.Broken.Add(1)
	}
	if ok {
		d.open++
		d.visitors(client).open++
	}
	d.forget(from)
	return ok
}

func (d *doors) left(client netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.visitors(client).open--
	d.forget(client)
}

// streamCount is how many streams are open.
func (d *doors) streamCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// visitors are the counts of an address; forget drops them when they are zero. The caller holds the lock.
func (d *doors) visitors(a netip.Addr) *visitors {
	v := d.perAddr[network(a)]
	if v == nil {
		v = &visitors{}
		d.perAddr[network(a)] = v
	}
	return v
}

func (d *doors) forget(a netip.Addr) {
	if v := d.perAddr[network(a)]; v != nil && *v == (visitors{}) {
		delete(d.perAddr, network(a))
	}
}

// network is what counts as one address.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// serve greets one client and runs its stream.
func (d *doors) serve(raw net.Conn, from netip.AddrPort, config *tls.Config) {
	raw.SetDeadline(time.Now().Add(greetTime))
	conn := raw
	if config != nil {
		conn = tls.Server(raw, config)
	}
	early, client, err := d.greet(conn, from, d.proxied && config == nil)
	if !d.greeted(raw, from.Addr(), client.Addr(), err) {
		raw.Close()
		return
	}
	d.counts.Opened.Add(1)
	raw.SetDeadline(time.Time{})
	// In a goroutine of its own: the handshake has made this one's stack large, for what may be hours of waiting.
	d.spawn(func() {
		defer d.left(client.Addr())
		d.streams.Adopt(api.SocketID(d.next.Add(1)), conn, client, early)
	}, func(string) { raw.Close() })
}

var errNotFound = errors.New("not a WebSocket request for our path")

// greet reads the request and answers it. Its buffer is gone before the stream begins.
func (d *doors) greet(conn net.Conn, from netip.AddrPort, proxied bool) (early []byte, client netip.AddrPort, err error) {
	buf := make([]byte, websocket.MaxHead)
	for have := 0; ; {
		n, err := conn.Read(buf[have:])
		if n == 0 && err != nil {
			return nil, from, err
		}
		have += n
		r, used, err := websocket.ParseRequest(buf[:have])
		switch {
		case err != nil:
			return nil, from, err
		case used == 0:
			continue
		case !r.Upgrade:
			conn.Write(websocket.AppendNotFound(nil))
			conn.Close() // with TLS's own goodbye, so that a browser shows the page
			return nil, from, errNotFound
		}
		if client, e := netip.ParseAddr(r.Forwarded); proxied && e == nil {
			from = netip.AddrPortFrom(client.Unmap().WithZone(""), from.Port())
		}
		_, err = conn.Write(websocket.AppendResponse(nil, &r))
		return append([]byte(nil), buf[used:have]...), from, err
	}
}

// close ends everything and waits for it.
func (d *doors) close() {
	for _, l := range d.listeners {
		l.Close()
	}
	d.mu.Lock()
	d.closed = true
	for conn := range d.conns {
		conn.Close()
	}
	d.mu.Unlock()
	d.streams.Close()
	d.running.Wait()
}
