package node

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
)

func (o *owner) open(id api.SocketID, bind netip.AddrPort) (netip.AddrPort, error) {
	local, err := o.loop.Open(id, bind)
	if err == nil {
		o.sockets = append(o.sockets, id)
	}
	return local, err
}

// openMain opens the socket on which everything begins.
func (o *owner) openMain() (err error) {
	if o.main, err = o.open(o.mains.id, o.cfg.Bind); err != nil {
		return err
	}
	if o.cfg.Bind.Addr().IsUnspecified() && o.cfg.Bind.Addr().Is4() {
		o.twin = o.loop.OpenTwin(o.mains.id) == nil // without IPv6, or with the port taken there: IPv4 only
	}
	o.mapper.port = o.main.Port()
	return nil
}

func (o *owner) close(id api.SocketID) {
	o.loop.CloseSocket(id)
	if i := slices.Index(o.sockets, id); i >= 0 {
		o.sockets = slices.Delete(o.sockets, i, i+1)
	}
}

// socketOps opens and closes what the endpoint asks for. Datagrams that it wants to send on a new socket come after.
func (o *owner) socketOps() {
	for {
		op, ok := o.engine.NextSocketOp()
		if !ok {
			return
		}
		switch {
		case !op.Open:
			if !o.hangUp(op.ID) {
				o.close(op.ID)
			}
			continue
		case op.Stream.IsValid():
			o.dial(op)
			continue
		}
		local, err := o.open(op.ID, netip.AddrPortFrom(o.cfg.Bind.Addr(), 0))
		if err != nil {
			o.engine.SocketFailed(o.now, op.ID, err.Error())
			continue
		}
		o.engine.SocketOpened(o.now, op.ID, local)
	}
}

// setLocal tells the endpoint under which addresses this machine can be reached: all of its interfaces', or the one
// that it was told to bind.
func (o *owner) setLocal(now time.Time) {
	if bound := o.cfg.Bind.Addr(); !bound.IsUnspecified() {
		o.local = []netip.Addr{bound}
		o.engine.SetLocal(now, o.main, o.local)
		return
	}
	all, err := netio.LocalAddrs()
	if err != nil {
		o.log(logWarn, "players on the same network may not find each other directly: "+err.Error())
	}
	usable := all[:0]
	for _, a := range all {
		if o.twin || o.servers.family(a) {
			usable = append(usable, a)
		}
	}
	o.local = usable
	o.engine.SetLocal(now, o.main, usable)
}
