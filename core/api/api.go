// Package api holds the numbers that every room of Musubi and the C header share: delivery modes, event kinds, error
// codes, routes, limits. It imports nothing, so that any package may import it.
//
// include/musubi.h is the source of truth for games; capi compares each constant here with the header's at compile time.
package api

// Mode is a message's delivery promise (docs/ARCHITECTURE.md, "modes").
type Mode uint8

const (
	ReliableOrdered     Mode = 0 // once, in order within its channel
	ReliableUnordered   Mode = 1 // once, as it arrives
	Unreliable          Mode = 2 // at most once, as it arrives
	UnreliableSequenced Mode = 3 // at most once, never older than what the channel already delivered
	ModeCount                = 4
)

// Reliable reports whether the mode promises delivery.
func (m Mode) Reliable() bool { return m <= ReliableUnordered }

// Priority says which messages leave first when not all can. The numbers are those of musubi_send's flags; Normal is the
// zero value.
type Priority uint8

const (
	PriorityNormal Priority = 0
	PriorityLow    Priority = 1
	PriorityHigh   Priority = 2
	PriorityUrgent Priority = 3
	PriorityCount           = 4
)

// Level is the priority as a place in the queue: 0 leaves first.
func (p Priority) Level() int { return [PriorityCount]int{2, 3, 1, 0}[p%PriorityCount] }

// Outgoing says how one message is sent. The zero value is reliable ordered, of normal priority, on channel 0.
type Outgoing struct {
	Mode     Mode
	Channel  uint8
	Priority Priority
	Deadline uint16 // unreliable modes: milliseconds after which it is dropped unsent; 0: DefaultDeadline
	ID       uint64 // asks for a receipt that carries it; 0: none
}

// Route says which way a connection's data travels now.
type Route uint8

const (
	RouteNone    Route = 0 // not connected
	RouteRelay   Route = 1 // through a relay
	RouteLAN     Route = 2 // direct, private address on the same network
	RouteDirect4 Route = 3 // direct over IPv4
	RouteDirect6 Route = 4 // direct over IPv6
)

func (r Route) String() string {
	switch r {
	case RouteRelay:
		return "relay"
	case RouteLAN:
		return "lan"
	case RouteDirect4:
		return "direct4"
	case RouteDirect6:
		return "direct6"
	}
	return "none"
}

// Direct reports whether datagrams go to the peer without a relay.
func (r Route) Direct() bool { return r >= RouteLAN }

// Behaviour is one axis of a NAT in RFC 4787's words; both mapping and filtering use it.
type Behaviour uint8

const (
	BehaviourUnknown        Behaviour = 0
	BehaviourNone           Behaviour = 1 // mapping only: no address translation at all
	EndpointIndependent     Behaviour = 2 // EIM, EIF
	AddressDependent        Behaviour = 3 // ADM, ADF
	AddressAndPortDependent Behaviour = 4 // APDM, APDF
	BehaviourUDPBlocked     Behaviour = 5 // nothing came back over UDP
	behaviourCount                    = 6
)

// Valid reports whether b is one of the values above.
func (b Behaviour) Valid() bool { return b < behaviourCount }

// String gives the short form used in logs, the harness and the matrix; mapping and filtering share it.
func (b Behaviour) String() string {
	return [...]string{"unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent", "udp-blocked"}[min(b, behaviourCount-1)]
}

// PeerHandle names a peer in one client: generation in the high 32 bits, slot in the low 32. Zero names nobody.
type PeerHandle uint64

// NewPeerHandle joins a slot and its generation.
func NewPeerHandle(slot, generation uint32) PeerHandle {
	return PeerHandle(uint64(generation)<<32 | uint64(slot))
}

// Slot is the index in the client's peer table.
func (h PeerHandle) Slot() uint32 { return uint32(h) }

// Generation tells this use of the slot from earlier ones.
func (h PeerHandle) Generation() uint32 { return uint32(h >> 32) }

