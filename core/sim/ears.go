package sim

import "github.com/musubi-p2p/musubi/core/natsim"

// ears are what a test listens in on a world with, to take its packets apart afterwards. What they hear is borrowed.
type ears struct {
	datagram func(p natsim.Packet)
	stream   func(number uint32, end int, b []byte) // a datagram inside a TCP connection, to the server (0) or the client (1)
	master   func(b [32]byte)                       // of a server
	secret   func(b []byte)                         // what an actor drew, or a static key that it was given
	roomKey  func(room uint64, key [32]byte)        // of a password
}

// born is told of each world that begins, so that a test can listen to other tests' stories. Nil: nobody is.
var born func(*World)

// overhear tells a listener what only one actor should know.
func (e *ears) overhear(secret []byte) {
	if e != nil {
		e.secret(secret)
	}
}
