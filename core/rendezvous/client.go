package rendezvous

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Client is one player's end: at most one room, and per member of it at most one introduction under way. Its one
// deadline is when to ask again where the server said so (client_rejoin.go). Commands return nil or an error without effect.
//
//	room: outside --Create/Join--> asking --Joined--> inside --Leave/Left/Closing--> outside
//	                               asking --Refused--> outside
//
// While the link is down, Create and Join wait; what the room needs again after a resumed link is sent again, and a
// repeated Joined is turned into the events of what changed meanwhile.
type Client struct {
	up       bool
	member   uint64 // our member id on this link
	state    roomState
	ask      wire.Signal   // the Create or Join that waits for its answer
	last     uint32        // last request number used
	asked    []wire.Signal // requests that no answer has come to, oldest first; said again on the next link
	knocks   []uint64      // who asks this client, the room's owner, to be let in
	presence uint32        // wire.PresenceNoInvite
	// leaveOwed: a Leave was sent that no later answer has proved delivered.
	leaveOwed bool
	room      Room
	intros    []intro // at most one per member, in the order they began
	ticket    []byte  // the room's, for another node; empty: the server gave none
	rejoin    uint32  // request number of a Rejoin that Joined has not answered; 0: none
	again     time.Time
	until     time.Time // asking again ends; zero: not begun
	jitter    func(time.Duration) time.Duration
	// profile is told once a link is up, and again on each new link.
	profile    wire.Profile
	profileSet bool

	out     []wire.Signal // to the server
	events  []wire.Signal // to the game
	ignored uint64
}

type roomState uint8

const (
	outside roomState = iota
	asking
	inside
)

// Room is the client's view of the room it is in.
type Room struct {
	ID      uint64
	Epoch   uint32
	Code    string
	Self    uint64
	Owner   uint64
	Max     uint8
	Flags   uint32        // wire.RoomPublic and so on
	Members []wire.Member // this client included, oldest first
	Data    []byte
	Version uint32 // of Data
}

// NewClient returns a client that is in no room and has no link.
func NewClient() *Client { return &Client{} }

// Room is the room this client is in. Members and Data are the client's own memory: read, don't keep.
func (c *Client) Room() (Room, bool) { return c.room, c.state == inside }

// Member finds a member of the room by id.
func (c *Client) Member(id uint64) (wire.Member, bool) {
	if i := c.memberIndex(id); i >= 0 {
		return c.room.Members[i], true
	}
	return wire.Member{}, false
}

// Ignored counts signals that did not fit the client's state: late, doubled, or a server's mistake.
func (c *Client) Ignored() uint64 { return c.ignored }

// Commands that fail return an *api.Error as their error.

// Create asks for a new room for max members (0: the default) with this metadata.
func (c *Client) Create(max uint8, data []byte) error { return c.CreateWith(max, 0, data) }

// CreateWith is Create with flags: wire.RoomPublic and so on.
func (c *Client) CreateWith(max uint8, flags uint32, data []byte) error {
	switch {
	case max == 1 || max > api.MaxRoomMembers:
		return api.NewError(api.ErrValue, "room create: a room has 2 to 64 members")
	case len(data) > api.MaxRoomData:
		return api.NewError(api.ErrTooLarge, "room create: metadata is larger than 4096 bytes")
	}
	return c.enter(wire.Signal{Type: wire.SigCreate, Max: max, Flags: flags, Data: slices.Clone(data)})
}

// Join asks to enter the room with this join code, as typed by a person.
func (c *Client) Join(typed string) error { return c.JoinWith(typed, 0, nil) }

// JoinWith is Join with flags (wire.JoinPassword) and data that is shown to an owner who decides.
func (c *Client) JoinWith(typed string, flags uint32, data []byte) error {
	code, ok := NormalCode(typed)
	switch {
	case !ok:
		return api.NewError(api.ErrBadCode, "room join: a code is a letter and 7 letters or digits")
	case len(data) > api.MaxRequestData:
		return api.NewError(api.ErrTooLarge, "room join: payload is larger than 256 bytes")
	}
	return c.enter(wire.Signal{Type: wire.SigJoin, Text: code, Flags: flags, Data: slices.Clone(data)})
}

