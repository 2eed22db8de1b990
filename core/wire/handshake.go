package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/musubi-p2p/musubi/core/api"
)

// Handshake datagram types (family 11).
const (
	TypeInit    = 0xc0
	TypeRetry   = 0xc1
	TypeHello   = 0xc2 // HS1: Noise IK message 1
	TypeWelcome = 0xc3 // HS2: Noise IK message 2
	TypeResume  = 0xc4 // RS1: ticket and Noise NNpsk0 message 1
	TypeResumed = 0xc5 // RS2: Noise NNpsk0 message 2
	TypeRefuse  = 0xc6
)

const (
	CookieSize = 21 // kind(8) seconds(32) mac(128)
	RandomSize = 16
	// ClientHelloSize is what INIT, HS1 and RS1 are padded to, so that no answer is larger than its question.
	ClientHelloSize = BaseDatagram
	// MaxResumeTicket bounds a sealed resume ticket.
	MaxResumeTicket = 400
	// MaxToken bounds an access token inside HS1.
	MaxToken = 900
)

// Cookie proves that its holder receives datagrams at an address. Its bytes are the server's business.
type Cookie [CookieSize]byte

// Init opens a link handshake.
//
//	+------+-------------+-------------+----------------------+
//	| 0xc0 | version(16) | random(128) | zeros to 1200 bytes  |
//	+------+-------------+-------------+----------------------+
type Init struct {
	Version uint16
	Random  [RandomSize]byte
}

func AppendInit(b []byte, m *Init) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint16(append(b, TypeInit), m.Version)
	return pad(append(b, m.Random[:]...), start, ClientHelloSize)
}

func ParseInit(b []byte) (m Init, ok bool) {
	r := NewReader(b)
	if len(b) < ClientHelloSize || r.U8() != TypeInit {
		return m, false
	}
	m.Version = r.U16()
	r.Copy(m.Random[:])
	return m, !r.Err() // the rest is padding
}

// Retry hands out a cookie. version is the server's.
//
//	+------+-------------+-------------+-------------+
//	| 0xc1 | version(16) | random(128) | cookie(168) |
//	+------+-------------+-------------+-------------+
type Retry struct {
	Version uint16
	Random  [RandomSize]byte
	Cookie  Cookie
}

func AppendRetry(b []byte, m *Retry) []byte {
	b = binary.BigEndian.AppendUint16(append(b, TypeRetry), m.Version)
	return append(append(b, m.Random[:]...), m.Cookie[:]...)
}

func ParseRetry(b []byte) (m Retry, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeRetry {
		return m, false
	}
	m.Version = r.U16()
	r.Copy(m.Random[:])
	r.Copy(m.Cookie[:])
	return m, !r.Err() && r.Len() == 0
}

// Hello is HS1 (a new link) or RS1 (a resumed one). The Noise prologue is everything before the Noise length.
//
//	+-----------+-------------+-------------+-------------+-------------+----------------+---------------+---------+
//	| 0xc2 / c4 | version(16) | conn id(32) | random(128) | cookie(168) | len16, ticket  | len16, noise  | zeros to 1200
//	+-----------+-------------+-------------+-------------+-------------+----------------+---------------+---------+
//
// conn id is what the server must write into packets for this client. ticket is empty in HS1.
type Hello struct {
	Resume  bool
	Version uint16
	ConnID  uint32
	Random  [RandomSize]byte
	Cookie  Cookie
	Ticket  []byte
	Noise   []byte
}

// AppendHelloPrologue writes the part that the Noise prologue covers.
func AppendHelloPrologue(b []byte, m *Hello) []byte {
	t := uint8(TypeHello)
	if m.Resume {
		t = TypeResume
	}
	b = binary.BigEndian.AppendUint16(append(b, t), m.Version)
	b = binary.BigEndian.AppendUint32(b, m.ConnID)
	b = append(append(b, m.Random[:]...), m.Cookie[:]...)
	return AppendBytes16(b, m.Ticket)
}

