package api

// RoomFlags are options of a room.
type RoomFlags uint32

const (
	RoomPublic   RoomFlags = 1  // listed
	RoomPassword RoomFlags = 2  // has a password; told, not asked for
	RoomLocked   RoomFlags = 4  // nobody enters, nor is it listed
	RoomAsk      RoomFlags = 16 // the owner decides on everybody who wants to enter
	RoomShared   RoomFlags = 32 // every member may set the data, not only the owner
	// At creation only: everybody's privacy in the room is at least this.
	RoomConsent   RoomFlags = 64
	RoomRelayOnly RoomFlags = 128
)

// RoomOptions say what a room is made like.
type RoomOptions struct {
	Max      int // members, this client included; 0: DefaultMembers
	Flags    RoomFlags
	Data     []byte
	Password []byte // empty: none
}

// JoinOptions say how a room is entered.
type JoinOptions struct {
	Code     string
	Password []byte // empty: none
	Data     []byte // for an owner who decides
}

// RequestKind numbers what a client asks of the server beside entering rooms, as EventRequestFailed names it.
type RequestKind uint8

const (
	RequestSetData   RequestKind = 1 // Version (0: whatever it is), Data
	RequestConfigure RequestKind = 2 // Set, Clear, Max (0: as it is)
	RequestSetOwner  RequestKind = 3 // Peer
	RequestKick      RequestKind = 4 // Peer, Yes: for the room's life, Text
	RequestAdmit     RequestKind = 5 // ID of the JoinRequest, Yes, Text
	RequestList      RequestKind = 6 // Data: prefix, After, Max (0: a full page)
	RequestUser      RequestKind = 7 // User
	RequestInvite    RequestKind = 8 // User, Data
)

// Request is one of them. Which fields count is said at each kind.
type Request struct {
	Kind       RequestKind
	Peer       PeerHandle
	ID         uint64
	Set, Clear RoomFlags
	Max        uint8
	Version    uint32
	Yes        bool
	Text       string
	User       string
	Data       []byte
	After      []byte
}

// Where a user is.
const (
	UserOffline = 0
	UserOnline  = 1
	UserInRoom  = 2
)
