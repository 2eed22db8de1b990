package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/musubi-p2p/musubi/core/api"
)

// Signals are the messages of a link: reliable ordered on channel 0 of the client <-> server session. The first byte is
// the type; trailing bytes are for later versions and ignored. Strings are len8, byte strings len16 unless said.
//
//	client -> server                          server -> client
//	1 Create   req max flags data             64 Joined        req room epoch code self owner max members data flags version
//	2 Join     req code flags data            65 Refused       req code text [wait]
//	3 Leave                                   66 MemberJoined  epoch member
//	4 SetData  data req version               67 MemberLeft    epoch id reason
//	5 Profile  profile                        68 Owner         epoch id
//	6 Connect  member data flags                  69 RoomData      epoch data version req code
//	7 Accept   intro kk1                      70 Left          code text [wait]
//	8 Reject   intro code text                71 Request       intro psk room epoch caller key data
//	9 Answer   intro kk2                      72 Introduction  intro psk room epoch callee key party relay kk1 flags [backup]
//	10 Bye     [flags]                        73 Accepted      intro party relay flags [backup]
//	11 Punch   member flags                   74 Answered      intro kk2
//	12 Rejoin  req ticket version data        75 Rejected      member code text intro [wait]
//	28 Outcome member code
//	                                          76 Ticket        lifetime address-token ticket
//	                                          77 Closing       text
//	                                          78 Observed      address
//	                                          79 PunchGrant    member flags ms
//	                                          80 Candidates    member party
//	                                          81 RoomTicket    room ticket
//	                                          82 Move          ms addresses
//
// [wait] follows with code api.ErrUnavailable only, [backup] with IntroBackup only, Bye's flags when not zero.
// Signals 13 to 19 and 83 to 88, of rooms and users, stand in signal_room.go.
type SignalType uint8

const (
	SigCreate       SignalType = 1
	SigJoin         SignalType = 2
	SigLeave        SignalType = 3
	SigSetData      SignalType = 4
	SigProfile      SignalType = 5
	SigConnect      SignalType = 6
	SigAccept       SignalType = 7
	SigReject       SignalType = 8
	SigAnswer       SignalType = 9
	SigBye          SignalType = 10
	SigPunch        SignalType = 11
	SigRejoin       SignalType = 12
	SigOutcome      SignalType = 28 // code 0: direct; else why not
	SigJoined       SignalType = 64
	SigRefused      SignalType = 65
	SigMemberJoined SignalType = 66
	SigMemberLeft   SignalType = 67
	SigOwner        SignalType = 68
	SigRoomData     SignalType = 69
	SigLeft         SignalType = 70
	SigRequest      SignalType = 71
	SigIntroduction SignalType = 72
	SigAccepted     SignalType = 73
	SigAnswered     SignalType = 74
	SigRejected     SignalType = 75
	SigTicket       SignalType = 76
	SigClosing      SignalType = 77
	SigObserved     SignalType = 78
	SigPunchGrant   SignalType = 79
	SigCandidates   SignalType = 80
	SigRoomTicket   SignalType = 81
	SigMove         SignalType = 82
)

// Flags of signals.
const (
	// RequestSameAddress in a Request: caller and callee share one public address, so private ones may be told.
	RequestSameAddress = 1
	// RequestConsent in a Request: nothing is accepted by itself, the callee's game is asked (api.PrivacyConsent).
	RequestConsent = 2
	// RequestRelayOnly in a Request, and IntroRelayOnly in an Introduction and an Accepted: the two talk through the relay for
	// good, and neither learns an address of the other (api.PrivacyRelayOnly).
	RequestRelayOnly = 4
	IntroRelayOnly   = 8
	// ConnectAsked in a Connect: the game asked for it, not the library by itself.
	ConnectAsked = 1
	// IntroPunchGranted in an Introduction and an Accepted: both external addresses are this pair's for port prediction, as
	// after a PunchGrant.
	IntroPunchGranted = 1
	// IntroSameAddress in an Introduction is RequestSameAddress for the caller. It matters where the addresses are not told,
	// since UDP does not come through to them.
	IntroSameAddress = 2
	// IntroBackup in an Introduction and an Accepted: a second grant follows, the backup relay leg (path 1).
	IntroBackup = 4
	// JoinedRecovering in a Joined: the room's owner node died, a new one collects the members. Who is not named may still
	// come back; a last Joined without the flag tells who did.
	JoinedRecovering = 8
	// ByeMoved in a Bye: the client has a link to another node by now. It leaves no room.
	ByeMoved = 1
	// PunchWanted in a Punch: asks for the lock on both external addresses. Without it the lock is given back.
	PunchWanted = 1
	// PunchGranted in a PunchGrant, which goes to both sides: ms is how long it holds. Without it ms is how long to wait.
	PunchGranted = 1
)

