//go:build windows || darwin

package netio

import (
	"net"
	"net/netip"

	"github.com/musubi-p2p/musubi/core/api"
)

// OpenShared opens an IPv4 socket on a port that other programs of this machine may share, and joins a multicast group on
// every interface that has one. Its owner hears what is sent to the group, to broadcast, or to the port.
func (l *Loop) OpenShared(id api.SocketID, port uint16, group netip.Addr) error {
	if _, err := l.open(id, netip.AddrPortFrom(netip.IPv4Unspecified(), port), true); err != nil {
		return err
	}
	eachBroadcast(func(i net.Interface, _ netip.Prefix) { l.sockets[id].join(group, i) }) // one that refuses is one network less
	return nil
}

// SendEverywhere sends b at once to a multicast group and to the broadcast address of every interface's network, and to
// this machine itself. It returns how many of these the system took.
func (l *Loop) SendEverywhere(id api.SocketID, group netip.Addr, port uint16, b []byte) (sent int) {
	s := l.sockets[id]
	if s == nil || s.v6 {
		return 0
	}
	s.allowBroadcast()
	try := func(to netip.Addr) {
		if s.send(b, netip.AddrPortFrom(to, port)) == done {
			sent++
		}
	}
	eachBroadcast(func(i net.Interface, network netip.Prefix) {
		s.multicastFrom(i)
		try(group)
		try(lastOf(network))
	})
	try(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	return sent
}

// eachBroadcast calls f for every IPv4 network that this machine is in.
func eachBroadcast(f func(i net.Interface, network netip.Prefix)) {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				f(i, p)
			}
		}
	}
}

// lastOf is a network's broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}
