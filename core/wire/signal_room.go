package wire

import "encoding/binary"

// Signals of rooms and users, beside those of signal.go:
//
//	client -> server                          server -> client
//	13 Configure req set clear max            83 RoomOptions   epoch flags max
//	14 SetOwner  req member                   84 JoinRequest   member user data
//	15 Kick      req member flags text        85 JoinGone      member
//	16 Admit     req member flags text        86 Rooms         req n x room, after (len8)
//	17 List      req max prefix after         87 UserIs        req presence (8) code text
//	18 User      req flags user data          88 Invited       user code data
//	19 Presence  flags                        89 Done          req
//
// A request that changes something is answered by Done, or by Refused (65); a SetData also by a RoomData with its number. prefix
// and after are len8.
const (
	SigConfigure   SignalType = 13
	SigSetOwner    SignalType = 14
	SigKick        SignalType = 15
	SigAdmit       SignalType = 16
	SigList        SignalType = 17
	SigUser        SignalType = 18
	SigPresence    SignalType = 19
	SigRoomOptions SignalType = 83
	SigJoinRequest SignalType = 84
	SigJoinGone    SignalType = 85
	SigRooms       SignalType = 86
	SigUserIs      SignalType = 87
	SigInvited     SignalType = 88
	SigDone        SignalType = 89
)

// Flags of a room: in Create, Configure, Joined, RoomOptions and a RoomEntry.
const (
	RoomPublic   = 1  // listed
	RoomPassword = 2  // its members' introduction secrets are mixed with a password that the server never sees
	RoomLocked   = 4  // nobody enters, nor is it listed
	RoomAsk      = 16 // the owner decides on each Join; 8 is JoinedRecovering
	RoomShared   = 32 // every member may set the metadata, not only the owner
	// Privacy of everybody in the room (api.Privacy), for its life: of both the stricter one counts.
	RoomConsent   = 64
	RoomRelayOnly = 128

	// RoomPrivate are the flags that stay as Create set them: members have connected trusting in them.
	RoomPrivate = RoomConsent | RoomRelayOnly
	// RoomSettable are the flags that a Configure may change. A password can't be: members have mixed it already.
	RoomSettable = RoomPublic | RoomLocked | RoomAsk | RoomShared
)

// Flags of single signals.
const (
	JoinPassword     = 1 // Join: the client brings a password; a room with none refuses it, and the other way round
	KickBan          = 1 // Kick: the user does not come back while the room lives
	AdmitYes         = 1 // Admit: lets the member in; without it the Join is refused
	UserInvite       = 1 // User: delivers an invitation to the sender's room; without it only asks where the user is
	PresenceNoInvite = 1 // Presence: this client refuses invitations
)

// Where a user is.
const (
	UserOffline = 0
	UserOnline  = 1
	UserInRoom  = 2
)

// Bounds of lists, each checked by the parser.
const (
	MaxListed     = 32  // rooms in one Rooms
	MaxListedData = 256 // bytes of a room's metadata that a list shows
)

// RoomEntry is a public room in a list.
type RoomEntry struct {
	Code    string
	Flags   uint32
	Members uint8
	Max     uint8
	Data    []byte // the first MaxListedData bytes of its metadata
}

