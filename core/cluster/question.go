package cluster

import (
	"encoding/binary"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// AppendQuestion writes what rendezvous asks other nodes; its ID goes outside.
//
//	kind(8) app(len8) prefix(len16) after(len8) most(8) user(len8) from(len8) code(len8) data(len16)
func AppendQuestion(b []byte, q *rendezvous.Question) []byte {
	b = wire.AppendBytes8(append(b, uint8(q.Kind)), []byte(q.App))
	b = append(wire.AppendBytes8(wire.AppendBytes16(b, q.Prefix), q.After), q.Most)
	b = wire.AppendBytes8(wire.AppendBytes8(b, []byte(q.User)), []byte(q.From))
	return wire.AppendBytes16(wire.AppendBytes8(b, []byte(q.Code)), q.Data)
}

// ParseQuestion reads what AppendQuestion writes. Slices alias b.
func ParseQuestion(b []byte) (q rendezvous.Question, ok bool) {
	r := wire.NewReader(b)
	q.Kind, q.App, q.Prefix, q.After = rendezvous.QuestionKind(r.U8()), string(r.Bytes8()), r.Bytes16(), r.Bytes8()
	q.Most, q.User, q.From, q.Code, q.Data = r.U8(), string(r.Bytes8()), string(r.Bytes8()), string(r.Bytes8()), r.Bytes16()
	return q, !r.Err()
}

// AppendAnswer writes a node's answer.
//
//	presence(8) code(32) more(8) n(8), n x (cursor(len8) code(len8) flags(32) members(8) max(8) data(len16))
func AppendAnswer(b []byte, a *rendezvous.Answer) []byte {
	be := binary.BigEndian
	more := uint8(0)
	if a.More {
		more = 1
	}
	b = append(be.AppendUint32(append(b, a.Presence), uint32(a.Code)), more, uint8(len(a.Rooms)))
	for i := range a.Rooms {
		x := &a.Rooms[i]
		b = wire.AppendBytes8(wire.AppendBytes8(b, x.Cursor), []byte(x.Room.Code))
		b = append(be.AppendUint32(b, x.Room.Flags), x.Room.Members, x.Room.Max)
		b = wire.AppendBytes16(b, x.Room.Data)
	}
	return b
}

// ParseAnswer reads what AppendAnswer writes. Slices alias b.
func ParseAnswer(b []byte) (a rendezvous.Answer, ok bool) {
	r := wire.NewReader(b)
	a.Presence, a.Code, a.More = r.U8(), api.Code(int32(r.U32())), r.U8() != 0
	for n := r.U8(); n > 0 && !r.Err(); n-- {
		var x rendezvous.Listed
		x.Cursor, x.Room.Code, x.Room.Flags = r.Bytes8(), string(r.Bytes8()), r.U32()
		x.Room.Members, x.Room.Max, x.Room.Data = r.U8(), r.U8(), r.Bytes16()
		a.Rooms = append(a.Rooms, x)
	}
	return a, !r.Err()
}
