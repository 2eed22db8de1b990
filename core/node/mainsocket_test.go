package node

import (
	"net"
	"net/netip"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// After a network change the old main socket is still read, and what is sent leaves by the new one; the endpoint sees one
// main socket all the time. A second change takes the first one's place.
func TestOldMainSocketIsStillRead(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.play()
	far, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	to := far.LocalAddr().(*net.UDPAddr).AddrPort()
	main := func() (at netip.AddrPort) {
		st.engine.set(st.QueueHost, func() { at = st.engine.locals[api.MainSocket] })
		return at
	}
	hear := func(at netip.AddrPort, text string) {
		t.Helper()
		if _, err := far.WriteToUDPAddrPort([]byte(text), at); err != nil {
			t.Fatal(err)
		}
		st.want("datagram 0 " + text)
	}
	moves := func() {
		t.Helper()
		st.do(Command{Kind: CmdNetworkChanged})
		st.want("local [127.0.0.1]")
		st.want("networkchanged")
	}
	first := main()
	hear(first, "at home")
	moves()
	second := main()
	if second == first {
		t.Fatal("the main socket is the same")
	}
	hear(first, "under way")
	hear(second, "here")
	st.engine.set(st.QueueHost, func() {
		st.engine.packets = append(st.engine.packets, packet{endpoint.Transmit{To: to}, "from the new one"})
	})
	var b [64]byte
	if n, from, err := far.ReadFromUDPAddrPort(b[:]); err != nil || string(b[:n]) != "from the new one" || from != second {
		t.Errorf("%q from %v, %v; want it from %v", b[:n], from, err, second)
	}
	moves()
	third := main()
	hear(second, "under way again")
	hear(third, "and here")
	if third == second {
		t.Error("the main socket is the same after the second change")
	}
	st.quiet()
}
