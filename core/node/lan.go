package node

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/lan"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Sockets of LAN play; the endpoint's own numbers count up from 0.
const (
	lanServer api.SocketID = 1<<31 + iota // takes links, and queries by address
	lanBeacon                             // takes queries to the group
	lanBrowse                             // sends queries
)

// lanGroup is where queries go on every interface, beside broadcast: some access points pass one, some the other. Local
// scope, RFC 2365.
var lanGroup = netip.MustParseAddr("239.255.77.83")

// lanRate is granted to each relay leg of a LAN server: a local network is fast, and only its own players use it.
var lanRate = wire.RelayRate{BitsPerSecond: 50_000_000, PacketsPerSecond: 20_000}

// lanPlay is what this client does in the local network: it may host, browse, and be on its way to a host.
type lanPlay struct {
	browser *lan.Browser
	asking  bool // the browser's socket is open
	joining string

	hub     *hub.Hub // nonnil: this client hosts
	host    *lan.Host
	data    []byte
	members int
	most    int
	pass    lan.Tag
}

// lanHost starts a server inside this client and makes a room on it.
func (o *owner) lanHost(c *Command) {
	p := &o.lan
	switch {
	case o.out.linkWanted || o.servers.running():
		o.roomRefused(api.NewError(api.ErrAlready, "hosting in the local network needs a client that is not connected to a server: disconnect first"))
		return
	case p.hub != nil:
		o.lanEnd()
	}
	at, key, err := o.lanOpen()
	if err != nil {
		o.lanEnd()
		o.lanRefused(api.ErrSocket, "can't host in the local network: "+err.Error())
		return
	}
	p.data, p.members, p.most = append(p.data[:0], c.Data...), 0, int(c.Value)
	if p.most == 0 {
		p.most = api.DefaultMembers
	}
	if err := o.engine.SetServer([]netip.AddrPort{at}, key); err != nil {
		o.lanEnd()
		o.lanRefused(codeOf(err), err.Error())
		return
	}
	o.link()
	o.roomRefused(o.engine.RoomOpen(o.now, &api.RoomOptions{Max: p.most, Data: p.data}))
}

// lanRefused ends a call that wanted a link and a room.
func (o *owner) lanRefused(code api.Code, text string) {
	o.tell(api.Event{Kind: api.EventRoomLeft, Code: code, Text: text})
	o.tell(api.Event{Kind: api.EventServerLost, Code: code, Text: text})
}

// lanOpen opens the sockets and makes the hub.
func (o *owner) lanOpen() (at netip.AddrPort, key secure.PublicKey, err error) {
	p := &o.lan
	bound, err := o.open(lanServer, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		return at, key, err
	}
	if err := o.loop.OpenShared(lanBeacon, wire.LANPort, lanGroup); err != nil {
		o.log(logWarn, "players can join by address only, they won't find this host: "+err.Error())
	} else {
		o.sockets = append(o.sockets, lanBeacon)
	}
	at = netip.AddrPortFrom(o.lanAddr(), bound.Port())
	var master [32]byte
	rand := o.cfg.Endpoint.Rand
	if _, err = rand.Read(master[:]); err != nil {
		return at, key, err
	}
	static := secure.PrivateKey(secure.Derive(master, "server static"))
	p.hub, err = hub.New(o.now, hub.Config{
		Rand: rand, Master: master, Static: static, Public: at, STUNPorts: []uint16{bound.Port()}, Region: 'L',
		OpenAuth: true, RelayRate: lanRate, MaxSessions: 2 * api.MaxRoomMembers,
		MaxRooms: 1, // the host's: whoever lacks its code gets nothing here, no room and so no relay
	})
	if err != nil {
		return at, key, err
	}
	session := secure.Derive(master, "lan session")
	p.host = lan.NewHost(o.now, wire.LANAnnouncement{
		Session: binary.BigEndian.Uint64(session[:]), Port: bound.Port(), Key: static.Public(), App: o.cfg.Endpoint.App,
	})
	return at, static.Public(), nil
}

// lanAddr is the address under which the other players of the network reach this machine.
func (o *owner) lanAddr() netip.Addr {
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, a := range o.local {
		if a.Is4() && (best.IsLoopback() || a.IsPrivate() && !best.IsPrivate()) {
			best = a
		}
	}
	return best
}

// lanEnd says goodbye to everybody on this client's server and closes it. The hub's last words leave at once.
func (o *owner) lanEnd() {
	p := &o.lan
	if p.hub != nil {
		p.hub.Shutdown(o.now)
		o.lanTransmit()
	}
	p.hub, p.host, p.pass = nil, nil, nil
	o.close(lanServer)
	o.close(lanBeacon)
}

// lanBrowse switches the search on or off.
func (o *owner) lanBrowse(on bool) {
	if on && !o.lanAsk() {
		return
	}
	if o.lan.browser != nil {
		o.lan.browser.Browse(o.now, on)
	}
}

// lanAsk opens the browser's socket.
func (o *owner) lanAsk() bool {
	p := &o.lan
	if p.browser == nil {
		p.browser = lan.NewBrowser(o.cfg.Endpoint.Rand, o.cfg.Endpoint.App)
	}
	if !p.asking {
		if _, err := o.open(lanBrowse, netip.AddrPortFrom(netip.IPv4Unspecified(), 0)); err != nil {
			o.log(logError, "can't look for players in the local network: "+err.Error())
			return false
		}
		p.asking = true
	}
	return true
}

