//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// Stand-ins for the programs under test, so that the laboratory's own tests need no C build: a server that introduces two
// peers and relays, and a peer that punches and sends numbered messages, acknowledged go-back-N. All in plaintext, which
// the search for the marker must notice. The test binary plays them when it is started under their names.
//
//	H, J      host, join          → server
//	P addr    the other's address ← server
//	Q, R      probe, answer         between peers
//	M n text  message n             between peers, or through the server
//	A n       everything below n has arrived

func fakeServer() {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 3478})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("address musubi://192.0.2.1:3478/#fake")
	var players [2]netip.AddrPort
	b := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil || n == 0 {
			continue
		}
		switch b[0] {
		case 'H':
			players[0] = from
		case 'J':
			players[1] = from
		default:
			to := players[0]
			if from == players[0] {
				to = players[1]
			}
			conn.WriteToUDPAddrPort(b[:n], to)
			continue
		}
		if players[0].IsValid() && players[1].IsValid() {
			conn.WriteToUDPAddrPort([]byte("P"+players[1].String()), players[0])
			conn.WriteToUDPAddrPort([]byte("P"+players[0].String()), players[1])
		}
	}
}

// fakePeer is the stand-in harness.
type fakePeer struct {
	conn            *net.UDPConn
	server, other   netip.AddrPort
	messages, rate  int
	marker          string
	keys            bool
	direct, punched bool
	heard           time.Time // last answer on the direct path
	next, acked     int       // messages received in order; own messages acknowledged
	last            time.Time // when the last message came
	gap             time.Duration
}

func (p *fakePeer) print(format string, args ...any) {
	fmt.Printf("t=%.6f %s\n", wan.Now().Seconds(), fmt.Sprintf(format, args...))
}

func fakeHarness() int {
	p := &fakePeer{server: netip.MustParseAddrPort("192.0.2.1:3478")}
	host := flag.Bool("host", false, "")
	flag.IntVar(&p.messages, "messages", 0, "")
	flag.IntVar(&p.rate, "rate", 1, "")
	flag.StringVar(&p.marker, "marker", "", "")
	stay, timeout := flag.Float64("stay", 0, ""), flag.Float64("timeout", 30, "")
	join := flag.String("join", "", "")
	flag.Bool("control", false, "")
	for _, ignored := range []string{"server", "name", "size", "unreliable"} {
		flag.String(ignored, "", "")
	}
	flag.Parse()
	var err error
	if p.conn, err = net.ListenUDP("udp4", nil); err != nil {
		return 2
	}
	hello := "J"
	if *host {
		hello = "H"
	}
	p.print("nat_profiled mapping=unknown filtering=unknown public=unknown")
	if *join == "-" {
		if n, err := fmt.Scanln(new(string), join); n != 2 { // join CODE
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	p.print("room_joined code=EFAKE123 members=1")
	return p.loop(hello, *stay, time.Now().Add(time.Duration(*timeout*float64(time.Second))))
}

// loop ticks at the message rate until both directions are complete.
func (p *fakePeer) loop(hello string, stay float64, end time.Time) int {
	sent, tick := 0, time.Second/time.Duration(p.rate)
	var done time.Time
	for n := 0; time.Now().Before(end); n++ {
		if !p.keys && n%20 == 0 {
			p.conn.WriteToUDPAddrPort([]byte(hello), p.server)
		}
		if p.keys && n%5 == 0 {
			p.conn.WriteToUDPAddrPort([]byte("Q"), p.other)
		}
		if p.keys && sent < p.messages {
			sent++
			p.message(sent - 1)
		}
		if n%(p.rate/10+1) == 0 { // what is not acknowledged after a round trip goes again
			young := p.rate / 8
			if sent == p.messages {
				young = 0
			}
			for i := p.acked; i < sent-young; i++ {
				p.message(i)
			}
		}
		p.route()
		p.receive(time.Now().Add(tick))
		if p.keys && p.next == p.messages && p.acked == p.messages {
			if done.IsZero() {
				done = time.Now().Add(time.Duration(stay * float64(time.Second)))
			} else if time.Now().After(done) {
				p.print("max_gap peer=1 ms=%.1f", p.gap.Seconds()*1000)
				p.print("result peer=1 sent=%d received=%d lost=0 dup=0 reordered=0 corrupt=0 route=x", p.messages, p.next)
				return 0
			}
		}
	}
	return 4
}

func (p *fakePeer) send(b []byte) {
	to := p.server
	if p.direct {
		to = p.other
	}
	p.conn.WriteToUDPAddrPort(b, to)
}

func (p *fakePeer) message(n int) {
	p.send(append(binary.BigEndian.AppendUint32([]byte("M"), uint32(n)), p.marker...))
}

// route goes back to the relay when the direct path is silent for 800 ms, and to it again when it answers.
func (p *fakePeer) route() {
	alive := time.Since(p.heard) < 800*time.Millisecond
	switch {
	case p.direct && !alive:
		p.direct = false
		p.print(`route_changed peer=1 route=relay text="silent"`)
	case !p.direct && alive:
		p.direct = true
		p.print(`route_changed peer=1 route=direct4 text="answers"`)
	}
}

func (p *fakePeer) receive(until time.Time) {
	p.conn.SetReadDeadline(until)
	b := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		switch b = b[:cap(b)]; {
		case b[0] == 'P' && !p.keys:
			p.keys = true
			p.other = netip.MustParseAddrPort(string(bytes.TrimSpace(b[1:n])))
			p.print("peer_connected peer=1 route=relay")
		case b[0] == 'Q':
			p.other = from // a symmetric NAT shows its port for us only now
			p.conn.WriteToUDPAddrPort([]byte("R"), from)
		case b[0] == 'R' && from == p.other:
			if !p.punched {
				p.punched = true
				p.print("punch peer=1 ok=1 rtt_ms=0")
			}
			p.heard = time.Now()
		case b[0] == 'A':
			p.acked = max(p.acked, int(binary.BigEndian.Uint32(b[1:])))
		case b[0] == 'M':
			p.took(int(binary.BigEndian.Uint32(b[1:])))
		}
	}
}

func (p *fakePeer) took(n int) {
	if n == p.next {
		if p.next == 0 {
			p.print("first_message peer=1 after_ms=0")
		} else {
			p.gap = max(p.gap, time.Since(p.last))
		}
		p.last = time.Now()
		p.next++
	}
	p.send(binary.BigEndian.AppendUint32([]byte("A"), uint32(p.next)))
}
