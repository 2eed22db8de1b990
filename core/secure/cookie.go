package secure

import (
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/wire"
)

// CookieJar makes and checks proofs that somebody receives datagrams at an address. It keeps nothing about anybody:
// every cookie is a MAC over the address under a secret of its epoch, so any node with the same secret, also one that
// was restarted, checks what another made. Not safe for two goroutines at once: it reuses its scratch memory, so that
// a flood of spoofed first packets allocates nothing.
//
//	cookie = kind(8) | Unix seconds when made (32) | keyed BLAKE2s-128 of kind, seconds, address [, port, random]
type CookieJar struct {
	secret [32]byte
	epochs [2][2]epochKey // by use (cookies, STUN tokens) and by the epoch's parity: two are alive at a time
	buf    [64]byte
	sum    [blake2s.Size128]byte
}

type epochKey struct {
	number int64
	mac    hash.Hash // keyed; nil: not derived yet
}

// Kinds of proofs. They separate the MACs' inputs.
const (
	cookieRetry   = 1 // one handshake: address, port and the client's random
	cookieAddress = 2 // an address, any port: spares a returning client the round trip
	stunToken     = 3
)

const (
	cookieEpoch = 120 // s; a secret lives for two epochs
	stunEpoch   = 600 // s
	// retryLife is how long a RETRY's cookie may take to come back: a handshake's attempts, not a user's patience.
	retryLife = 60 // s
)

// NewCookieJar makes a jar. Nodes with the same secret accept each other's cookies.
func NewCookieJar(secret [32]byte) *CookieJar { return &CookieJar{secret: secret} }

// Retry makes the cookie of one handshake, bound to the address, the port and the client's random.
func (j *CookieJar) Retry(now time.Time, addr netip.AddrPort, random [wire.RandomSize]byte) wire.Cookie {
	return j.make(cookieRetry, now.Unix(), addr, random)
}

// CheckRetry accepts what Retry made at most a minute ago.
func (j *CookieJar) CheckRetry(now time.Time, addr netip.AddrPort, random [wire.RandomSize]byte, c wire.Cookie) bool {
	return j.check(cookieRetry, now, retryLife, addr, random, c)
}

// Address makes a token for an IP address, whatever its port. It is good for two to four minutes: links refresh it.
func (j *CookieJar) Address(now time.Time, ip netip.Addr) wire.Cookie {
	return j.make(cookieAddress, now.Unix(), netip.AddrPortFrom(ip, 0), [wire.RandomSize]byte{})
}

// CheckAddress accepts what Address made in the present epoch or the one before.
func (j *CookieJar) CheckAddress(now time.Time, ip netip.Addr, c wire.Cookie) bool {
	return j.check(cookieAddress, now, 2*cookieEpoch, netip.AddrPortFrom(ip, 0), [wire.RandomSize]byte{}, c)
}

// STUNToken shows in our STUN requests that a link vouches for the address. Good for ten to twenty minutes.
func (j *CookieJar) STUNToken(now time.Time, ip netip.Addr) [16]byte {
	return j.mac(stunToken, now.Unix()/stunEpoch, 0, netip.AddrPortFrom(ip, 0), [wire.RandomSize]byte{})
}

// CheckSTUNToken accepts a token of the present epoch or the one before.
func (j *CookieJar) CheckSTUNToken(now time.Time, ip netip.Addr, token [16]byte) bool {
	for back := range int64(2) {
		want := j.mac(stunToken, now.Unix()/stunEpoch-back, 0, netip.AddrPortFrom(ip, 0), [wire.RandomSize]byte{})
		if subtle.ConstantTimeCompare(want[:], token[:]) == 1 {
			return true
		}
	}
	return false
}

func (j *CookieJar) make(kind byte, seconds int64, addr netip.AddrPort, random [wire.RandomSize]byte) (c wire.Cookie) {
	c[0] = kind
	binary.BigEndian.PutUint32(c[1:], uint32(seconds))
	mac := j.mac(kind, seconds/cookieEpoch, uint32(seconds), addr, random)
	copy(c[5:], mac[:])
	return c
}

func (j *CookieJar) check(kind byte, now time.Time, life int64, addr netip.AddrPort, random [wire.RandomSize]byte, c wire.Cookie) bool {
	made := int64(binary.BigEndian.Uint32(c[1:]))
	age := now.Unix() - made
	epochs := now.Unix()/cookieEpoch - made/cookieEpoch
	if c[0] != kind || age > life || epochs < 0 || epochs > 1 {
		return false // no other epoch's secret is ever derived, so a forger can't make us derive many
	}
	want := j.make(kind, made, addr, random)
	return subtle.ConstantTimeCompare(want[:], c[:]) == 1
}

func (j *CookieJar) mac(kind byte, epoch int64, seconds uint32, addr netip.AddrPort, random [wire.RandomSize]byte) [blake2s.Size128]byte {
	b := append(j.buf[:0], kind)
	b = binary.BigEndian.AppendUint32(b, seconds)
	ip := addr.Addr().As16() // IPv4 and the same address mapped into IPv6 are one
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, addr.Port())
	b = append(b, random[:]...)
	h := j.epoch(kind == stunToken, epoch)
	h.Reset()
	h.Write(b)
	h.Sum(j.sum[:0])
	return j.sum
}

// epoch finds or derives the keyed hash of an epoch.
func (j *CookieJar) epoch(stun bool, number int64) hash.Hash {
	label, use := "cookie epoch ", 0
	if stun {
		label, use = "stun epoch ", 1
	}
	e := &j.epochs[use][number&1]
	if e.mac == nil || e.number != number {
		key := Derive(j.secret, label+strconv.FormatInt(number, 10))
		mac, err := blake2s.New128(key[:])
		if err != nil {
			panic(err) // only a key over 32 bytes fails
		}
		*e = epochKey{number: number, mac: mac}
	}
	return e.mac
}
