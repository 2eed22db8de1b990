//go:build linux

package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// foreignGap is the mean time between two flows of others behind an incremental NAT, each of which takes a port: five a
// second, as the matrix says (docs/NAT.md).
const foreignGap = 200 * time.Millisecond

// foreignTo is where these flows go: a place that the laboratory's router has no route to, so that they are in no counter.
var foreignTo = netip.MustParseAddr("192.88.99.1")

// foreign makes flows through a home's NAT as other people behind it do. One socket is enough: every destination port is
// a flow of its own.
type foreign struct {
	conn *net.UDPConn
	end  chan struct{}
	done chan struct{}
}

// startForeign lets other people use the NATs of kinds to which that makes a difference.
func (l *Lab) startForeign(cfg Config) error {
	for _, home := range []struct {
		role Role
		kind Kind
	}{{HostA, cfg.A}, {HostB, cfg.B}} {
		if home.kind != SS || cfg.Model { // a model has others of its own
			continue
		}
		conn, err := l.ListenUDP(home.role, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
		if err != nil {
			return fmt.Errorf("flows of others: %w", err)
		}
		f := &foreign{conn: conn, end: make(chan struct{}), done: make(chan struct{})}
		l.foreign = append(l.foreign, f)
		go f.run(rand.New(rand.NewPCG(cfg.Seed, uint64(len(l.foreign)))))
	}
	return nil
}

func (f *foreign) run(dice *rand.Rand) {
	defer close(f.done)
	for port := uint16(1024); ; port++ {
		select {
		case <-time.After(time.Duration(dice.ExpFloat64() * float64(foreignGap))):
		case <-f.end:
			return
		}
		// A refusal is an ICMP error about an earlier one: nobody is there, which is as it should be.
		_, _ = f.conn.WriteToUDPAddrPort([]byte("foreign"), netip.AddrPortFrom(foreignTo, port))
	}
}

func (f *foreign) stop() {
	close(f.end)
	<-f.done
	f.conn.Close()
}
