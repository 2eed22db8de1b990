package load

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// floodHost is the first address that forged INITs come from, 127.64.0.1; they change sockets, and with them address and port.
	floodHost    = 0x7f400001
	floodSockets = 256
	floodStep    = 2 * time.Millisecond
)

// flooder sends INITs that nobody will follow up, at a rate, from many addresses.
type flooder struct {
	loop *netio.Loop
	to   netip.AddrPort
	rate int
	stop atomic.Bool
	done chan struct{}
	sent int
}

func startFlood(to netip.AddrPort, rate int) (*flooder, error) {
	loop, err := netio.NewLoop()
	if err != nil {
		return nil, err
	}
	f := &flooder{loop: loop, to: to, rate: rate, done: make(chan struct{})}
	for i := range floodSockets {
		n := floodHost + uint32(i)*257
		at := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		if !to.Addr().IsLoopback() {
			at = netip.IPv4Unspecified()
		}
		if _, err := loop.Open(api.SocketID(i), netip.AddrPortFrom(at, 0)); err != nil {
			loop.Close()
			return nil, err
		}
	}
	go f.run()
	return f, nil
}

func (f *flooder) run() {
	defer close(f.done)
	packet := wire.AppendInit(nil, &wire.Init{Version: wire.Version})
	began := time.Now()
	for !f.stop.Load() {
		f.loop.Read(func(api.SocketID, netip.AddrPort, []byte) {}) // its answers
		due := int(time.Since(began).Seconds() * float64(f.rate))
		for n := 0; f.sent < due && n < 4096; n++ {
			binary.BigEndian.PutUint64(packet[3:], uint64(f.sent))
			_ = f.loop.Send(api.SocketID(f.sent%floodSockets), f.to, packet, 0)
			f.sent++
		}
		f.loop.Flush()
		if f.sent >= due {
			time.Sleep(floodStep)
		}
	}
}

// end stops it and tells how many it sent.
func (f *flooder) end() int {
	f.stop.Store(true)
	<-f.done
	f.loop.Close()
	return f.sent
}

// flood plays signals beside forged INITs. What of them was late lost a packet.
func (t *run) flood() (r Result, err error) {
	idle, c, err := t.callers()
	if err != nil {
		return r, err
	}
	down := idle.down + c.down
	err = idle.beside(func() error {
		quiet, _, err := t.calls(c)
		if err != nil {
			return err
		}
		_, before, _ := t.target.Usage()
		f, err := startFlood(c.servers[0], t.cfg.Flood)
		if err != nil {
			return err
		}
		m := t.meter()
		times, asked, err := t.calls(c)
		cpu, passed := m.used()
		sent := f.end()
		_, after, ok := t.target.Usage()
		r.add("forged", "/s", float64(sent)/passed.Seconds())
		r.add("calls", "", float64(asked))
		r.add("unanswered", "", float64(asked-len(times)))
		r.add("late", "%", 100*lateShare(times))
		r.add("late without", "%", 100*lateShare(quiet))
		r.spread("Connect to Request", times)
		if ok {
			r.add("of a core", "%", 100*cpu.Seconds()/passed.Seconds())
			r.add("memory grew by", "MB", float64(after-before)/1e6)
		}
		return err
	})
	r.add("links lost", "", float64(idle.down+c.down-down))
	return r, err
}

// lateShare is the share of times over late.
func lateShare(times []time.Duration) float64 {
	n := 0
	for _, d := range times {
		if d > late {
			n++
		}
	}
	return float64(n) / float64(max(len(times), 1))
}
