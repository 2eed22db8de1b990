// Command natlab is the NAT laboratory: it runs the built library in C processes behind the kernel's own NATs, and whole
// clients behind simulated ones.
//
//	natlab check                        says what is missing here
//	natlab matrix --bin-dir DIR         every pair of NAT kinds, many meetings each; numbers and verdicts
//	natlab sim                          the same with simulated NATs, all 55 pairs; on every system
//	natlab heatmap JSON SVG             draws what either of them wrote
//	natlab regress --bin-dir DIR [NAME]  what networks do to games: reboots, moves, timeouts, loss
//	natlab discovery --bin-dir DIR      coturn's NAT discovery asks our server
//	natlab demo --bin-dir DIR           one story, live: relay, direct, cut, relay, direct again
//	natlab play --bin-dir DIR           the example game in two windows, each behind its own NAT; or its bots, or pictures
//	natlab build PR:SR                  a laboratory to look around in by hand
//	natlab clean                        removes what a killed natlab left behind
//
// Exit codes: 0 everything demanded holds, 1 it does not, 2 usage, 77 no laboratory can be built here (no root, no nft, no
// TUN), 130 ended by the user.
package main

const exitCannot = 77 // what automake calls "skipped"