// lanJoin finds the host at an address and joins its room, once it has proved that it knows the code.
func (o *owner) lanJoin(address, typed string) {
	code, ok := rendezvous.NormalCode(typed)
	to, err := lanTarget(address)
	switch {
	case o.out.linkWanted || o.servers.running():
		o.roomRefused(api.NewError(api.ErrAlready, "joining in the local network needs a client that is not connected to a server: disconnect first"))
	case !ok:
		o.lanRefused(api.ErrBadCode, fmt.Sprintf("%.20q is not a join code: a letter and 7 letters or digits", typed))
	case err != nil:
		o.lanRefused(api.ErrAddress, err.Error())
	case !o.lanAsk():
		o.lanRefused(api.ErrSocket, "the system refused to open a socket")
	default:
		o.lan.joining = code
		o.lan.browser.Join(o.now, to, secure.NewLANTagger(code).Tag)
	}
}

// lanTarget reads "192.168.1.5" or "192.168.1.5:40000".
func lanTarget(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a.Unmap(), wire.LANPort), nil
	}
	to, err := netip.ParseAddrPort(text)
	if err != nil || !to.Addr().Unmap().Is4() || to.Port() == 0 {
		return to, fmt.Errorf("%.60q is not an address in a local network: write 192.168.1.5, or 192.168.1.5:40000 as browsing shows it", text)
	}
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), nil
}

// lanDatagram takes what arrived on one of the sockets above.
func (o *owner) lanDatagram(id api.SocketID, from netip.AddrPort, b []byte) {
	p := &o.lan
	switch {
	case id == lanBrowse:
		if p.browser != nil {
			p.browser.HandleDatagram(o.now, from, b)
		}
	case p.hub == nil:
	case wire.IsLAN(b):
		if out, ok := p.host.AppendAnswer(o.now, from, b, o.loop.Room()); ok {
			_ = o.loop.Send(id, from, out, 0)
		}
	case id == lanServer:
		p.hub.HandleDatagram(o.now, 0, from, b)
		o.lanTransmit() // the hub may point into b
	}
}

// lanStep does what is due.
func (o *owner) lanStep() {
	p := &o.lan
	if p.hub != nil {
		if at := p.hub.NextTimeout(); deadline.Due(o.now, at) {
			p.hub.HandleTimeout(o.now)
		}
		for _, more := p.hub.NextEvent(); more; _, more = p.hub.NextEvent() { // an operator's news; the game gets its own
		}
		o.lanTransmit()
	}
	if p.browser == nil {
		return
	}
	if at := p.browser.NextTimeout(); deadline.Due(o.now, at) {
		p.browser.HandleTimeout(o.now)
	}
	for {
		out, to, everywhere, ok := p.browser.AppendTransmit(o.now, o.loop.Room())
		if !ok {
			break
		}
		if everywhere {
			o.loop.SendEverywhere(lanBrowse, lanGroup, wire.LANPort, out)
		} else {
			_ = o.loop.Send(lanBrowse, to, out, 0)
		}
	}
	for ev, ok := p.browser.NextEvent(); ok; ev, ok = p.browser.NextEvent() {
		o.lanNews(&ev)
	}
}

func (o *owner) lanTransmit() {
	for {
		out, tx, ok := o.lan.hub.AppendTransmit(o.now, o.loop.Room())
		if !ok {
			return
		}
		_ = o.loop.Send(lanServer, tx.To, out, 0) // what can't be sent is lost; netio counts it
	}
}

// lanNews passes on what the browser found, and goes on with a join.
func (o *owner) lanNews(ev *lan.Event) {
	switch ev.Kind {
	case lan.EventFound, lan.EventChanged:
		o.tell(api.Event{Kind: api.EventLANFound, Code: api.Code(ev.Max), Count: uint64(ev.Members), Data: ev.Data, Text: ev.Addr.String()})
	case lan.EventLost:
		o.tell(api.Event{Kind: api.EventLANLost, Text: ev.Addr.String()})
	case lan.EventFailed:
		o.lanRefused(ev.Code, ev.Text)
	case lan.EventReady:
		if err := o.engine.SetServer([]netip.AddrPort{ev.Addr}, ev.Key); err != nil {
			o.lanRefused(codeOf(err), err.Error())
			return
		}
		o.link()
		o.roomRefused(o.engine.RoomEnter(o.now, &api.JoinOptions{Code: o.lan.joining}))
	}
}

// lanRoom keeps what browsers are shown in step with the host's room.
func (o *owner) lanRoom(ev *api.Event) {
	p := &o.lan
	if p.hub == nil {
		return
	}
	switch ev.Kind {
	case api.EventRoomJoined:
		p.members = int(ev.Count)
		p.pass = secure.NewLANTagger(string(ev.Data)).Tag
	case api.EventMemberJoined:
		p.members++
	case api.EventMemberLeft:
		p.members--
	case api.EventRoomData:
		p.data = append(p.data[:0], ev.Data...)
	case api.EventRoomLeft, api.EventServerLost:
		p.pass = nil
	default:
		return
	}
	p.host.Show(uint8(min(max(p.members, 0), 255)), uint8(min(p.most, 255)), p.data, p.pass)
}

// lanDeadline is when lanStep has something to do.
func (o *owner) lanDeadline() (at time.Time) {
	if o.lan.hub != nil {
		at = o.lan.hub.NextTimeout()
	}
	if o.lan.browser != nil {
		at = deadline.Earlier(at, o.lan.browser.NextTimeout())
	}
	return at
}
