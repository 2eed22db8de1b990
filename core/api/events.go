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
	EventRoomOptions     EventKind = 25 // Count: RoomFlags, Code: most members
	EventRequestFailed   EventKind = 26 // what was asked of the server was not done; Count: RequestKind, Code, Text; Peer, if it was about one; Data: user id, ditto
	EventJoinRequest     EventKind = 27 // somebody asks this owner to be let in; Count: its id, Text: user id, Data: its payload
	EventJoinWithdrawn   EventKind = 28 // and asks no more; Count: the id
	EventRoomListed      EventKind = 29 // a public room; Text: join code, Data: how its metadata begins, Count: members | RoomFlags << 32, Code: most members
	EventRoomListEnd     EventKind = 30 // end of a page; Count: rooms in it, Data: where the next one begins, empty if there is none
	EventUser            EventKind = 31 // Data: user id, Count: UserOffline and so on
	EventInviteResult    EventKind = 32 // Data: user id; Code OK: it has the invitation; else Code, Text
	EventInvited         EventKind = 33 // Text: join code, Data: the inviting player's user id, a zero byte, its payload
	EventTokenSet        EventKind = 40 // the server's answer to a new access token. Code OK: it counts from now on, Count: seconds; else Code, Text
	EventTokenEnding     EventKind = 41 // the link ends in Count seconds unless it gets a new access token
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