// Bounds of signals, each checked by the parser.
const (
	MaxSignal     = 12 << 10 // bytes of one signal; the largest is Joined with 64 members and full metadata
	MaxUpSignal   = 5 << 10  // bytes of one signal to the server; the largest is Rejoin with full metadata and a ticket
	MaxHandshake  = 1280     // bytes of a KK message, an identity certificate in it
	MaxCandidates = 8        // attested addresses of one party
	MaxRoomTicket = 400      // bytes of a sealed room ticket
	MaxMoveAddrs  = 8        // nodes that a Move names
)

// IntroID names one introduction; one use, 30 s from accept.
type IntroID [16]byte

// Member is a client in a room, as the others see it.
type Member struct {
	ID   uint64
	User string
	Key  [32]byte // static public key, attested by the link's handshake
}

// Party is what one side of an introduction needs to reach the other.
type Party struct {
	Addrs     []netip.AddrPort // attested by the server, most wanted first
	Profile   Profile
	RTTMillis uint16 // of that client's link, 0 unknown
}

// RelayGrant is one leg of a relay session. An invalid Addr means the server the link goes to. A Handle that is not 0 is
// bound already, to the link's address; otherwise the client binds with ticket and key.
type RelayGrant struct {
	Addr   netip.AddrPort
	Handle uint32
	Rate   RelayRate
	Key    [32]byte
	Ticket []byte
}

// Signal is any message of a link. One flat type: which fields count is said in the table above; the rest are zero.
type Signal struct {
	Type    SignalType
	Request uint32 // req: echoed in the answer
	Room    uint64
	Epoch   uint32
	Member  uint64 // id, member, caller, callee, self
	Owner   uint64
	Max     uint8
	Flags   uint32
	Clear   uint32 // Configure: flags to take away
	Code    int32
	Text    string // sentence, or join code
	User    string // user id
	Rooms   []RoomEntry
	Intro   IntroID
	PSK     [32]byte
	Key     [32]byte
	Members []Member
	Party   Party
	Relay   RelayGrant
	Backup  RelayGrant // with IntroBackup
	Profile Profile
	Addr    netip.AddrPort
	Addrs   []netip.AddrPort // of nodes
	Version uint32           // of the room's data: counts its changes, from 1; 0 in a SetData: whatever it is
	Wait    uint32           // ms until asking again is of use
	Cookie  Cookie
	Data    []byte // metadata, payload, resume ticket
	Ticket  []byte // room ticket
	Noise   []byte // KK message
	After   []byte // of a list of rooms: where the page before it ended
}

