// Package lab builds laboratories: two homes behind the kernel's own NATs and a server, in network namespaces, with the
// router of package wan between them. Everything has a name that begins with mslab<pid>, and Close removes exactly that.
//
//	ha ──veth── na ══TUN══ router ══TUN══ nb ──veth── hb
//	                          ║
//	                         TUN
//	                          ║
//	                         srv
//
// ha and hb are the players' computers, na and nb their home routers: nft's NAT, with conntrack tables of their own. All
// of it is Linux: namespaces, veth, TUN, nftables. Elsewhere the package is empty.
package lab
