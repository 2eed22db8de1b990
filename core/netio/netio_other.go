//go:build !linux && !windows && !darwin

package netio

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

var errPlatform = api.NewError(api.ErrSocket, "this platform is not supported in this version")

// Loop has the shape of the Linux one, so that everything above it compiles. No value of it can be made.
type Loop struct {
	Buffer int
	Plain  bool
}

// NewLoop says that this platform is not supported.
func NewLoop() (*Loop, error) { return nil, errPlatform }

// NewLoopWithWake says that this platform is not supported.
func NewLoopWithWake(int) (*Loop, error) { return nil, errPlatform }

func (l *Loop) Open(api.SocketID, netip.AddrPort) (netip.AddrPort, error) {
	return netip.AddrPort{}, errPlatform
}
func (l *Loop) OpenTwin(api.SocketID) error                                   { return errPlatform }
func (l *Loop) OpenShared(api.SocketID, uint16, netip.Addr) error             { return errPlatform }
func (l *Loop) SendEverywhere(api.SocketID, netip.Addr, uint16, []byte) int   { return 0 }
func (l *Loop) CloseSocket(api.SocketID)                                      {}
func (l *Loop) Wait(time.Time) error                                          { return errPlatform }
func (l *Loop) Wake()                                                         {}
func (l *Loop) Read(func(id api.SocketID, from netip.AddrPort, b []byte)) int { return 0 }
func (l *Loop) WatchNetwork() error                                           { return errPlatform }
func (l *Loop) NetworkNews() bool                                             { return false }
func (l *Loop) Room() []byte                                                  { return nil }
func (l *Loop) Linger(time.Time, func() bool) bool                            { return false }
func (l *Loop) DropOffload()                                                  {}
func (l *Loop) Offload() (gso, gro bool)                                      { return false, false }
func (l *Loop) Send(api.SocketID, netip.AddrPort, []byte, uint8) error        { return errPlatform }
func (l *Loop) Flush()                                                        {}
func (l *Loop) Stats() Stats                                                  { return Stats{} }
func (l *Loop) Close()                                                        {}