// AppendSignal writes s by its type.
func AppendSignal(b []byte, s *Signal) []byte {
	be := binary.BigEndian
	b = append(b, uint8(s.Type))
	switch s.Type {
	case SigCreate:
		b = append(be.AppendUint32(b, s.Request), s.Max)
		b = AppendBytes16(be.AppendUint32(b, s.Flags), s.Data)
	case SigJoin:
		b = AppendBytes8(be.AppendUint32(b, s.Request), []byte(s.Text))
		b = AppendBytes16(be.AppendUint32(b, s.Flags), s.Data)
	case SigLeave:
	case SigBye:
		if s.Flags != 0 {
			b = be.AppendUint32(b, s.Flags)
		}
	case SigSetData:
		b = AppendBytes16(b, s.Data)
		b = be.AppendUint32(be.AppendUint32(b, s.Request), s.Version)
	case SigProfile:
		b = appendProfile(b, s.Profile)
	case SigConnect:
		b = be.AppendUint32(AppendBytes16(be.AppendUint64(b, s.Member), s.Data), s.Flags)
	case SigAccept, SigAnswer, SigAnswered:
		b = AppendBytes16(append(b, s.Intro[:]...), s.Noise)
	case SigReject:
		b = be.AppendUint32(append(b, s.Intro[:]...), uint32(s.Code))
		b = AppendBytes8(b, []byte(s.Text))
	case SigJoined:
		b = be.AppendUint64(be.AppendUint32(b, s.Request), s.Room)
		b = AppendBytes8(be.AppendUint32(b, s.Epoch), []byte(s.Text))
		b = append(be.AppendUint64(be.AppendUint64(b, s.Member), s.Owner), s.Max, uint8(len(s.Members)))
		for i := range s.Members {
			b = appendMember(b, &s.Members[i])
		}
		b = AppendBytes16(b, s.Data)
		b = be.AppendUint32(be.AppendUint32(b, s.Flags), s.Version)
	case SigRefused:
		b = be.AppendUint32(be.AppendUint32(b, s.Request), uint32(s.Code))
		b = s.appendWait(AppendBytes8(b, []byte(s.Text)))
	case SigMemberJoined:
		b = appendMember(be.AppendUint32(b, s.Epoch), &s.Members[0])
	case SigMemberLeft:
		b = be.AppendUint64(be.AppendUint32(b, s.Epoch), s.Member)
		b = be.AppendUint32(b, uint32(s.Code))
	case SigOwner:
		b = be.AppendUint64(be.AppendUint32(b, s.Epoch), s.Owner)
	case SigRoomData:
		b = AppendBytes16(be.AppendUint32(b, s.Epoch), s.Data)
		b = be.AppendUint32(be.AppendUint32(be.AppendUint32(b, s.Version), s.Request), uint32(s.Code))
	case SigLeft:
		b = s.appendWait(AppendBytes8(be.AppendUint32(b, uint32(s.Code)), []byte(s.Text)))
	case SigRequest:
		b = binary.BigEndian.AppendUint32(appendIntroHead(b, s), s.Flags)
		b = AppendBytes16(b, s.Data)
	case SigIntroduction:
		b = appendIntroHead(b, s)
		b = appendRelayGrant(appendParty(b, &s.Party), &s.Relay)
		b = s.appendBackup(be.AppendUint32(AppendBytes16(b, s.Noise), s.Flags))
	case SigAccepted:
		b = appendParty(append(b, s.Intro[:]...), &s.Party)
		b = s.appendBackup(be.AppendUint32(appendRelayGrant(b, &s.Relay), s.Flags))
	case SigPunch:
		b = be.AppendUint32(be.AppendUint64(b, s.Member), s.Flags)
	case SigOutcome:
		b = be.AppendUint32(be.AppendUint64(b, s.Member), uint32(s.Code))
	case SigPunchGrant:
		b = be.AppendUint32(be.AppendUint32(be.AppendUint64(b, s.Member), s.Flags), s.Request)
	case SigCandidates:
		b = appendParty(be.AppendUint64(b, s.Member), &s.Party)
	case SigRejected:
		b = be.AppendUint32(be.AppendUint64(b, s.Member), uint32(s.Code))
		b = append(AppendBytes8(b, []byte(s.Text)), s.Intro[:]...) // zero: refused before there was one
		b = s.appendWait(b)
	case SigTicket:
		b = append(be.AppendUint32(b, s.Request), s.Cookie[:]...) // Request: lifetime in seconds
		b = AppendBytes16(b, s.Data)
	case SigClosing:
		b = AppendBytes8(b, []byte(s.Text))
	case SigObserved:
		b = AppendAddr(b, s.Addr)
	case SigRejoin:
		b = AppendBytes16(be.AppendUint32(b, s.Request), s.Ticket)
		b = AppendBytes16(be.AppendUint32(b, s.Version), s.Data)
	case SigRoomTicket:
		b = AppendBytes16(be.AppendUint64(b, s.Room), s.Ticket)
	case SigMove:
		b = appendAddrs(be.AppendUint32(b, s.Request), s.Addrs, MaxMoveAddrs) // Request: milliseconds
	case SigSetToken, SigTokenSet, SigTokenEnding:
		b = appendTokenSignal(b, s)
	default:
		b = appendRoomSignal(b, s)
	}
	return b
}

