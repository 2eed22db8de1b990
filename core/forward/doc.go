// Package forward reads the server's main port with up to one socket and one goroutine for each processor, and sends relayed packets on
// without asking anybody. Packets of links it serves at the hub itself while that is free (Desk); all else, and what comes while it is not,
// goes to the hub's goroutine.
//
//	socket, SO_REUSEPORT ── Shard ──┬── Table: leg known, source proven, within its rate ── shard's second socket ──▶ other leg
//	socket, SO_REUSEPORT ── Shard ──┤        ▲ bound, moved, ended        │ heard, spent
//	                                │        └──────── hub's goroutine ◀──┘
//	                                ├── Desk: the hub, if nobody is at it
//	                                └── Inbox: one ring for each kind and shard ──▶ hub's goroutine ──▶ first shard's second socket
//
// Nobody waits for anybody: the table is read while it is written, a full ring drops what comes, and the hub takes from each ring
// a share in each round, so that a flood of one kind takes nothing from the others.
package forward

import "net/netip"

// streams is where the hub's names of streams lie (core/hub/streams.go): no UDP packet comes from there, none goes there.
var streams = netip.MustParsePrefix("100::/64")

func isStream(a netip.Addr) bool { return a.Is6() && streams.Contains(a) }
