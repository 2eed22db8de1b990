//go:build cgo

package main

import (
	"bytes"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
)

// headEvery is how many cells are taken before senders learn that they are free: telling costs a locked instruction.
const headEvery = 64

// Kinds of commands in the ring, in the order of layout.h.
const (
	cmdPad = iota + 1
	cmdSend
	cmdConnect
	cmdDisconnect
	cmdRoomCreate
	cmdRoomJoin
	cmdRoomLeave
	cmdRoomSetData
	cmdPeerConnect
	cmdPeerAccept
	cmdPeerReject
	cmdPeerClose
	cmdPeerPunch
	cmdNetworkChanged
	cmdSimulate
	cmdLANHost
	cmdLANBrowse
	cmdLANJoin
	cmdSuspend
	cmdResume
	cmdRoomCreateWith
	cmdRoomJoinWith
	cmdRoomConfigure
	cmdRoomSetOwner
	cmdRoomKick
	cmdRoomAdmit
	cmdRoomList
	cmdUserQuery
	cmdUserInvite
)

const (
	cmdSetToken       = 40
	cmdSetCertificate = 41
	cmdCount          = 42
)

// nodeKind translates.
var nodeKind = [cmdCount]node.CommandKind{
	cmdSend: node.CmdSend, cmdConnect: node.CmdConnect, cmdDisconnect: node.CmdDisconnect,
	cmdRoomCreate: node.CmdRoomCreate, cmdRoomJoin: node.CmdRoomJoin, cmdRoomLeave: node.CmdRoomLeave,
	cmdRoomSetData: node.CmdRoomSetData, cmdPeerConnect: node.CmdPeerConnect, cmdPeerAccept: node.CmdPeerAccept,
	cmdPeerReject: node.CmdPeerReject, cmdPeerClose: node.CmdPeerClose, cmdPeerPunch: node.CmdPeerPunch,
	cmdNetworkChanged: node.CmdNetworkChanged, cmdSimulate: node.CmdSimulate, cmdLANHost: node.CmdLANHost, cmdLANBrowse: node.CmdLANBrowse,
	cmdLANJoin: node.CmdLANJoin,
	cmdSuspend: node.CmdSuspend, cmdResume: node.CmdResume, cmdSetToken: node.CmdSetToken, cmdSetCertificate: node.CmdSetCertificate,
	cmdRoomCreateWith: node.CmdRoomCreate, cmdRoomJoinWith: node.CmdRoomJoin,
	cmdRoomConfigure: node.CmdRequest, cmdRoomSetOwner: node.CmdRequest, cmdRoomKick: node.CmdRequest, cmdRoomAdmit: node.CmdRequest,
	cmdRoomList: node.CmdRequest, cmdUserQuery: node.CmdRequest, cmdUserInvite: node.CmdRequest,
}

// NextCommand fills c with the next command. Its Data lies in the ring, or in a block that the sender allocated, until the
// next call.
func (h *host) NextCommand(c *node.Command) bool {
	head := h.take()
	if head == nil {
		h.publishHead()
		h.unblock()
		return false
	}
	data := h.data(head)
	c.Kind = nodeKind[head.kind]
	c.Peer = api.PeerHandle(head.peer)
	c.Code = head.code
	c.Value = head.value
	c.Text, c.Data, c.Flags, c.Password = "", data, 0, nil
	switch head.kind {
	case cmdSend:
		how := uint32(head.code)
		c.How = api.Outgoing{
			Mode: api.Mode(head.mode), Channel: head.channel, ID: head.value,
			Priority: api.Priority(how / sendPriorityUnit % api.PriorityCount), Deadline: uint16(how >> sendDeadlineShift),
		}
	case cmdLANJoin: // code, zero, address
		code, address, _ := bytes.Cut(data, []byte{0})
		c.Text, c.Data = string(code), address
	case cmdRoomJoin, cmdPeerReject, cmdPeerClose:
		c.Text, c.Data = cut(string(data), len(data)), nil
	case cmdSimulate:
		c.Simulation, c.Data = simulationOf(data), nil
	default:
		roomCommand(c, head)
	}
	return true
}

// take gives the cells of the command before back and returns the next committed command, or nil.
func (h *host) take() *command {
	h.release()
	for h.committed() {
		c := h.at(h.next)
		h.next += uint64(c.cells)
		if c.kind != cmdPad {
			if c.flags&commandBlock != 0 {
				h.block = *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(c), commandHead))
			}
			return c
		}
	}
	return nil
}

// release ends the loan of the last command's data.
func (h *host) release() {
	if h.block != nil {
		h.freeBlock(h.block)
		h.block = nil
	}
	if h.next-h.freed >= headEvery {
		h.publishHead()
	}
}

// publishHead gives the cells of every command that was taken back to the senders. The last one's data must not be in use.
func (h *host) publishHead() {
	if h.freed != h.next {
		h.freed = h.next
		h.s.head.Store(h.next)
	}
}

// committed reports whether the cell at the next position begins a complete command.
func (h *host) committed() bool {
	n := uint64(len(h.seqs))
	return h.seqs[h.next&(n-1)].Load() == h.next/n+1
}

func (h *host) at(position uint64) *command {
	n := uint64(len(h.seqs))
	return (*command)(unsafe.Pointer(&h.cells[position&(n-1)*cellSize]))
}

func (h *host) data(c *command) []byte {
	switch {
	case c.size == 0:
		return nil
	case h.block != nil:
		return unsafe.Slice((*byte)(h.block), c.size)
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(c), commandHead)), c.size)
}
