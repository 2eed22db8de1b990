// Package netio is where Musubi meets the operating system's network: UDP sockets read and written in batches, the one
// place where an owner goroutine waits, the machine's addresses, and what its processor can do.
//
// A Loop belongs to one goroutine, its owner, and starts none itself. Only Wake may be called from elsewhere. Bytes and
// addresses pass through; what they mean is known above.
package netio

import "errors"

// MaxDatagram is the largest datagram that is sent or received, in bytes of UDP payload. Longer ones that arrive are
// dropped and counted.
const MaxDatagram = 2048

// DefaultBuffer is what a socket's receive and send buffers are asked to be, in bytes. 4 MB ride out a 100 ms stall of
// the process at 300 Mbit/s; the kernel grants less when net.core.rmem_max says so.
const DefaultBuffer = 4 << 20

// Stats counts what a Loop did since it was made. Datagrams unless said otherwise.
type Stats struct {
	Received  uint64
	Joined    uint64 // rows of datagrams that arrived in one piece
	Truncated uint64 // arrived, longer than MaxDatagram, dropped
	RecvError uint64 // errors in place of a datagram: news from ICMP, mostly
	Sent      uint64
	Segmented uint64 // rows of datagrams sent in one piece
	SendFull  uint64 // dropped because the socket's send buffer was full
	Overflow  uint64 // dropped by the system because the socket's queue was full; only a Port's is known
	SendError uint64 // dropped because the system refused that one: no route, a firewall, a bad address
}

// Add sums up what several sockets did.
func (s *Stats) Add(t Stats) {
	s.Received, s.Joined, s.Truncated, s.RecvError = s.Received+t.Received, s.Joined+t.Joined, s.Truncated+t.Truncated, s.RecvError+t.RecvError
	s.Sent, s.Segmented, s.SendFull, s.SendError = s.Sent+t.Sent, s.Segmented+t.Segmented, s.SendFull+t.SendFull, s.SendError+t.SendError
	s.Overflow += t.Overflow
}

// What Send can return. A refusal by the network is no error here: it is counted, and the protocol above notices loss
// by itself.
var (
	ErrNoSocket = errors.New("no open socket has that number")
	ErrTooLarge = errors.New("datagram longer than 2048 bytes")
	ErrFamily   = errors.New("the socket's address family can't reach that address")
)
