// Package relay is the way between two players that needs no luck: one leg per player at a server both reach. It holds
// the server's machine and the client's, one leg each. What passes is sealed between the players.
//
//	client                          relay
//	  BIND{ticket, nonce, MAC} ------->   opens the ticket, checks the MAC, keeps nothing
//	  <-------- CHALLENGE{nonce, cookie}
//	  BIND2{cookie, counter, MAC} ---->   address proven: the leg is the sender's; a higher counter moves it
//	  <------ BOUND{handle, rate, MAC}
//	  0x44 handle packet ------------->   0x44 other leg's handle, packet ----> other player
//
// Two things must be known to send through a leg, its handle and the address it is bound to, and the only place it leads
// to is the other leg's proven address. So the relay can't be made to send to a third party.
package relay

import (
	"crypto/subtle"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/wire"
)

// seal is the MAC of the bind messages: keyed BLAKE2s-128 under the leg's key.
func seal(key *[32]byte, covered []byte) (mac [wire.RelayMACSize]byte) {
	h, err := blake2s.New128(key[:])
	if err != nil {
		panic("relay: " + err.Error()) // the key's length is right by its type
	}
	h.Write(covered)
	h.Sum(mac[:0])
	return mac
}

func genuine(key *[32]byte, covered []byte, mac *[wire.RelayMACSize]byte) bool {
	want := seal(key, covered)
	return subtle.ConstantTimeCompare(want[:], mac[:]) == 1
}
