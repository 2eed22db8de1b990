// Command outage plays what happens to a cluster while people play on it: real servers with their NATS in namespaces of this
// machine, and a fleet of clients in rooms that talk all the time, direct and relayed. Nodes are killed, stopped, cut off, lose
// their JetStream directory, and are drained; what the players notice is compared with the contract (docs/CLUSTER.md).
//
//	namespace "…-0": the fleet (this very process), a bridge         namespaces "…-1", "…-2", "…-3": a node each
//	   10.77.1.1       players that reach each other directly           10.77.0.11  musubi server, and NATS in it or beside it
//	   10.77.2.1 … .4  players whom a rule keeps apart: relayed          10.77.0.12, 10.77.0.13
//
// What decides is order, completeness and who was thrown out; times are measured and shown, and only with --strict judged.
package main
