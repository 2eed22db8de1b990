//go:build !linux

package netio

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// CanShare says that one socket has to do here.
const CanShare = false

// Port has the shape of the Linux one, so that everything above it compiles. No value of it can be made.
type Port struct{}

// OpenPorts says that this platform is not supported.
func OpenPorts(netip.AddrPort, int, int, uint32) ([]*Port, error) {
	return nil, api.NewError(api.ErrSocket, "sockets can't share a port on this platform")
}

// Spread has nothing to spread.
func Spread([]*Port, int) error { return nil }

// ProcessorTime is not known.
func ProcessorTime() time.Duration { return 0 }

// PortFree has nothing to look for.
func PortFree(netip.AddrPort) error { return nil }

func (p *Port) Local() netip.AddrPort                       { return netip.AddrPort{} }
func (p *Port) Read() (int, error)                          { return 0, nil }
func (p *Port) Datagram(int) (netip.AddrPort, []byte, bool) { return netip.AddrPort{}, nil, false }
func (p *Port) Send(int, netip.AddrPort)                    {}
func (p *Port) Flush()                                      {}
func (p *Port) Stats() Stats                                { return Stats{} }
func (p *Port) Slept() time.Duration                        { return 0 }
func (p *Port) Filled() int                                 { return 0 }
func (p *Port) Stop()                                       {}
func (p *Port) Close()                                      {}

// Borrow is not supported either.
func (l *Loop) Borrow(api.SocketID, *Port) error {
	return api.NewError(api.ErrSocket, "sockets can't share a port on this platform")
}