// ParseSignal reads one signal. Strings and slices are copied where they outlive the call anyway (User, Text); Data,
// Noise and tickets alias b.
func ParseSignal(b []byte) (s Signal, ok bool) {
	r := NewReader(b)
	s.Type = SignalType(r.U8())
	switch s.Type {
	case SigCreate:
		s.Request, s.Max, s.Flags, s.Data = r.U32(), r.U8(), r.U32(), r.Bytes16()
	case SigJoin:
		s.Request, s.Text = r.U32(), string(r.Bytes8())
		s.Flags, s.Data = r.U32(), r.Bytes16()
	case SigLeave:
	case SigBye:
		if r.Len() > 0 {
			s.Flags = r.U32()
		}
	case SigSetData:
		s.Data, s.Request, s.Version = r.Bytes16(), r.U32(), r.U32()
	case SigProfile:
		s.Profile = r.profile()
	case SigConnect:
		s.Member, s.Data, s.Flags = r.U64(), r.Bytes16(), r.U32()
	case SigAccept, SigAnswer, SigAnswered:
		r.Copy(s.Intro[:])
		s.Noise = r.Bytes16()
	case SigReject:
		r.Copy(s.Intro[:])
		s.Code, s.Text = int32(r.U32()), string(r.Bytes8())
	case SigJoined:
		s.Request, s.Room, s.Epoch, s.Text = r.U32(), r.U64(), r.U32(), string(r.Bytes8())
		s.Member, s.Owner, s.Max = r.U64(), r.U64(), r.U8()
		for n := r.U8(); n > 0 && !r.Err(); n-- {
			s.Members = append(s.Members, r.member())
		}
		s.Data, s.Flags, s.Version = r.Bytes16(), r.U32(), r.U32()
	case SigRefused:
		s.Request, s.Code, s.Text = r.U32(), int32(r.U32()), string(r.Bytes8())
		r.wait(&s)
	case SigMemberJoined:
		s.Epoch = r.U32()
		s.Members = []Member{r.member()}
	case SigMemberLeft:
		s.Epoch, s.Member, s.Code = r.U32(), r.U64(), int32(r.U32())
	case SigOwner:
		s.Epoch, s.Owner = r.U32(), r.U64()
	case SigRoomData:
		s.Epoch, s.Data = r.U32(), r.Bytes16()
		s.Version, s.Request, s.Code = r.U32(), r.U32(), int32(r.U32())
	case SigLeft:
		s.Code, s.Text = int32(r.U32()), string(r.Bytes8())
		r.wait(&s)
	case SigRequest:
		r.introHead(&s)
		s.Flags, s.Data = r.U32(), r.Bytes16()
	case SigIntroduction:
		r.introHead(&s)
		s.Party, s.Relay, s.Noise = r.party(), r.relayGrant(), r.Bytes16()
		s.Flags = r.U32()
		r.backup(&s)
	case SigAccepted:
		r.Copy(s.Intro[:])
		s.Party, s.Relay = r.party(), r.relayGrant()
		s.Flags = r.U32()
		r.backup(&s)
	case SigPunch:
		s.Member, s.Flags = r.U64(), r.U32()
	case SigOutcome:
		s.Member, s.Code = r.U64(), int32(r.U32())
	case SigPunchGrant:
		s.Member, s.Flags, s.Request = r.U64(), r.U32(), r.U32() // Request: milliseconds
	case SigCandidates:
		s.Member, s.Party = r.U64(), r.party()
	case SigRejected:
		s.Member, s.Code, s.Text = r.U64(), int32(r.U32()), string(r.Bytes8())
		r.Copy(s.Intro[:])
		r.wait(&s)
	case SigTicket:
		s.Request = r.U32()
		r.Copy(s.Cookie[:])
		s.Data = r.Bytes16()
	case SigClosing:
		s.Text = string(r.Bytes8())
	case SigObserved:
		s.Addr = r.Addr()
	case SigRejoin:
		s.Request, s.Ticket, s.Version, s.Data = r.U32(), r.Bytes16(), r.U32(), r.Bytes16()
	case SigRoomTicket:
		s.Room, s.Ticket = r.U64(), r.Bytes16()
	case SigMove:
		s.Request, s.Addrs = r.U32(), r.addrs(MaxMoveAddrs)
	default:
		if !r.tokenSignal(&s) && !r.roomSignal(&s) {
			return s, false
		}
	}
	return s, !r.Err() && len(b) <= MaxSignal && len(s.Noise) <= MaxHandshake && len(s.Ticket) <= MaxRoomTicket
}

