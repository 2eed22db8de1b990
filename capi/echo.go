//go:build cgo && musubi_test_echo

package main

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/node"
)

// runOwner of the test build is an owner without a network: musubi_connect connects to one peer, which sends every
// message back. It lets a C test drive both rings and both wakes of the real library at full speed.
func runOwner(h *host, _ node.Config, loop *netio.Loop) {
	peer := api.NewPeerHandle(0, 1)
	var c node.Command
	var ev api.Event
	waiting := false
	for !h.Closing() {
		busy := false
		h.Report(func(dst []byte) []byte { return append(dst, "an echo\n"...) })
		for waiting || h.NextCommand(&c) {
			if !waiting {
				ev = echoOf(&c, h, peer)
			}
			busy = true
			if waiting = !h.PutEvent(&ev); waiting {
				break
			}
			if c.Kind == node.CmdSend {
				h.Credit(c.Peer, api.Cost(len(c.Data)))
			}
		}
		if busy && !waiting || !h.Sleep() {
			continue
		}
		if loop.Wait(time.Time{}) != nil {
			return
		}
		h.Awake()
	}
}

func echoOf(c *node.Command, h *host, peer api.PeerHandle) api.Event {
	switch c.Kind {
	case node.CmdSend:
		return api.Event{Kind: api.EventMessage, Peer: c.Peer, Mode: c.How.Mode, Channel: c.How.Channel, Data: c.Data}
	case node.CmdConnect:
		h.PutEvent(&api.Event{Kind: api.EventServerConnected, Text: "echo"})
		h.PutEvent(&api.Event{Kind: api.EventMemberJoined, Peer: peer, Data: []byte("echo")})
		return api.Event{Kind: api.EventPeerConnected, Peer: peer, Route: api.RouteLAN}
	}
	return api.Event{Kind: api.EventLog, Peer: c.Peer, Data: c.Data, Text: "did " + c.Text}
}