// Limits that both ends, the header and the documents agree on.
const (
	MaxPeers         = 256      // peers in one client at a time
	MaxChannels      = 256      // channels of a connection
	MaxReliable      = 1 << 20  // bytes of one reliable message
	MaxUnreliable    = 64 << 10 // bytes of one unreliable message
	MaxUserID        = 64       // bytes of a user id, UTF-8
	MaxRoomMembers   = 64       // most a room can be created for
	DefaultMembers   = 16       // members of a room when the creator does not say
	MaxRoomData      = 4096     // bytes of a room's metadata
	MaxCertificate   = 768      // an identity certificate
	MaxLANData       = 255      // bytes that a host in the local network shows to browsers
	MaxCloseText     = 200      // bytes of a close reason's sentence
	MaxRequestData   = 256      // bytes of a connect request's, a join request's or an invitation's payload
	MaxPassword      = 128      // bytes of a room's password
	MaxListPrefix    = 64       // bytes of metadata that public rooms are filtered by
	MaxListCursor    = 72       // bytes that say where a page of a list ended
	MaxListPage      = 32       // rooms in one page of a list
	MaxListData      = 256      // bytes of a room's metadata that a list shows
	MaxRequests      = 8        // requests to the server that wait for their answers at a time
	DefaultPort      = 3478     // UDP: link, STUN, relay
	DefaultTLSPort   = 443      // TCP, for networks that block UDP
	RoomCodeLength   = 8        // region letter + 7 Crockford base32 characters
	DefaultSendBytes = 4 << 20  // send budget per peer, bytes
	MessageCost      = 176      // bytes of send budget that a message of no size takes; see Cost
	MaxSuspend       = 600_000  // milliseconds of an announced absence
	DefaultDeadline  = 1000     // milliseconds that an unreliable message may wait unsent: state older than that is worth nothing
)

// Cost is what a message of size bytes takes of the send budget: about what it costs in memory while it is under way, so
// that a budget bounds memory whatever the messages' size. Large ones lie in whole blocks of 8 KiB, a sixth is for the
// allocator's rounding and for remembering packets, and MessageCost for the message itself. musubi_cost in capi is the same.
func Cost(size int) int {
	if size > 32<<10 {
		size = (size + 8<<10 - 1) &^ (8<<10 - 1)
	}
	return size + size/6 + MessageCost
}

// SocketID numbers one UDP socket of a client. The edge opens real sockets for the numbers that endpoint asks for;
// MainSocket is open from start to end and carries link, relay and the first direct path.
type SocketID uint32

// MainSocket is the socket that every client has.
const MainSocket SocketID = 0

// PeerStats is a snapshot of one connection, in the units of musubi_peer_stats.
type PeerStats struct {
	Route        Route
	RTTMicros    uint32 // smoothed, of the path in use
	MinRTTMicros uint32
	JitterMicros uint32 // mean deviation of the RTT
	PacketsSent  uint64
	PacketsRecv  uint64
	PacketsLost  uint64 // declared lost, all paths
	BytesSent    uint64 // UDP payload
	BytesRecv    uint64
	QueuedBytes  uint64 // accepted from the game, not yet acknowledged or dropped
	AuthFailures uint64 // datagrams for this connection that did not open
	Replays      uint64 // datagrams that opened but were seen before
	RouteChanges uint32
	MTU          uint32 // largest UDP payload that the route is known to carry
	Window       uint32 // bytes that congestion control allows in flight on the route
	InFlight     uint32 // bytes
	QueueMicros  uint32 // how long a message of normal priority that is sent now waits to leave, estimated
	LossOut      uint32 // packets lost on the way to the peer over about 8 s, in millionths
	LossIn       uint32 // and from the peer
	Redundancy   uint32 // bytes sent in advance of any loss over about 8 s, in millionths
	SendRate     uint64 // bytes a second, over the last second
	ReceiveRate  uint64
	Resent       uint64 // messages, or pieces of them, sent again
	Repaired     uint64 // lost packets whose messages redundancy brought, at this end
	Expired      uint64 // unreliable messages dropped unsent, by their deadline
}