// enter queues a Create or Join under a new request number, by which its answer is known.
func (c *Client) enter(ask wire.Signal) error {
	switch c.state {
	case asking:
		return api.NewError(api.ErrAlready, "room: an earlier create or join has not been answered yet")
	case inside:
		return api.NewError(api.ErrAlready, "room: already in room "+c.room.Code+", leave it first")
	}
	c.last++
	ask.Request = c.last
	c.state, c.ask, c.again, c.until = asking, ask, time.Time{}, time.Time{}
	c.send(ask)
	return nil
}

// Leave leaves the room, or gives up entering one. It takes effect at once here.
func (c *Client) Leave() error {
	if c.state == outside {
		return api.NewError(api.ErrNotInRoom, "room leave: not in a room")
	}
	c.forgetRoom()
	c.leaveOwed = true
	c.send(wire.Signal{Type: wire.SigLeave})
	return nil
}

// SetProfile tells the server this client's NAT, for the introductions to come.
func (c *Client) SetProfile(p wire.Profile) {
	c.profile, c.profileSet = p, true
	c.send(wire.Signal{Type: wire.SigProfile, Profile: p})
}

// Punch asks for the lock on port prediction with a member, or gives it back.
func (c *Client) Punch(member uint64, wanted bool) {
	s := wire.Signal{Type: wire.SigPunch, Member: member}
	if wanted {
		s.Flags = wire.PunchWanted
	}
	if c.state == inside {
		c.send(s)
	}
}

// Outcome tells how the connection to a member goes by now: api.OK, direct; else why it stays relayed.
func (c *Client) Outcome(member uint64, code api.Code) {
	if c.state == inside && c.up {
		c.send(wire.Signal{Type: wire.SigOutcome, Member: member, Code: int32(code)})
	}
}

// LinkUp says that signals can be sent. On a new session (not resumed) the server knows nothing of an earlier room.
func (c *Client) LinkUp(info wire.ServerInfo, resumed bool) {
	if c.state == inside && (!resumed || info.Member != c.member) {
		c.leftRoom(api.ErrLost, "the link to the server was not resumed in time, so this player is out of the room")
	}
	c.up, c.member = true, info.Member
	c.out = c.out[:0] // of the link before; what still matters follows
	c.rejoin, c.again, c.until = 0, time.Time{}, time.Time{}
	if c.Rejoins() {
		c.beginRejoin()
	}
	if c.profileSet {
		c.send(wire.Signal{Type: wire.SigProfile, Profile: c.profile})
	}
	if c.presence != 0 {
		c.send(wire.Signal{Type: wire.SigPresence, Flags: c.presence})
	}
	if c.leaveOwed = c.leaveOwed && resumed; c.leaveOwed {
		c.send(wire.Signal{Type: wire.SigLeave})
	}
	c.repeatAsked(false)
	switch {
	case c.state == asking:
		c.send(c.ask) // the server knows a request it has answered already by its number
	case c.state == inside && c.rejoin == 0:
		c.repeatAsked(true)
		c.repeatCalls()
	}
}

// LinkDown says that nothing can be sent until LinkUp. The room stays for the server's time of grace.
func (c *Client) LinkDown() {
	c.up = false
	c.out, c.rejoin, c.again = c.out[:0], 0, time.Time{}
}

// Forget drops the room, or the wish for one, without a word: for a link that has ended for good.
func (c *Client) Forget() {
	c.LinkDown()
	c.forgetRoom()
	c.leaveOwed, c.asked = false, nil
}

// NextSignal takes the next signal to send to the server. Its slices are the caller's.
func (c *Client) NextSignal() (wire.Signal, bool) { return takeSignal(&c.out) }

