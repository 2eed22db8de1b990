// Package load plays many clients at a real server over real sockets, to find out what a server can do: links that only live,
// handshakes and resumes as fast as they go, the return of everybody after a restart, signals from player to player, pairs whose packets are
// relayed, players who leave and others who come, and signals under
// a flood from forged addresses. `musubi bench-server` runs it.
//
//	players (link.Client, thousands to a goroutine) ── a few UDP sockets on 127/8 ──▶ server, a process of its own
//	     └── timers: one heap; datagrams: by connection id, handshakes by their random
//
// The server's processor time and memory come from /proc, apart from ours. What is told per core is per second of its processor
// time: other work on the machine changes that little.
package load