// appendRoomSignal writes a signal of this file; of another type, nothing.
func appendRoomSignal(b []byte, s *Signal) []byte {
	be := binary.BigEndian
	switch s.Type {
	case SigConfigure:
		b = be.AppendUint32(be.AppendUint32(b, s.Request), s.Flags)
		b = append(be.AppendUint32(b, s.Clear), s.Max)
	case SigSetOwner:
		b = be.AppendUint64(be.AppendUint32(b, s.Request), s.Member)
	case SigKick, SigAdmit:
		b = be.AppendUint64(be.AppendUint32(b, s.Request), s.Member)
		b = AppendBytes8(be.AppendUint32(b, s.Flags), []byte(s.Text))
	case SigList:
		b = append(be.AppendUint32(b, s.Request), s.Max)
		b = AppendBytes8(AppendBytes8(b, s.Data), s.After)
	case SigUser:
		b = be.AppendUint32(be.AppendUint32(b, s.Request), s.Flags)
		b = AppendBytes16(AppendBytes8(b, []byte(s.User)), s.Data)
	case SigPresence:
		b = be.AppendUint32(b, s.Flags)
	case SigRoomOptions:
		b = append(be.AppendUint32(be.AppendUint32(b, s.Epoch), s.Flags), s.Max)
	case SigJoinRequest:
		b = AppendBytes8(be.AppendUint64(b, s.Member), []byte(s.User))
		b = AppendBytes16(b, s.Data)
	case SigJoinGone:
		b = be.AppendUint64(b, s.Member)
	case SigRooms:
		b = append(be.AppendUint32(b, s.Request), uint8(len(s.Rooms)))
		for i := range s.Rooms {
			b = appendRoomEntry(b, &s.Rooms[i])
		}
		b = AppendBytes8(b, s.After)
	case SigUserIs:
		b = append(be.AppendUint32(b, s.Request), uint8(s.Flags))
		b = AppendBytes8(be.AppendUint32(b, uint32(s.Code)), []byte(s.Text))
	case SigDone:
		b = be.AppendUint32(b, s.Request)
	case SigInvited:
		b = AppendBytes8(AppendBytes8(b, []byte(s.User)), []byte(s.Text))
		b = AppendBytes16(b, s.Data)
	}
	return b
}

// roomSignal reads the fields of a signal of this file. ok is false if s.Type is none of them.
func (r *Reader) roomSignal(s *Signal) (ok bool) {
	switch s.Type {
	case SigConfigure:
		s.Request, s.Flags, s.Clear, s.Max = r.U32(), r.U32(), r.U32(), r.U8()
	case SigSetOwner:
		s.Request, s.Member = r.U32(), r.U64()
	case SigKick, SigAdmit:
		s.Request, s.Member, s.Flags, s.Text = r.U32(), r.U64(), r.U32(), string(r.Bytes8())
	case SigList:
		s.Request, s.Max, s.Data, s.After = r.U32(), r.U8(), r.Bytes8(), r.Bytes8()
	case SigUser:
		s.Request, s.Flags, s.User, s.Data = r.U32(), r.U32(), string(r.Bytes8()), r.Bytes16()
	case SigPresence:
		s.Flags = r.U32()
	case SigRoomOptions:
		s.Epoch, s.Flags, s.Max = r.U32(), r.U32(), r.U8()
	case SigJoinRequest:
		s.Member, s.User, s.Data = r.U64(), string(r.Bytes8()), r.Bytes16()
	case SigJoinGone:
		s.Member = r.U64()
	case SigRooms:
		s.Request = r.U32()
		n := r.U8()
		if n > MaxListed {
			r.Fail()
		}
		for ; n > 0 && !r.Err(); n-- {
			s.Rooms = append(s.Rooms, r.roomEntry())
		}
		s.After = r.Bytes8()
	case SigUserIs:
		s.Request, s.Flags = r.U32(), uint32(r.U8())
		s.Code, s.Text = int32(r.U32()), string(r.Bytes8())
	case SigDone:
		s.Request = r.U32()
	case SigInvited:
		s.User, s.Text, s.Data = string(r.Bytes8()), string(r.Bytes8()), r.Bytes16()
	default:
		return false
	}
	return true
}

// room entry: code(len8) flags(32) members(8) max(8) data(len16)
func appendRoomEntry(b []byte, e *RoomEntry) []byte {
	b = binary.BigEndian.AppendUint32(AppendBytes8(b, []byte(e.Code)), e.Flags)
	return AppendBytes16(append(b, e.Members, e.Max), e.Data)
}

func (r *Reader) roomEntry() (e RoomEntry) {
	e.Code, e.Flags, e.Members, e.Max, e.Data = string(r.Bytes8()), r.U32(), r.U8(), r.U8(), r.Bytes16()
	if len(e.Data) > MaxListedData {
		r.Fail()
	}
	return e
}
