package portmap

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Gateway finds the default route's router and our address on the way there (IPv4), from /proc/net/route.
func Gateway() (in Inside, err error) {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return in, err
	}
	defer f.Close()
	name, gateway, ok := defaultRoute(f)
	if !ok {
		return in, errors.New("no default route")
	}
	in.Gateway = gateway
	i, err := net.InterfaceByName(name)
	if err != nil {
		return in, err
	}
	addrs, err := i.Addrs()
	if err != nil {
		return in, err
	}
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && (!in.Local.IsValid() || prefix.Contains(gateway)) {
			in.Local = prefix.Addr()
		}
	}
	if !in.Local.IsValid() {
		return in, errors.New("the default route's interface has no IPv4 address")
	}
	return in, nil
}

// defaultRoute reads the kernel's table: columns Iface Destination Gateway Flags ..., addresses in hex, host byte order.
func defaultRoute(r io.Reader) (name string, gateway netip.Addr, ok bool) {
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 4 || f[1] != "00000000" || f[2] == "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
		return f[0], netip.AddrFrom4(a), true
	}
	return "", netip.Addr{}, false
}