func AppendHello(b []byte, m *Hello) []byte {
	start := len(b)
	b = AppendBytes16(AppendHelloPrologue(b, m), m.Noise)
	return pad(b, start, ClientHelloSize)
}

func ParseHello(b []byte) (m Hello, ok bool) {
	r := NewReader(b)
	t := r.U8()
	if len(b) < ClientHelloSize || t != TypeHello && t != TypeResume {
		return m, false
	}
	m.Resume = t == TypeResume
	m.Version = r.U16()
	m.ConnID = r.U32()
	r.Copy(m.Random[:])
	r.Copy(m.Cookie[:])
	m.Ticket = r.Bytes16()
	m.Noise = r.Bytes16()
	return m, !r.Err() && len(m.Ticket) <= MaxResumeTicket && m.Resume == (len(m.Ticket) > 0) // the rest is padding
}

// Welcome is HS2 or RS2.
//
//	+-----------+-------------+-------+
//	| 0xc3 / c5 | conn id(32) | noise |
//	+-----------+-------------+-------+
//
// conn id is the client's, from HS1.
type Welcome struct {
	Resumed bool
	ConnID  uint32
	Noise   []byte
}

func AppendWelcome(b []byte, m *Welcome) []byte {
	t := uint8(TypeWelcome)
	if m.Resumed {
		t = TypeResumed
	}
	b = binary.BigEndian.AppendUint32(append(b, t), m.ConnID)
	return append(b, m.Noise...)
}

func ParseWelcome(b []byte) (m Welcome, ok bool) {
	r := NewReader(b)
	t := r.U8()
	m.Resumed = t == TypeResumed
	m.ConnID = r.U32()
	m.Noise = r.Rest()
	return m, !r.Err() && (t == TypeWelcome || t == TypeResumed) && len(m.Noise) > 0
}

// Refuse says, without proof, why a handshake goes no further. random is the client's, so that only somebody who saw
// the handshake can forge it; a client takes it as a reason to stop trying this server, never as anything else.
//
//	+------+-------------+-------------+----------+-------------+
//	| 0xc6 | version(16) | random(128) | code(32) | [wait s(32)]|
//	+------+-------------+-------------+----------+-------------+
//
// wait is there with api.ErrUnavailable only: this node takes nobody before that.
type Refuse struct {
	Version uint16
	Random  [RandomSize]byte
	Code    int32  // api.Code
	Wait    uint32 // s
}

func AppendRefuse(b []byte, m *Refuse) []byte {
	b = binary.BigEndian.AppendUint16(append(b, TypeRefuse), m.Version)
	b = binary.BigEndian.AppendUint32(append(b, m.Random[:]...), uint32(m.Code))
	if api.Code(m.Code) == api.ErrUnavailable {
		b = binary.BigEndian.AppendUint32(b, m.Wait)
	}
	return b
}

func ParseRefuse(b []byte) (m Refuse, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeRefuse {
		return m, false
	}
	m.Version = r.U16()
	r.Copy(m.Random[:])
	m.Code = int32(r.U32())
	if api.Code(m.Code) == api.ErrUnavailable {
		m.Wait = r.U32()
	}
	return m, !r.Err() && r.Len() == 0
}

// ClientInfo is the sealed payload of HS1 and RS1.
//
//	+-----------+---------------+------------+----------------+--------------+
//	| flags(32) | app: len8 ... | user: len8 | token: len16   | trailing ... |
//	+-----------+---------------+------------+----------------+--------------+
//
// Trailing bytes are for later versions and ignored.
type ClientInfo struct {
	Flags uint32
	App   string
	User  string // wished user id; ignored without a token that grants it
	Token []byte
}

// FlagAES in ClientInfo, ServerInfo and PeerInfo: this end has AES instructions; AES-256-GCM only if both have.
const FlagAES = 1

