// Package link is the session between a client and its server, both ends: handshake, keys, the reliable channel that
// carries signals, keeping it alive, and coming back after silence, a new address or a restarted server.
//
//	client                                     server
//	INIT  random, 1200 bytes  ----------->                   keeps nothing
//	      <----------------  RETRY cookie                    still keeps nothing
//	HS1   cookie, Noise IK 1  ----------->  public-key work, a ServerSession
//	      <----------------  HS2 Noise IK 2, then the first ticket over the session
//	RS1   token or cookie, ticket, NNpsk0 1 -->  the same member again, under new keys
//	      <----------------  RS2 Noise NNpsk0 2
//
// Client and Acceptor with its ServerSessions take bytes and the time and give bytes; see docs/ARCHITECTURE.md for the
// order of their verbs.
package link

import "time"

// Numbers of the protocol and of this implementation.
const (
	// keepAlive stays below the 30 s after which the shortest UDP NAT timers seen in the field forget a mapping.
	keepAlive = 15 * time.Second
	// serverKeepAlive is when the server asks: the client's keepalive and its repetitions have failed by then.
	serverKeepAlive = 25 * time.Second
	// serverLongestPTO: of 100,000 clients whose line is cut each would be asked twice a second, until they have come back by
	// themselves, which takes a client 3 s.
	serverLongestPTO = 8 * time.Second
	// idleTimeout ends the server's side of a link. It exceeds three keepalives.
	idleTimeout = 50 * time.Second
	// silence is how long something of ours may wait for an acknowledgement before the client resumes. RUDP has
	// probed about four times by then.
	silence = 3 * time.Second

	// Copies of a handshake datagram come 250 ms apart, then half as much again, up to 400 ms: 13 in a round, so that one
	// round in a million fails where a fifth of all datagrams is lost. (Up to 1 s apart, 8 in a round, it was one in 600.)
	firstRetry  = 250 * time.Millisecond
	mostRetry   = 400 * time.Millisecond
	longRetry   = time.Second      // before a fresh cookie is followed, or a rate limit is tried again
	round       = 5 * time.Second  // one server's time to answer
	giveUp      = 2 * time.Minute  // without any server after the link was up once
	backOffMost = 15 * time.Second // between rounds while coming back

	// A ticket says the same all the link's life but for its end; where it does not (a new access token) a new one leaves at once. So
	// it is renewed when a fourth of its life or more is over, each link at a time of its own: of 100,000 links 80 a second, where
	// one each minute would be 1,700, each of which costs as much as three keepalives. Who comes back has half an hour at least.
	ticketLife    = time.Hour
	ticketRefresh = 15 * time.Minute
	ticketSpread  = 10 * time.Minute       // and so much later at most
	tokenLife     = 2 * time.Minute        // an address token is good for two to four minutes
	confirmTime   = 10 * time.Second       // a session whose client never spoke is forgotten
	closeLinger   = 500 * time.Millisecond // for signals accepted before Close

	// Both ends must agree on recvBudget, which is below rudp's usual credit; see rudp.Config. Signals are small and few.
	sendBudget = 256 << 10
	recvBudget = 64 << 10

	maxName = 64 // bytes of an app name and of a user id
)