// NextEvent takes the next event: a signal that fitted this client's state. Its slices are the caller's.
//
// SigJoined is given once for a room. SigLeft covers a refused, lost and closed room alike, except that an unanswered
// Create or Join ends with SigRefused. A request (client_ask.go) that was refused comes back as itself, with Code and Text; an
// invitation always does. SigRoomData with a Code is what a SetData for an older version met.
func (c *Client) NextEvent() (wire.Signal, bool) { return takeSignal(&c.events) }

func takeSignal(queue *[]wire.Signal) (wire.Signal, bool) {
	q := *queue
	if len(q) == 0 {
		return wire.Signal{}, false
	}
	s := q[0]
	*queue = slices.Delete(q, 0, 1)
	return s, true
}

// maxOut is many times what a client in the largest room has to say at once: more piles up only if the server asks the
// same again and again and takes no answer.
const maxOut = 1024

// send queues s. Nothing is kept for a link that is down: LinkUp repeats what is still wanted.
func (c *Client) send(s wire.Signal) {
	switch {
	case !c.up, !c.mayPass(s.Type):
	case len(c.out) >= maxOut:
		c.ignored++
	default:
		c.out = append(c.out, s)
	}
}

func (c *Client) event(s wire.Signal) { c.events = append(c.events, s) }

func (c *Client) forgetRoom() {
	c.state, c.ask, c.room, c.intros, c.knocks = outside, wire.Signal{}, Room{}, nil, nil
	c.ticket, c.rejoin, c.again, c.until = nil, 0, time.Time{}, time.Time{}
	c.asked = slices.DeleteFunc(c.asked, func(s wire.Signal) bool { return ofRoom(s.Type) })
}

// leftRoom ends the room for a reason that is not the game's own Leave.
func (c *Client) leftRoom(code api.Code, text string) {
	c.forgetRoom()
	c.event(wire.Signal{Type: wire.SigLeft, Code: int32(code), Text: text})
}

// HandleSignal takes a signal from the server. s and what it points to are borrowed.
func (c *Client) HandleSignal(now time.Time, s *wire.Signal) {
	fits := false
	switch s.Type {
	case wire.SigJoined:
		fits = c.handleJoined(s)
	case wire.SigRefused:
		fits = c.handleRefused(now, s)
	case wire.SigLeft:
		fits = c.handleLeft(now, s)
	case wire.SigRoomTicket:
		if fits = c.state == inside && s.Room == c.room.ID; fits {
			c.ticket = slices.Clone(s.Ticket)
		}
	case wire.SigDone, wire.SigRooms, wire.SigUserIs:
		fits = c.answered(s)
	case wire.SigJoinRequest, wire.SigJoinGone:
		fits = c.state == inside && c.handleKnock(s)
	case wire.SigInvited:
		code, ok := NormalCode(s.Text)
		if fits = ok && len(s.User) <= api.MaxUserID && len(s.Data) <= api.MaxRequestData; fits {
			c.event(wire.Signal{Type: s.Type, User: s.User, Text: code, Data: slices.Clone(s.Data)})
		}
	case wire.SigMemberJoined, wire.SigMemberLeft, wire.SigOwner, wire.SigRoomData, wire.SigRoomOptions:
		if c.state == inside && s.Epoch >= c.room.Epoch {
			fits = c.handleRoom(s)
		}
	case wire.SigRequest, wire.SigIntroduction, wire.SigAccepted, wire.SigAnswered, wire.SigRejected:
		fits = c.state == inside && c.handleIntro(s)
	case wire.SigPunchGrant, wire.SigCandidates:
		if fits = c.state == inside && c.memberIndex(s.Member) >= 0; fits {
			c.event(ownSignal(s))
		}
	case wire.SigObserved:
		fits = true
		c.event(wire.Signal{Type: s.Type, Addr: s.Addr})
	case wire.SigClosing:
		// The link's end follows; the room is lost with it.
		fits = true
		c.event(wire.Signal{Type: s.Type, Text: s.Text})
	}
	if !fits {
		c.ignored++
	}
}
