// Package cluster is what makes several nodes one server: which node owns which room, which of our clients are in rooms of
// other nodes, which clients of theirs are in ours, who is alive. docs/CLUSTER.md is the whole story.
//
//	hub --Seek, Up, Down, Reserve ...--> Node --NextBus--> bus (NATS): frames to nodes, directory, roster
//	hub <--NextEvent------------------- Node <--HandleBus, HandleRenewed, HandleAnswer
//
// A client of ours, as to rooms:
//
//	(rooms here) --Seek--> looking --key names another node--> attached --Detach, Leave, Gone--> (rooms here)
//	                        |    ^ \--no key, dead owner, ours: taken over--> event Restore, (rooms here)
//	                        |    \-- its owner died or lost the room, but not for a Join
//	                        \--> event NotFound, Unavailable
//
// A room of ours: wanted --key made--> held --other owner in the directory--> event RoomTaken; closed: key deleted.
package cluster
