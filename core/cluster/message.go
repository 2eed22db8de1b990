package cluster

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What nodes say to each other. A frame is sealed; inside:
//
//	+----------+--------+---------+----------+---------+---------+------------------------------+
//	| from(32) | to(32) | gen(32) | echo(32) | seq(32) | ack(32) | n x (type(8), body: len16)   |
//	+----------+--------+---------+----------+---------+---------+------------------------------+
//
// gen is the sender's generation of the pair, echo the receiver's as the sender knows it (0: not heard yet). seq numbers the
// frames with messages from 1; 0: none, the frame only acknowledges. ack is the last frame taken in order. to is 0 for all
// nodes: such a frame is outside all order and may be lost.
type header struct {
	from, to, gen, echo, seq, ack uint32
}

func appendHeader(b []byte, h header) []byte {
	for _, v := range [...]uint32{h.from, h.to, h.gen, h.echo, h.seq, h.ack} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func readHeader(r *wire.Reader) header {
	return header{r.U32(), r.U32(), r.U32(), r.U32(), r.U32(), r.U32()}
}

type messageType uint8

const (
	msgAttach   messageType = iota + 1 // ref, flags(8), profile signal: len16, signal: len16 (may be empty)
	msgUp                              // short ref, signal: len16
	msgDown                            // member(64) link(32) signal: len16
	msgMoved                           // short ref
	msgLost                            // member(64) link(32)
	msgGone                            // member(64) link(32)
	msgDetach                          // member(64) link(32) flags(8)
	msgHandover                        // a room: rendezvous' business
	msgHanded                          // room(64), flags(8): 1 taken
	msgAsk                             // id(64), question
	msgTell                            // id(64), answer
	msgHello                           // flags(8), node info, name(len8)
	msgHalf                            // one half of a relayed pair: the hub's business
)

// Flags of messages.
const (
	attachResumed = 1 // the member may be known: its link is a new one
	attachTell    = 2 // and says no Rejoin: it is to be told its room at once
	detachSeek    = 1 // the room has, or is about to have, another owner: look for it
	handedTaken   = 1
	helloBye      = 1 // it ends
	helloFaint    = 2 // its lease is not renewed at the moment: no sign of life as others mean it
)

// message is any of them; which fields count is said above.
type message struct {
	typ     messageType
	ref     rendezvous.LinkRef // Node is not sent: it is the sender
	flags   uint8
	profile []byte
	signal  []byte
	room    uint64
	id      uint64
	body    []byte
}

// appendMessage writes type, length and body.
func appendMessage(b []byte, m *message) []byte {
	be := binary.BigEndian
	b = append(b, uint8(m.typ), 0, 0)
	start := len(b)
	switch m.typ {
	case msgAttach:
		b = append(appendRef(b, &m.ref), m.flags)
		b = wire.AppendBytes16(wire.AppendBytes16(b, m.profile), m.signal)
	case msgUp:
		b = wire.AppendBytes16(appendShortRef(b, &m.ref), m.signal)
	case msgMoved:
		b = appendShortRef(b, &m.ref)
	case msgDown:
		b = wire.AppendBytes16(appendName(b, &m.ref), m.signal)
	case msgLost, msgGone:
		b = appendName(b, &m.ref)
	case msgDetach:
		b = append(appendName(b, &m.ref), m.flags)
	case msgHandover, msgHalf:
		b = append(b, m.body...)
	case msgHanded:
		b = append(be.AppendUint64(b, m.room), m.flags)
	case msgHello:
		b = append(append(b, m.flags), m.body...)
	case msgAsk, msgTell:
		b = append(be.AppendUint64(b, m.id), m.body...)
	}
	be.PutUint16(b[start-2:], uint16(len(b)-start))
	return b
}

// readMessage takes one message. Slices alias what r reads.
func readMessage(r *wire.Reader) (m message, ok bool) {
	m.typ = messageType(r.U8())
	q := wire.NewReader(r.Bytes16())
	if r.Err() {
		return m, false
	}
	switch m.typ {
	case msgAttach:
		m.ref, m.flags, m.profile, m.signal = readRef(&q), q.U8(), q.Bytes16(), q.Bytes16()
	case msgUp:
		m.ref, m.signal = readShortRef(&q), q.Bytes16()
	case msgMoved:
		m.ref = readShortRef(&q)
	case msgDown:
		m.ref, m.signal = readName(&q), q.Bytes16()
	case msgLost, msgGone:
		m.ref = readName(&q)
	case msgDetach:
		m.ref, m.flags = readName(&q), q.U8()
	case msgHandover, msgHalf:
		m.body = q.Rest()
	case msgHanded:
		m.room, m.flags = q.U64(), q.U8()
	case msgHello:
		m.flags, m.body = q.U8(), q.Rest()
	case msgAsk, msgTell:
		m.id, m.body = q.U64(), q.Rest()
	default:
		return m, true // of a later version: skipped
	}
	return m, !q.Err()
}

// name: member(64) link(32)
func appendName(b []byte, ref *rendezvous.LinkRef) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, ref.Member), ref.Link)
}

