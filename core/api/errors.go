package api

// Code is a result or a reason. Zero is success, negatives are failures graded by who can do something about it:
// −1..−99 the arguments, −100 our own state, −200 the network, −300 the server, −400 the other player.
type Code int32

const (
	OK Code = 0

	ErrNull     Code = -1 // a pointer that may not be NULL was NULL
	ErrHandle   Code = -2 // no such client, or it was destroyed
	ErrPeer     Code = -3 // no such peer, or it has gone
	ErrSize     Code = -4 // struct_size is no size of this struct, or fields are used that this library is too old for
	ErrTooLarge Code = -5 // message, text or payload over its limit
	ErrValue    Code = -6 // a value out of its range
	ErrAddress  Code = -7 // the server address can't be read
	ErrVersion  Code = -8 // ABI version the library does not offer

	ErrNotConnected Code = -100 // no link to the server, or no connection to that peer
	ErrWouldBlock   Code = -101 // queue or send budget full; wait for WRITABLE
	ErrBusy         Code = -102 // another thread is polling this client
	ErrAlready      Code = -103 // in a room already, or connected already
	ErrFailed       Code = -104 // the library stopped itself; the FAILED event says why
	ErrForked       Code = -105 // called in a child of fork()
	ErrMemory       Code = -106 // out of memory
	ErrLimit        Code = -107 // too many clients or peers
	ErrClosed       Code = -108 // closed by this side
	ErrNotInRoom    Code = -109 // the call needs a room
	ErrExpired      Code = -110 // the message's deadline passed before it could leave; it was never sent
	ErrNotOwner     Code = -111 // only the room's owner may

	ErrTimeout Code = -200 // nobody answered in time
	ErrSocket  Code = -201 // the system refused a socket
	ErrLost    Code = -202 // silence: the other end is gone or unreachable
	ErrUnknown Code = -203 // no acknowledgement came: the message may have arrived or not

	ErrServerUnreachable Code = -300 // no answer from the server
	ErrServerKey         Code = -301 // the server does not hold the key in its address
	ErrServerVersion     Code = -302 // the server speaks another protocol version
	ErrBadCode           Code = -303 // no room with that join code
	ErrRoomFull          Code = -304 // the room has its most members
	ErrRateLimited       Code = -305 // too many requests; wait
	ErrUnauthorized      Code = -306 // access token refused
	ErrServerClosing     Code = -307 // the server shuts down
	ErrRoomClosed        Code = -308 // the room has ended
	ErrPeerGone          Code = -309 // the member left before it answered
	ErrServerFull        Code = -310 // the server has no place
	ErrRelay             Code = -311 // the relay refused the leg
	ErrUnavailable       Code = -312 // the server can't do that now; it says when asking again is of use
	ErrConflict          Code = -320 // the room's data changed meanwhile; what it is now comes with the code
	ErrKicked            Code = -321 // the room's owner put the player out
	ErrBanned            Code = -322 // the room's owner does not want the player back
	ErrRoomLocked        Code = -323 // nobody is let in now
	ErrUserOffline       Code = -324 // no client of that user is connected
	ErrTokenExpired      Code = -325 // the access token's time is over: the game's backend makes a new one
	ErrTooManySessions   Code = -326 // this user has as many sessions as are allowed
	ErrPrivacy           Code = -327 // privacy: both players' games have to ask for that connection, or it stays relayed

	ErrRejected     Code = -400 // the other player rejected the connection
	ErrRemoteClosed Code = -401 // the other player closed the connection
	ErrHandshake    Code = -402 // the other side's handshake does not fit what the server told us
	ErrProtocol     Code = -403 // the other side broke the protocol
	ErrBadPassword  Code = -404 // the two have given different passwords, or one of them none
	ErrIdentity     Code = -405 // its identity certificate is missing, or does not fit its key and name
	ErrPQ           Code = -406 // it can't renew keys in the way that this side requires: post-quantum
)

var codeText = map[Code]string{
	OK: "ok",

	ErrNull: "a pointer argument was NULL", ErrHandle: "unknown or destroyed client", ErrPeer: "unknown peer, or it has gone",
	ErrSize: "struct_size is wrong, or a field is used that this library is too old for", ErrTooLarge: "larger than the limit", ErrValue: "value out of range",
	ErrAddress: "malformed server address: it looks like musubi://host:port/#key", ErrVersion: "this library does not offer that ABI version",

	ErrNotConnected: "not connected", ErrWouldBlock: "queue full, try again after WRITABLE", ErrBusy: "another thread is polling this client",
	ErrAlready: "already in that state", ErrFailed: "the client stopped itself: its FAILED event says why", ErrForked: "not usable after fork()",
	ErrMemory: "out of memory", ErrLimit: "a limit of the library is reached: clients, peers or waiting events", ErrClosed: "closed by this side", ErrNotInRoom: "not in a room",
	ErrExpired: "dropped unsent: its deadline had passed", ErrNotOwner: "only the room's owner may do that",

	ErrTimeout: "timed out", ErrSocket: "the system refused to open a socket", ErrLost: "connection lost: nothing heard",
	ErrUnknown: "not acknowledged: it may have arrived or not",

	ErrServerUnreachable: "the server does not answer", ErrServerKey: "the server has another key than the one in its address",
	ErrServerVersion: "the server speaks another protocol version", ErrBadCode: "no room with that code", ErrRoomFull: "the room is full",
	ErrRateLimited: "too many requests, wait a little", ErrUnauthorized: "access token refused", ErrServerClosing: "the server is shutting down",
	ErrRoomClosed: "the room has ended", ErrPeerGone: "the member left", ErrServerFull: "the server is full", ErrRelay: "the relay refused",
	ErrUnavailable: "the server can't do that now, try again in a moment",
	ErrConflict:    "the room's data changed meanwhile", ErrKicked: "removed from the room by its owner",
	ErrBanned: "the room's owner does not let this player in", ErrRoomLocked: "the room is locked", ErrUserOffline: "that user is not online",
	ErrTokenExpired: "the access token has expired", ErrTooManySessions: "this user has too many sessions already",
	ErrPrivacy: "a privacy setting does not allow it",

	ErrRejected: "the other player rejected the connection", ErrRemoteClosed: "the other player closed the connection",
	ErrHandshake: "the other side's handshake could not be verified", ErrProtocol: "the other side broke the protocol",
	ErrBadPassword: "wrong room password",
	ErrIdentity:    "the other side's identity certificate is missing or invalid",
	ErrPQ:          "post-quantum keys are required here, and the other side does not offer them",
}

// String is static English text for a code; musubi_strerror returns the same.
func (c Code) String() string {
	if s, ok := codeText[c]; ok {
		return s
	}
	return "unknown code"
}

// Error is a failure with a code for programs and a sentence for people.
type Error struct {
	Code Code
	Text string
}

func (e *Error) Error() string { return e.Text }

// Errorf would need fmt; callers build their own sentence.
func NewError(code Code, text string) *Error { return &Error{Code: code, Text: text} }
