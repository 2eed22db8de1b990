package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// takeCommands runs at most limit commands and reports whether there were any. A send that finds no budget is held, and
// everything behind it waits in the host: an accepted message is never dropped, and order is kept.
func (o *owner) takeCommands(limit int) bool {
	if o.held {
		o.held = !o.send(&o.command) // its Data is still borrowed: the next command was not asked for
		if o.held {
			return false
		}
	}
	for n := range limit {
		if !o.host.NextCommand(&o.command) {
			return n > 0
		}
		if o.apply(&o.command); o.held {
			return n > 0
		}
	}
	return true
}

// apply runs one command. The caller is long gone, so a refusal becomes an event: the one that ends what was asked for,
// or a log line when nothing ends by it.
func (o *owner) apply(c *Command) {
	now, e := o.now, o.engine
	switch c.Kind {
	case CmdSend:
		o.held = !o.send(c)
	case CmdConnect:
		o.connect()
	case CmdDisconnect:
		o.disconnect()
	case CmdRoomCreate:
		if !o.deferred(c) {
			o.roomRefused(e.RoomOpen(now, &api.RoomOptions{Max: int(min(c.Value, 1<<16)), Flags: c.Flags, Data: c.Data, Password: c.Password}))
		}
	case CmdRoomJoin:
		if !o.deferred(c) {
			o.roomRefused(e.RoomEnter(now, &api.JoinOptions{Code: c.Text, Data: c.Data, Password: c.Password}))
		}
	case CmdRoomLeave:
		if !o.deferred(c) {
			o.refused("leave the room", e.RoomLeave(now))
		}
	case CmdRoomSetData:
		if !o.deferred(c) {
			q := api.Request{Kind: api.RequestSetData, Version: uint32(c.Value), Data: c.Data}
			o.requestRefused(&q, e.Request(now, &q))
		}
	case CmdRequest:
		if !o.deferred(c) {
			o.requestRefused(&c.Request, e.Request(now, &c.Request))
		}
	case CmdPeerConnect:
		o.peerRefused(c.Peer, e.PeerConnect(now, c.Peer, c.Data))
	case CmdPeerAccept:
		o.refused("accept a request", e.PeerAccept(now, c.Peer))
	case CmdPeerReject:
		o.refused("reject a request", e.PeerReject(now, c.Peer, c.Text))
	case CmdPeerClose:
		o.refused("close a connection", e.PeerClose(now, c.Peer, c.Code, c.Text))
	case CmdPeerPunch:
		if err := e.PeerPunch(now, c.Peer); err != nil {
			o.tell(api.Event{Kind: api.EventPunch, Peer: c.Peer, Code: codeOf(err), Text: err.Error()})
		}
	case CmdSimulate:
		o.simulate(c.Simulation)
	case CmdLANHost:
		o.lanHost(c)
	case CmdLANBrowse:
		o.lanBrowse(c.Value != 0)
	case CmdLANJoin:
		o.lanJoin(string(c.Data), c.Text)
	case CmdSuspend:
		e.Suspend(now, time.Duration(min(c.Value, api.MaxSuspend))*time.Millisecond)
	case CmdResume:
		o.setLocal(now)
		e.Resume(now)
	case CmdSetToken:
		if err := e.SetToken(now, c.Data); err != nil {
			o.tell(api.Event{Kind: api.EventTokenSet, Code: codeOf(err), Text: err.Error()})
		}
	case CmdSetCertificate:
		if err := e.SetCertificate(now, c.Data); err != nil {
			o.log(logError, "the identity certificate was refused: "+err.Error())
		}
	case CmdNetworkChanged:
		if o.network.told.Equal(now) {
			break // once a step, however often it is said: interfaces are listed, a socket is opened
		}
		o.network.told = now
		o.networkChanged()
	}
}

// send hands a message over; false: there is no budget for it yet. Its budget was taken when the game called; what can
// never be sent gives it back.
func (o *owner) send(c *Command) (done bool) {
	err := o.engine.Send(o.now, c.Peer, c.How, c.Data)
	if err == nil {
		return true
	}
	code := codeOf(err)
	if code == api.ErrWouldBlock {
		return false
	}
	o.host.Credit(c.Peer, api.Cost(len(c.Data)))
	if code != api.ErrPeer && code != api.ErrNotConnected && code != api.ErrClosed {
		o.log(logError, fmt.Sprintf("a message of %d bytes was not sent: %v", len(c.Data), err))
	} // else the connection ended while the message was on its way here; the game has, or gets, PEER_CLOSED
	return true
}

// roomRefused tells that a room was not entered. ErrAlready ends nothing: the client stays where it is.
func (o *owner) roomRefused(err error) {
	switch {
	case err == nil:
	case codeOf(err) == api.ErrAlready:
		o.refused("enter another room", err)
	default:
		o.tell(api.Event{Kind: api.EventRoomLeft, Code: codeOf(err), Text: err.Error()})
	}
}

// requestRefused tells that something was not even asked of the server.
func (o *owner) requestRefused(q *api.Request, err error) {
	switch {
	case err == nil:
	case q.Kind == api.RequestInvite:
		o.tell(api.Event{Kind: api.EventInviteResult, Code: codeOf(err), Text: err.Error(), Data: []byte(q.User)})
	default:
		o.tell(api.Event{Kind: api.EventRequestFailed, Count: uint64(q.Kind), Peer: q.Peer, Code: codeOf(err), Text: err.Error(), Data: []byte(q.User)})
	}
}

// peerRefused tells that a connection did not come about.
func (o *owner) peerRefused(h api.PeerHandle, err error) {
	switch {
	case err == nil:
	case codeOf(err) == api.ErrAlready:
		o.refused("connect", err)
	default:
		o.tell(api.Event{Kind: api.EventPeerClosed, Peer: h, Code: codeOf(err), Text: err.Error()})
	}
}

func (o *owner) refused(what string, err error) {
	if err != nil {
		o.log(logWarn, "could not "+what+": "+err.Error())
	}
}

// codeOf finds the number in an error; our own without one are bugs, and FAILED is what they mean to the game.
func codeOf(err error) api.Code {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return api.ErrFailed
}
