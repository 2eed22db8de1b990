package api

// EventKind numbers the events of musubi_poll. Append only.
type EventKind uint32

const (
	EventNone            EventKind = 0
	EventServerConnected EventKind = 1  // link to the server is up; Text: our user id
	EventServerLost      EventKind = 2  // link refused or lost for good; Code, Text
	EventNATProfiled     EventKind = 3  // NAT, Text: one line for people
	EventRoomJoined      EventKind = 4  // Data: join code; Peer: owner's handle (0: this client owns it); Count: members, this client included
	EventRoomLeft        EventKind = 5  // left, refused or closed; Code, Text
	EventRoomData        EventKind = 6  // Data: the room's new metadata
	EventMemberJoined    EventKind = 7  // Peer, Data: user id
	EventMemberLeft      EventKind = 8  // Peer, Code
	EventOwnerChanged    EventKind = 9  // Peer (0: this client)
	EventPeerRequest     EventKind = 10 // Peer wants to connect; accept or reject. Data: its payload
	EventPeerConnected   EventKind = 11 // Peer; messages may be sent. Route
	EventRouteChanged    EventKind = 12 // Peer, Route, RTTMicros, Text: why
	EventPeerInterrupted EventKind = 13 // Peer is silent
	EventPeerRecovered   EventKind = 14 // Peer is heard again
	EventPeerClosed      EventKind = 15 // Peer, Code, Text; Count: reliable messages not known to be delivered
	EventMessage         EventKind = 16 // Peer, Channel, Mode, Data
	EventDelivered       EventKind = 17 // Peer, Count: the message's id; Code OK: it arrived, else ErrUnknown or ErrExpired
	EventWritable        EventKind = 18 // Peer: after WOULD_BLOCK there is room again
	EventQueueFull       EventKind = 19 // Count: unreliable messages dropped because the game did not poll
	EventLog             EventKind = 20 // Code: level 0 debug .. 3 error; Text
	EventFailed          EventKind = 21 // the client stopped itself; Text
	EventPunch           EventKind = 22 // Peer: news of going direct. Code OK: first authenticated answer, RTTMicros; else gave up, Text: why
	EventLANFound        EventKind = 23 // a host in the local network, or news of it; Text: address, Data: what it shows, Count: members, Code: most members
	EventLANLost         EventKind = 24 // it does not answer any more; Text: address
)

// Event is one thing that happened, as endpoint reports it and musubi_poll delivers it. Which fields count is said at
// each kind. Data is borrowed: it is valid until the next call into the endpoint that produced it.
type Event struct {
	Kind      EventKind
	Code      Code
	Peer      PeerHandle
	Mode      Mode
	Channel   uint8
	Route     Route
	RTTMicros uint32
	Count     uint64
	Data      []byte
	Text      string
	NAT       NATInfo
}
