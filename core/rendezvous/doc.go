// Package rendezvous holds the two machines by which players find each other: rooms with join codes, and introductions.
// It speaks in wire.Signal values and knows no keys, packets or sockets; link carries the signals.
//
// An introduction, seen from the server (the callee makes KK message 1, so that the caller has keys after one trip):
//
//	caller                    server                     callee
//	  Connect ------------------>  asked
//	                               Request ------------------->      no address has been told to anybody yet
//	                               accepted  <------------- Accept kk1
//	  <------- Introduction kk1    Accepted ------------------->      both addresses, one relay leg each
//	  Answer kk2 --------------->  used
//	                               Answered kk2 -------------->
//
//	states: asked (60 s) -> accepted (30 s) -> used (gone). Reject, time-out, leaving and closing end it from any state.
//
// One introduction lives per unordered pair: a second Connect, from either side, is the first one.
package rendezvous