func readName(r *wire.Reader) (ref rendezvous.LinkRef) {
	ref.Member, ref.Link = r.U64(), r.U32()
	return ref
}

// short ref: name, stream(8), privacy(8), rtt ms(16), address: what changes of a link
func appendShortRef(b []byte, ref *rendezvous.LinkRef) []byte {
	stream := uint8(0)
	if ref.Stream {
		stream = 1
	}
	b = append(appendName(b, ref), stream, uint8(ref.Privacy))
	b = binary.BigEndian.AppendUint16(b, uint16(min(ref.RTT.Milliseconds(), 65535)))
	return wire.AppendAddr(b, ref.Addr)
}

func readShortRef(r *wire.Reader) (ref rendezvous.LinkRef) {
	ref = readName(r)
	ref.Stream, ref.Privacy = r.U8() != 0, api.Privacy(r.U8())
	ref.RTT = time.Duration(r.U16()) * time.Millisecond
	ref.Addr = r.Addr()
	return ref
}

// ref: short ref, serial(32) app(len8) user(len8) key(256) grant
func appendRef(b []byte, ref *rendezvous.LinkRef) []byte {
	b = binary.BigEndian.AppendUint32(appendShortRef(b, ref), ref.Serial)
	b = wire.AppendBytes8(wire.AppendBytes8(b, []byte(ref.App)), []byte(ref.User))
	return wire.AppendGrant(append(b, ref.Key[:]...), &ref.Grant)
}

func readRef(r *wire.Reader) (ref rendezvous.LinkRef) {
	ref = readShortRef(r)
	ref.Serial, ref.App, ref.User = r.U32(), string(r.Bytes8()), string(r.Bytes8())
	r.Copy(ref.Key[:])
	ref.Grant = r.Grant()
	return ref
}

// Entry is what the directory says of a room, under its code.
//
//	+-----------+-----------+----------+
//	| owner(32) | epoch(32) | room(64) |
//	+-----------+-----------+----------+
type Entry struct {
	Owner, Epoch uint32
	Room         uint64
}

func appendEntry(b []byte, e Entry) []byte {
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, e.Owner), e.Epoch)
	return binary.BigEndian.AppendUint64(b, e.Room)
}

// ParseEntry reads a directory's entry.
func ParseEntry(b []byte) (e Entry, ok bool) {
	r := wire.NewReader(b)
	e = Entry{r.U32(), r.U32(), r.U64()}
	return e, !r.Err() && e.Owner != 0
}

// NodeInfo is what the roster says of a node, under its name.
//
//	+--------+---------+-----------+----------+---------+------------------+
//	| id(32) | region  | flags(8)  | load(32) | address | trailing ...     |
//	+--------+---------+-----------+----------+---------+------------------+
type NodeInfo struct {
	ID       uint32 // random at each start
	Region   byte
	Draining bool
	Load     uint32         // links
	Addr     netip.AddrPort // where clients reach it
}

func appendNodeInfo(b []byte, n *NodeInfo) []byte {
	flags := uint8(0)
	if n.Draining {
		flags = 1
	}
	b = append(binary.BigEndian.AppendUint32(b, n.ID), n.Region, flags)
	return wire.AppendAddr(binary.BigEndian.AppendUint32(b, n.Load), n.Addr)
}

// ParseNodeInfo reads a roster entry.
func ParseNodeInfo(b []byte) (n NodeInfo, ok bool) {
	r := wire.NewReader(b)
	return readNodeInfo(&r)
}

func readNodeInfo(r *wire.Reader) (n NodeInfo, ok bool) {
	n.ID, n.Region = r.U32(), r.U8()
	n.Draining = r.U8()&1 != 0
	n.Load, n.Addr = r.U32(), r.Addr()
	return n, !r.Err() && n.ID != 0
}
