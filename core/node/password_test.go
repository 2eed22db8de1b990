package node

import (
	"fmt"
	"testing"

	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/secure"
)

// A password's key is computed beside the owner, which goes on meanwhile; the next one when the first is there.
func TestPasswordKeysAreComputedBesideTheOwner(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.engine.derive = []endpoint.Derivation{{Room: 1, Password: []byte("sesame")}, {Room: 2, Password: []byte("open")}}
	st.play()
	for room, password := range []string{"sesame", "open"} {
		key := secure.RoomKey([]byte(password), uint64(room+1))
		st.want(fmt.Sprintf("derived %d %x", room+1, key[:2]))
	}
	st.quiet()
}

// A client that ends while a key is computed waits for it, and leaves no goroutine behind.
func TestEndWhileAKeyIsComputed(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.engine.derive = []endpoint.Derivation{{Room: 1, Password: []byte("sesame")}}
	st.play().do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.Close()
}