// wait(32): when asking again is of use. Only with the code that is about time.
func (s *Signal) appendWait(b []byte) []byte {
	if api.Code(s.Code) == api.ErrUnavailable {
		b = binary.BigEndian.AppendUint32(b, s.Wait)
	}
	return b
}

func (r *Reader) wait(s *Signal) {
	if api.Code(s.Code) == api.ErrUnavailable {
		s.Wait = r.U32()
	}
}

func (s *Signal) appendBackup(b []byte) []byte {
	if s.Flags&IntroBackup != 0 {
		b = appendRelayGrant(b, &s.Backup)
	}
	return b
}

func (r *Reader) backup(s *Signal) {
	if s.Flags&IntroBackup != 0 {
		s.Backup = r.relayGrant()
	}
}

// intro head: intro(128) psk(256) room(64) epoch(32) member(64) key(256)
func appendIntroHead(b []byte, s *Signal) []byte {
	be := binary.BigEndian
	b = append(append(b, s.Intro[:]...), s.PSK[:]...)
	b = be.AppendUint32(be.AppendUint64(b, s.Room), s.Epoch)
	return append(be.AppendUint64(b, s.Member), s.Key[:]...)
}

func (r *Reader) introHead(s *Signal) {
	r.Copy(s.Intro[:])
	r.Copy(s.PSK[:])
	s.Room, s.Epoch, s.Member = r.U64(), r.U32(), r.U64()
	r.Copy(s.Key[:])
}

// member: id(64) user(len8) key(256)
func appendMember(b []byte, m *Member) []byte {
	b = AppendBytes8(binary.BigEndian.AppendUint64(b, m.ID), []byte(m.User))
	return append(b, m.Key[:]...)
}

func (r *Reader) member() (m Member) {
	m.ID, m.User = r.U64(), string(r.Bytes8())
	r.Copy(m.Key[:])
	return m
}

// party: n(8) n x address, profile, rtt ms (16)
func appendParty(b []byte, p *Party) []byte {
	b = appendProfile(appendAddrs(b, p.Addrs, MaxCandidates), p.Profile)
	return binary.BigEndian.AppendUint16(b, p.RTTMillis)
}

func (r *Reader) party() (p Party) {
	p.Addrs, p.Profile, p.RTTMillis = r.addrs(MaxCandidates), r.profile(), r.U16()
	return p
}

// relay grant: address, handle(32), bit/s (32), packets/s (32), key(256), ticket(len16)
func appendRelayGrant(b []byte, g *RelayGrant) []byte {
	be := binary.BigEndian
	b = be.AppendUint32(AppendAddr(b, g.Addr), g.Handle)
	b = be.AppendUint32(be.AppendUint32(b, g.Rate.BitsPerSecond), g.Rate.PacketsPerSecond)
	return AppendBytes16(append(b, g.Key[:]...), g.Ticket)
}

func (r *Reader) relayGrant() (g RelayGrant) {
	g.Addr, g.Handle = r.Addr(), r.U32()
	g.Rate = RelayRate{BitsPerSecond: r.U32(), PacketsPerSecond: r.U32()}
	r.Copy(g.Key[:])
	g.Ticket = r.Bytes16()
	if len(g.Ticket) > MaxRelayTicket {
		r.Fail()
	}
	return g
}
