//go:build cgo

package main

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
)

// roomCommand reads the commands of rooms.c. c has the head's values and the whole payload as Data; layout.h says how they lie.
func roomCommand(c *node.Command, head *command) {
	low, high, data := uint32(head.value), uint32(head.value>>32), c.Data
	q := api.Request{Peer: c.Peer}
	switch head.kind {
	case cmdRoomCreateWith:
		c.Value, c.Flags, c.Password, c.Data = uint64(low), api.RoomFlags(uint32(head.code)), data[:high], data[high:]
	case cmdRoomJoinWith:
		c.Text, c.Password, c.Data = cut(string(data[:low]), int(low)), data[low:low+high], data[low+high:]
	case cmdRoomConfigure:
		q.Kind, q.Set, q.Clear, q.Max = api.RequestConfigure, api.RoomFlags(low), api.RoomFlags(high), uint8(head.code)
	case cmdRoomSetOwner:
		q.Kind = api.RequestSetOwner
	case cmdRoomKick:
		q.Kind, q.Yes, q.Text = api.RequestKick, head.value != 0, cut(string(data), len(data))
	case cmdRoomAdmit:
		q.Kind, q.ID, q.Yes, q.Text = api.RequestAdmit, head.value, head.code != 0, cut(string(data), len(data))
	case cmdRoomList:
		q.Kind, q.Max, q.Data, q.After = api.RequestList, uint8(head.code), data[:low], data[low:]
	case cmdUserQuery:
		q.Kind, q.User = api.RequestUser, cut(string(data[:low]), int(low))
	case cmdUserInvite:
		q.Kind, q.User, q.Data = api.RequestInvite, cut(string(data[:low]), int(low)), data[low:]
	}
	c.Request = q
}
