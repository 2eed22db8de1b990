package secure

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Session is one connection's transport keys with their counters and replay windows. It is made by a handshake and
// never copied, saved or restored: a counter that restarts under a living key would break the AEAD.
//
//	nonce = iv xor (path id (32) | packet number (64)); the packet's header is associated data
//
// Each direction has its own key and iv, each path its own counter and its own replay window. Between players the keys are
// renewed while the session lives (ratchet).
type Session struct {
	send, recv direction
	local      uint32 // what the other end writes to us
	remote     uint32
	next       [wire.PathCount]uint64      // the next number of each of our paths
	seen       [wire.PathCount]*seq.Window // nil: nothing came on it
	ratchet    *ratchet                    // nil: the keys are the session's for good
	nonce      [nonceSize]byte             // scratch; a local array would escape into the AEAD's interface call
}

const nonceSize = 12

// direction is one way's key material. The AEAD is built on first use: a GCM object is 1,280 bytes, and a server holds
// many sessions that say nothing.
type direction struct {
	aead  cipher.AEAD
	key   [32]byte
	iv    [nonceSize]byte
	aes   bool
	phase uint8 // modulo phases
}

func newDirection(split [32]byte, aes bool) (d direction) {
	suite := "chacha20-poly1305"
	if aes {
		suite = "aes-256-gcm"
	}
	d.aes = aes
	expand(d.key[:], split[:], "packet key "+suite)
	expand(d.iv[:], split[:], "packet iv "+suite)
	return d
}

func (d *direction) ready() cipher.AEAD {
	if d.aead == nil {
		d.aead = d.build()
	}
	return d.aead
}

// build can't fail: both constructors refuse only wrong key sizes.
func (d *direction) build() cipher.AEAD {
	if !d.aes {
		aead, err := chacha20poly1305.New(d.key[:])
		if err != nil {
			panic(err)
		}
		return aead
	}
	block, err := aes.NewCipher(d.key[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// LocalConnID is what the other end writes into packets for us.
func (s *Session) LocalConnID() uint32 { return s.local }

// RemoteConnID is what we write into packets for the other end.
func (s *Session) RemoteConnID() uint32 { return s.remote }

// AES reports whether packets are sealed with AES-256-GCM rather than ChaCha20-Poly1305.
func (s *Session) AES() bool { return s.send.aes }

// Begin appends the header of the next packet on path and tells its number. Nothing is used up: dropping the result is
// fine. The caller appends frames and calls Seal before it begins another packet on the same path.
func (s *Session) Begin(dst []byte, path wire.PathID) (out []byte, number uint64) {
	number = s.next[path%wire.PathCount]
	return wire.AppendSession(dst, wire.Session{KeyPhase: s.send.phase, Path: path, ConnID: s.remote, Number: uint32(number & 0xffffff)}), number
}

// Seal encrypts the packet out[start:], which Begin opened, in place, appends its tag and uses its number up. It
// allocates only when out lacks capacity for the tag.
func (s *Session) Seal(out []byte, start int) []byte {
	body := start + wire.SessionHeader
	header := out[start:body:body]
	path := header[0] >> 2 & 7
	number := s.next[path]
	// Two packets begun on one path before the first was sealed: going on would use a nonce twice or lie about the number.
	if low := uint32(header[5])<<16 | uint32(header[6])<<8 | uint32(header[7]); low != uint32(number&0xffffff) {
		panic("secure: Seal of a packet whose number was used already")
	}
	s.next[path]++
	if s.ratchet != nil {
		s.ratchet.sealed++
	}
	return s.send.ready().Seal(out[:body], s.makeNonce(&s.send, path, number), out[body:], header)
}

// Open authenticates and decrypts the packet b in place; frames alias b. A failure leaves the session as it was, but
// may scribble over b.
//
//	ErrFormat  not a packet of this version
//	ErrAuth    forged, damaged or of another session
//	ErrPhase   of a key phase that is over, or that nobody has begun
//	ErrReplay  authentic, but seen before or too old to tell
func (s *Session) Open(b []byte) (path wire.PathID, number uint64, frames []byte, err error) {
	h, body, ok := wire.ParseSession(b)
	if !ok {
		return 0, 0, nil, ErrFormat
	}
	if h.KeyPhase != s.recv.phase {
		number, frames, err = s.openOther(h, b, body)
		return h.Path, number, frames, err
	}
	number, frames, err = s.openWith(&s.recv, h, b, body)
	if s.ratchet != nil && err == nil {
		s.ratchet.opened++
	}
	return h.Path, number, frames, err
}

// openWith authenticates and decrypts a packet with d's keys, and takes its number.
func (s *Session) openWith(d *direction, h wire.Session, b, body []byte) (number uint64, frames []byte, err error) {
	w := s.seen[h.Path]
	largest := ^uint64(0) // the first packet is expected to be number 0
	if w != nil {
		largest, _ = w.Largest()
	}
	number = wire.ExpandNumber(largest, h.Number)
	nonce := s.makeNonce(d, uint8(h.Path), number)
	frames, e := d.ready().Open(body[:0], nonce, body, b[:wire.SessionHeader])
	if e != nil {
		return number, nil, ErrAuth
	}
	// Only now: a forger must neither move the window nor learn what is in it.
	if w == nil {
		w = new(seq.Window)
		s.seen[h.Path] = w
	}
	if !w.Fresh(number) {
		return number, nil, ErrReplay
	}
	w.Accept(number)
	return number, frames, nil
}

// Rest gives back the memory that a session needs only while packets come and go: the AEADs, which the next packet builds
// again, and the replay windows' detail. A packet that has not come yet and is older than the newest one will be refused.
func (s *Session) Rest() {
	s.send.aead, s.recv.aead = nil, nil
	if s.ratchet != nil {
		s.ratchet.rest()
	}
	for _, w := range s.seen {
		if w != nil {
			w.Shut()
		}
	}
}

// makeNonce fills the scratch nonce, which holds until the next call.
func (s *Session) makeNonce(d *direction, path uint8, number uint64) []byte {
	s.nonce = d.iv
	s.nonce[3] ^= path
	n := s.nonce[4:]
	binary.BigEndian.PutUint64(n, binary.BigEndian.Uint64(n)^number)
	return s.nonce[:]
}
