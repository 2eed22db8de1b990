// Package wan is the internet of a laboratory: a router in user space that joins three networks by TUN devices.
//
// Kernel namespaces give real NATs; this router gives what lies between them, exactly: a hop that takes one from the
// TTL, a delay to the tenth of a millisecond, seeded jitter, loss and reordering, links that can be cut and healed one
// direction at a time, and counters that say which way the traffic really went. It reads and writes whole plain IPv4
// packets on descriptors, so that tests may give it a socket pair in place of a TUN device. It is also honest about
// itself: it measures how late the machine made it, because a packet that waited for a processor looks to the programs
// under test like a path that died.
//
//	   A's NAT ──┐                ┌── B's NAT
//	198.51.100/24│                │203.0.113/24
//	             └──── Router ────┘
//	                     │192.0.2/24
//	                   server
package wan