// Flags of a PeerInfo that say how this end renews keys. The first two count if both have them, the last if one has.
const (
	FlagRekey       = 2 // it takes key phases, and Diffie-Hellman ratchets over CRYPTO frames
	FlagHybrid      = 4 // it mixes ML-KEM-768 into those
	FlagHybridFirst = 8 // no message of a game leaves before the first of those
)

// Flags of a ClientInfo: the privacy that the client itself asks for (api.Privacy), which can only make it stricter.
const (
	FlagConsent   = 2
	FlagRelayOnly = 4
)

// Privacy is what the flags say.
func (m *ClientInfo) Privacy() api.Privacy {
	switch {
	case m.Flags&FlagRelayOnly != 0:
		return api.PrivacyRelayOnly
	case m.Flags&FlagConsent != 0:
		return api.PrivacyConsent
	}
	return api.PrivacyDirect
}

// SetPrivacy puts it into the flags.
func (m *ClientInfo) SetPrivacy(p api.Privacy) {
	m.Flags &^= FlagConsent | FlagRelayOnly
	switch p {
	case api.PrivacyConsent:
		m.Flags |= FlagConsent
	case api.PrivacyRelayOnly:
		m.Flags |= FlagRelayOnly
	}
}

// FlagRejoin in RS1's ClientInfo: the client is in a room and says Rejoin first, so that a node that doesn't know it waits
// for that instead of telling it that its room is gone.
const FlagRejoin = 8

func AppendClientInfo(b []byte, m *ClientInfo) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = AppendBytes8(AppendBytes8(b, []byte(m.App)), []byte(m.User))
	return AppendBytes16(b, m.Token)
}

func ParseClientInfo(b []byte) (m ClientInfo, ok bool) {
	r := NewReader(b)
	m.Flags, m.App, m.User, m.Token = r.U32(), string(r.Bytes8()), string(r.Bytes8()), r.Bytes16()
	return m, !r.Err() && len(m.Token) <= MaxToken
}

// ServerInfo is the sealed payload of HS2 and RS2.
//
//	+-----------+-------------+--------------+---------------+------------+--------------------+
//	| flags(32) | conn id(32) | your address | user id: len8 | member(64) | address token(168) |
//	+-----------+-------------+--------------+---------------+------------+--------------------+
//	| ticket: len16 | lifetime s (32) | stun token(128) | n(8), n x stun port(16) | alternate address |
//	| n(8), n x address | reset token(128) | trailing ... |
//
// conn id is what the client must write into packets for the server. Lifetime is the ticket's. The STUN token goes into
// our STUN requests (stun.AttrLinkToken); it is bound to the address, not the port. The alternate address serves the first
// two STUN ports; its own port says nothing, and it may be missing. The last addresses are other nodes of the same cluster,
// for when this one dies. The reset token is what a Reset of this link will hold; it may be missing.
type ServerInfo struct {
	Flags        uint32
	ConnID       uint32
	Observed     netip.AddrPort
	User         string
	Member       uint64
	AddressToken Cookie
	Ticket       []byte
	TicketLife   uint32
	STUNToken    [16]byte
	STUNPorts    []uint16
	Alternate    netip.Addr
	Nodes        []netip.AddrPort
	ResetToken   [ResetTokenSize]byte
}

// MaxNodes is how many other nodes a ServerInfo names.
const MaxNodes = 4

func AppendServerInfo(b []byte, m *ServerInfo) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = binary.BigEndian.AppendUint32(b, m.ConnID)
	b = AppendBytes8(AppendAddr(b, m.Observed), []byte(m.User))
	b = binary.BigEndian.AppendUint64(b, m.Member)
	b = AppendBytes16(append(b, m.AddressToken[:]...), m.Ticket)
	b = binary.BigEndian.AppendUint32(b, m.TicketLife)
	b = append(append(b, m.STUNToken[:]...), uint8(len(m.STUNPorts)))
	for _, p := range m.STUNPorts {
		b = binary.BigEndian.AppendUint16(b, p)
	}
	b = appendAddrs(AppendAddr(b, netip.AddrPortFrom(m.Alternate, 0)), m.Nodes, MaxNodes)
	return append(b, m.ResetToken[:]...)
}

