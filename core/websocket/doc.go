// Package websocket reads and writes the part of RFC 6455 that Musubi uses to carry datagrams over TCP: the opening
// handshake and frames, as bytes. It opens no connection and draws no randomness; core/netio has the connections.
//
// One datagram is one binary message:
//
//	 0               1               2               3
//	+-+-----+-------+-+-------------+-------------------------------+---------------+-----------------+
//	|F|0 0 0| opcode|M| length (7)  | length (16), if the first is  | masking key   | datagram, XORed |
//	|I|     |  (4)  |A|             | 126                           | (32), if MASK | with the key if |
//	|N|     |       |S|             |                               | is set        | MASK is set     |
//	+-+-----+-------+-+-------------+-------------------------------+---------------+-----------------+
//
// Frames from the client are masked, frames from the server are not. Messages cut into frames are put together again, as
// an intermediary may cut them; this package never sends one in pieces. Extensions are neither offered nor accepted.
package websocket

const (
	// Path is where a server answers; everything else on its port is a 404.
	Path = "/musubi"
	// MaxMessage is the longest message that is taken, in bytes: netio.MaxDatagram.
	MaxMessage = 2048
	// MaxHead bounds what is read of a handshake, in bytes. Browsers behind company proxies send about 1,500.
	MaxHead = 4096
	// MaxHeader is the longest frame header that is written, in bytes: two, a 16-bit length and a masking key.
	MaxHeader = 8
	// MaxFrame is the longest frame that is taken, in bytes.
	MaxFrame = MaxHeader + MaxMessage

	maxControl = 125 // payload of a control frame, RFC 6455, 5.5
)

// Opcode is what a frame is.
type Opcode uint8

const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Status is why a connection was closed, RFC 6455, 7.4.1.
type Status uint16

const (
	StatusNormal      Status = 1000
	StatusGoingAway   Status = 1001
	StatusProtocol    Status = 1002
	StatusUnsupported Status = 1003 // text
	StatusTooBig      Status = 1009
)

// Error is a violation by the other side: the connection is to be closed with Status.
type Error struct {
	Status Status
	text   string
}

func (e *Error) Error() string { return "websocket: " + e.text }

var (
	errReserved   = &Error{StatusProtocol, "reserved bits or opcode"}
	errMask       = &Error{StatusProtocol, "frame masked the wrong way"}
	errControl    = &Error{StatusProtocol, "control frame too long or in pieces"}
	errLength     = &Error{StatusProtocol, "length not in its shortest form"}
	errOrder      = &Error{StatusProtocol, "pieces of messages out of order"}
	errCloseFrame = &Error{StatusProtocol, "malformed close frame"}
	errText       = &Error{StatusUnsupported, "text message"}
	errTooBig     = &Error{StatusTooBig, "message longer than 2048 bytes"}
)
