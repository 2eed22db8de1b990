// Package node runs one client: an endpoint on real sockets, with the real clock. One goroutine, the owner, runs Run and
// does everything; the game's side is a Host, through which commands come in and events go out. capi's Host is rings in
// C memory; QueueHost is one for Go programs and tests.
//
//	game ── commands ──▶ Host ──▶ owner ──▶ endpoint ──▶ netio ──▶ network
//	game ◀── events ──── Host ◀── owner ◀── endpoint ◀── netio ◀── network
package node

import (
	"net/netip"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/secure"
)

// Host is the game's side of a client. All methods are called by the owner only, and none may block.
type Host interface {
	// NextCommand fills c with the next command, if there is one. c.Data is borrowed until the next call.
	NextCommand(c *Command) bool
	// PutEvent copies an event for the game. false: there is no room; it is offered again later. The game may see it at
	// once, or only after the next Publish or Sleep.
	PutEvent(ev *api.Event) bool
	// Publish shows the game every event put so far. Called once for many: each time costs a locked instruction, and a
	// system call if the game waits.
	Publish()
	// Credit tells that so many bytes of a peer's send budget are free again.
	Credit(h api.PeerHandle, bytes int)
	// PutStats publishes a peer's snapshot.
	PutStats(h api.PeerHandle, s *api.PeerStats)
	// Pending reports whether a command waits, or the game did something else that the owner should see. It only looks.
	Pending() bool
	// Sleep announces that the owner is about to wait, so that the next command must be followed by Loop.Wake. false
	// takes it back: something came meanwhile.
	Sleep() bool
	// Awake ends what a successful Sleep began.
	Awake()
	// Report gives the game what write makes, if it has asked for that since the last call.
	Report(write func(dst []byte) []byte)
	// Closing reports whether the client is to end. It never goes back to false.
	Closing() bool
}

// CommandKind numbers what a game can ask for.
type CommandKind uint8

const (
	CmdNone CommandKind = iota
	CmdConnect
	CmdDisconnect
	CmdRoomCreate  // Value: most members, 0 for the default; Flags; Data: metadata; Password
	CmdRoomJoin    // Text: join code; Data: for an owner who decides; Password
	CmdRoomLeave   //
	CmdRoomSetData // Value: the version that it replaces, 0 for any; Data
	CmdRequest     // Request
	CmdPeerConnect // Peer, Data: goes with the request
	CmdPeerAccept  // Peer
	CmdPeerReject  // Peer, Text
	CmdPeerClose   // Peer, Code, Text
	CmdPeerPunch   // Peer
	CmdSend        // Peer, How, Data
	CmdNetworkChanged
	CmdSimulate  // Simulation
	CmdLANHost   // Value: most members, 0 for the default; Data: what browsers see, at most api.MaxLANData bytes
	CmdLANBrowse // Value: 1 on, 0 off
	CmdLANJoin   // Text: join code; Data: address
	CmdSuspend   // Value: milliseconds
	CmdResume
	CmdSetToken       // Data
	CmdSetCertificate // Data
	CmdFlush          // nothing but the wake that it comes with
)

// Command is one call of the game. Which fields count is said at each kind.
type Command struct {
	Kind  CommandKind
	Peer  api.PeerHandle
	How   api.Outgoing
	Code  int32
	Value uint64
	Text  string
	Data  []byte

	Simulation *Simulation // nil: none

	Flags    api.RoomFlags
	Password []byte      // borrowed as Data is
	Request  api.Request // ditto
}

// Config is what a client is made from.
type Config struct {
	// Endpoint's Servers and AES are filled in by node, and Rand with the system's if it is nil.
	Endpoint endpoint.Config
	// Servers are "host:port" as secure.ParseServerAddress gives them. Names are looked up at each CmdConnect.
	Servers []string
	// Where the servers take TCP, for networks that block UDP: TLS on port TLS (0: 443), or without TLS on WS if that is not 0.
	TLS, WS uint16
	// NoPortMapping leaves routers alone: no PCP, NAT-PMP or UPnP.
	NoPortMapping bool
	// Bind is the main socket's address; the zero value means any IPv4 address and a port of the system's choice.
	Bind netip.AddrPort
}

// SetServer takes over an address as a game ships it.
func (c *Config) SetServer(a secure.ServerAddress) {
	c.Servers, c.Endpoint.ServerKey, c.TLS, c.WS = a.Hosts, a.Key, a.TLS, a.WS
}

// Run is the owner: it serves the host until Closing, says goodbye to server and peers, and returns when everything it
// started has ended and its sockets are closed. The loop stays the caller's, to be closed after Run has returned.
//
// A panic inside becomes one EventFailed with its text. From then on nothing but Closing is served.
func Run(h Host, cfg Config, loop *netio.Loop) { newOwner(h, cfg, loop).run() }