func ParseServerInfo(b []byte) (m ServerInfo, ok bool) {
	r := NewReader(b)
	m.Flags, m.ConnID, m.Observed, m.User, m.Member = r.U32(), r.U32(), r.Addr(), string(r.Bytes8()), r.U64()
	r.Copy(m.AddressToken[:])
	m.Ticket, m.TicketLife = r.Bytes16(), r.U32()
	r.Copy(m.STUNToken[:])
	for n := r.U8(); n > 0; n-- {
		m.STUNPorts = append(m.STUNPorts, r.U16())
	}
	if r.Len() > 0 { // a server of before it
		m.Alternate = r.Addr().Addr()
	}
	if r.Len() > 0 {
		m.Nodes = r.addrs(MaxNodes)
	}
	if r.Len() >= ResetTokenSize {
		r.Copy(m.ResetToken[:])
	}
	return m, !r.Err() && len(m.Ticket) <= MaxResumeTicket
}

// PeerInfo is the payload of both KK messages: sealed between the two players, unseen by the server.
//
//	+-----------+-------------+-------------------+-----------------+-------------------+--------------------+--------------+
//	| flags(32) | conn id(32) | n(8), n x address | mapped port(16) | n(8), n x address | certificate: len16 | trailing ... |
//	+-----------+-------------+-------------------+-----------------+-------------------+--------------------+--------------+
//
// conn id is what the other side must write into packets for the sender. The first addresses are its private ones, the
// second its global IPv6 ones. Mapped port is one that its router forwards to it, 0 for none; the address it belongs to is
// the one that the server attests. The certificate (core/token) says whose key the sender's is; it may be empty or missing.
type PeerInfo struct {
	Flags      uint32
	ConnID     uint32
	LAN        []netip.AddrPort
	MappedPort uint16
	Global6    []netip.AddrPort

	Certificate []byte
}

// Bounds of the addresses in a PeerInfo.
const (
	MaxLANAddrs    = 8
	MaxGlobal6     = 4
	MaxCertificate = api.MaxCertificate
)

func AppendPeerInfo(b []byte, m *PeerInfo) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = binary.BigEndian.AppendUint32(b, m.ConnID)
	b = binary.BigEndian.AppendUint16(appendAddrs(b, m.LAN, MaxLANAddrs), m.MappedPort)
	return AppendBytes16(appendAddrs(b, m.Global6, MaxGlobal6), m.Certificate)
}

func ParsePeerInfo(b []byte) (m PeerInfo, ok bool) {
	r := NewReader(b)
	m.Flags, m.ConnID = r.U32(), r.U32()
	m.LAN = r.addrs(MaxLANAddrs)
	m.MappedPort = r.U16()
	m.Global6 = r.addrs(MaxGlobal6)
	if c := r.Bytes16(); len(c) > 0 {
		m.Certificate = c
	}
	return m, !r.Err() && len(m.Certificate) <= MaxCertificate
}

func appendAddrs(b []byte, addrs []netip.AddrPort, most int) []byte {
	addrs = addrs[:min(len(addrs), most)]
	b = append(b, uint8(len(addrs)))
	for _, a := range addrs {
		b = AppendAddr(b, a)
	}
	return b
}

func (r *Reader) addrs(most int) []netip.AddrPort {
	n := int(r.U8())
	if n > most {
		r.Fail()
		return nil
	}
	var out []netip.AddrPort
	for range n {
		out = append(out, r.Addr())
	}
	return out
}

func pad(b []byte, start, size int) []byte {
	for len(b)-start < size {
		b = append(b, 0)
	}
	return b
}
