package secure

import (
	"crypto/cipher"
	"encoding/binary"
	"io"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/musubi-p2p/musubi/core/wire"
)

// TicketKey seals tickets: boxes that a client carries for the servers. Any node with the key opens them, so a link
// survives the death of its node, and a relay verifies a leg alone.
//
//	ticket = nonce(192), XChaCha20-Poly1305 of the content; the kind is associated data
//
// Nonces are random: 192 bits make a collision impossible in practice without anybody counting.
type TicketKey [32]byte

const (
	kindResume = "musubi resume ticket 1"
	kindRelay  = "musubi relay ticket 1"
	kindRoom   = "musubi room ticket 1"
)

// ResumeTicket is what a server needs to take a client back.
//
//	+-------------+------------+------------+-----------+-------------+---------------+------------+-------+
//	| client(256) | member(64) | user: len8 | app: len8 | secret(256) | expiry s (64) | serial(32) | grant |
//	+-------------+------------+------------+-----------+-------------+---------------+------------+-------+
type ResumeTicket struct {
	Client PublicKey // its static key, proven when the link was made
	Member uint64
	User   string   // at most 64 bytes
	App    string   // at most 64 bytes
	Secret [32]byte // the resume secret of the session that gave the ticket out
	Expiry uint64   // Unix seconds
	Serial uint32   // of that session: how many the member had before it. Of two nodes that hold a link of it the higher is right
	Grant  wire.Grant
}

// SealResume appends the sealed ticket to dst. User and App must be within their limits.
func (k TicketKey) SealResume(rand io.Reader, dst []byte, t *ResumeTicket) ([]byte, error) {
	var plain [320]byte
	b := binary.BigEndian.AppendUint64(append(plain[:0], t.Client[:]...), t.Member)
	b = wire.AppendBytes8(wire.AppendBytes8(b, []byte(t.User)), []byte(t.App))
	b = binary.BigEndian.AppendUint64(append(b, t.Secret[:]...), t.Expiry)
	b = binary.BigEndian.AppendUint32(b, t.Serial)
	return k.seal(rand, dst, wire.AppendGrant(b, &t.Grant), kindResume)
}

// OpenResume opens a ticket that is still good at now: ErrAuth, ErrFormat or ErrExpired otherwise.
func (k TicketKey) OpenResume(now time.Time, ticket []byte) (t ResumeTicket, err error) {
	plain, err := k.open(ticket, wire.MaxResumeTicket, kindResume)
	if err != nil {
		return t, err
	}
	r := wire.NewReader(plain)
	r.Copy(t.Client[:])
	t.Member, t.User, t.App = r.U64(), string(r.Bytes8()), string(r.Bytes8())
	r.Copy(t.Secret[:])
	t.Expiry, t.Serial = r.U64(), r.U32()
	t.Grant = r.Grant()
	if r.Err() || r.Len() != 0 {
		return ResumeTicket{}, ErrFormat
	}
	return t, expiry(now, t.Expiry)
}

// SealRelay appends the sealed ticket of one relay leg to dst.
func (k TicketKey) SealRelay(rand io.Reader, dst []byte, t *wire.RelayTicket) ([]byte, error) {
	return k.seal(rand, dst, wire.AppendRelayTicket(nil, t), kindRelay)
}

// OpenRelay opens a relay ticket that is still good at now: ErrAuth, ErrFormat or ErrExpired otherwise.
func (k TicketKey) OpenRelay(now time.Time, ticket []byte) (wire.RelayTicket, error) {
	plain, err := k.open(ticket, wire.MaxRelayTicket, kindRelay)
	if err != nil {
		return wire.RelayTicket{}, err
	}
	t, ok := wire.ParseRelayTicket(plain)
	if !ok {
		return wire.RelayTicket{}, ErrFormat
	}
	return t, expiry(now, t.Expiry)
}

// SealRoom appends the sealed ticket of a room's member to dst.
func (k TicketKey) SealRoom(rand io.Reader, dst []byte, t *wire.RoomTicket) ([]byte, error) {
	return k.seal(rand, dst, wire.AppendRoomTicket(nil, t), kindRoom)
}

// OpenRoom opens a room ticket that is still good at now: ErrAuth, ErrFormat or ErrExpired otherwise.
func (k TicketKey) OpenRoom(now time.Time, ticket []byte) (wire.RoomTicket, error) {
	plain, err := k.open(ticket, wire.MaxRoomTicket, kindRoom)
	if err != nil {
		return wire.RoomTicket{}, err
	}
	t, ok := wire.ParseRoomTicket(plain)
	if !ok {
		return wire.RoomTicket{}, ErrFormat
	}
	return t, expiry(now, t.Expiry)
}

func expiry(now time.Time, seconds uint64) error {
	if now.Unix() < 0 || uint64(now.Unix()) >= seconds {
		return ErrExpired
	}
	return nil
}

func (k TicketKey) aead() cipher.AEAD {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic(err) // only a wrong key size fails
	}
	return a
}

func (k TicketKey) seal(rand io.Reader, dst, plain []byte, kind string) ([]byte, error) {
	var nonce [chacha20poly1305.NonceSizeX]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return nil, err
	}
	return k.aead().Seal(append(dst, nonce[:]...), nonce[:], plain, []byte(kind)), nil
}

func (k TicketKey) open(ticket []byte, most int, kind string) ([]byte, error) {
	if len(ticket) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead || len(ticket) > most {
		return nil, ErrFormat
	}
	nonce, sealed := ticket[:chacha20poly1305.NonceSizeX], ticket[chacha20poly1305.NonceSizeX:]
	plain, err := k.aead().Open(nil, nonce, sealed, []byte(kind))
	if err != nil {
		return nil, ErrAuth
	}
	return plain, nil
}

// kindFrame is what nodes of one cluster say to each other.
const kindFrame = "musubi cluster frame 1"

// maxSealedFrame bounds what is opened; nodes send at most 64 KiB.
const maxSealedFrame = 128 << 10

// SealFrame appends a sealed frame of the cluster's bus to dst.
func (k TicketKey) SealFrame(rand io.Reader, dst, plain []byte) ([]byte, error) {
	return k.seal(rand, dst, plain, kindFrame)
}

// OpenFrame opens one: ErrAuth or ErrFormat otherwise.
func (k TicketKey) OpenFrame(sealed []byte) ([]byte, error) {
	return k.open(sealed, maxSealedFrame, kindFrame)
}
