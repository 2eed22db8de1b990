package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/token"
)

const (
	stunTries    = 3
	stunWait     = 400 * time.Millisecond
	linkLimit    = 8 * time.Second
	profileLimit = 4 * time.Second
	relayLimit   = 5 * time.Second
)

// askPorts sends a STUN request to the server's main port and the two behind it, where they are unless the operator
// chose others.
func (d *diagnosis) askPorts(hosts []string) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for _, host := range hosts {
		name, portText, err := net.SplitHostPort(host)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), linkLimit)
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
		cancel()
		if err != nil || len(addrs) == 0 {
			d.Ports = append(d.Ports, portCheck{Address: host + " (no IPv4 address found)"})
			continue
		}
		first, _ := strconv.Atoi(portText)
		d.servers = append(d.servers, serverHost{name, addrs[0].Unmap()})
		for port := first; port <= min(first+2, 65535); port++ {
			to := netip.AddrPortFrom(addrs[0].Unmap(), uint16(port))
			check := portCheck{Address: to.String()}
			if mapped, rtt, ok := askSTUN(conn, to); ok {
				check.Answered, check.Millis, check.Mapped = true, millis(rtt), mapped.String()
			}
			d.Ports = append(d.Ports, check)
		}
	}
}

// tryTCP opens what players need whose network blocks UDP: on the first server that was found.
func (d *diagnosis) tryTCP(server secure.ServerAddress) {
	if len(d.servers) == 0 {
		return
	}
	host := d.servers[0]
	dial := netio.StreamDial{To: netip.AddrPortFrom(host.addr, cmp.Or(server.WS, server.TLS)), Plain: server.WS != 0}
	if _, err := netip.ParseAddr(host.name); err != nil {
		dial.Name = host.name
	}
	begun := time.Now()
	if err := netio.TryStream(dial); err != nil {
		d.TCP = err.Error()
		return
	}
	d.TCP, d.TCPMillis = "ok", millis(time.Since(begun))
}

func millis(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }

// askSTUN does one Binding transaction.
func askSTUN(conn *net.UDPConn, to netip.AddrPort) (mapped netip.AddrPort, rtt time.Duration, ok bool) {
	for range stunTries {
		var q stun.Request
		rand.Read(q.ID[:])
		begun := time.Now()
		if _, err := conn.WriteToUDPAddrPort(stun.AppendRequest(nil, &q), to); err != nil {
			return mapped, 0, false
		}
		conn.SetReadDeadline(begun.Add(stunWait))
		var b [1500]byte
		for {
			n, _, err := conn.ReadFromUDPAddrPort(b[:])
			if err != nil {
				break
			}
			if r, ok := stun.ParseResponse(b[:n]); ok && r.ID == q.ID && r.Mapped.IsValid() {
				return r.Mapped, time.Since(begun), true
			}
		}
	}
	return mapped, 0, false
}

// tryHairpin sends from one socket of ours to another's public address.
func (d *diagnosis) tryHairpin() {
	i := slices.IndexFunc(d.Ports, func(p portCheck) bool { return p.Answered })
	if i < 0 {
		return
	}
	server, err := netip.ParseAddrPort(d.Ports[i].Address)
	if err != nil {
		return
	}
	inside, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return
	}
	defer inside.Close()
	outside, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return
	}
	defer outside.Close()
	mapped, _, ok := askSTUN(inside, server)
	if !ok {
		return
	}
	if slices.Contains(d.Addresses, mapped.Addr().String()) || mapped.Addr().IsLoopback() {
		d.Hairpin = "not needed: no address translation"
		return
	}
	word := rand.Text()
	d.Hairpin = "no"
	for range stunTries {
		outside.WriteToUDPAddrPort([]byte(word), mapped)
		inside.SetReadDeadline(time.Now().Add(stunWait / 2))
		var b [64]byte
		if n, _, err := inside.ReadFromUDPAddrPort(b[:]); err == nil && string(b[:n]) == word {
			d.Hairpin = "yes"
			return
		}
	}
}

// patient is one client of the doctor's.
type patient struct {
	host *node.QueueHost
	seen []api.Event
}

// newPatient is in an app of its own; one with a token has to be in the token's.
func newPatient(server secure.ServerAddress, access []byte) (*patient, error) {
	cfg := node.Config{NoPortMapping: true, Endpoint: endpoint.Config{App: "musubi-doctor", Token: access}}
	var claims struct{ App string }
	if _, text, ok := token.Parts(access); ok && json.Unmarshal(text, &claims) == nil && claims.App != "" {
		cfg.Endpoint.App = claims.App
	}
	cfg.SetServer(server)
	h, err := node.Start(cfg)
	if err != nil {
		return nil, err
	}
	return &patient{host: h}, nil
}

// wait takes events until one of the wanted kinds comes.
func (p *patient) wait(limit time.Duration, kinds ...api.EventKind) (api.Event, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case ev := <-p.host.Events():
			p.seen = append(p.seen, ev)
			if slices.Contains(kinds, ev.Kind) {
				return ev, true
			}
		case <-p.host.Ended():
			return api.Event{}, false
		case <-timer.C:
			return api.Event{}, false
		}
	}
}

// joinServer links a first client, reads its profile, and has a second one meet it: their first message goes over the
// relay, as every pair's does.
func (d *diagnosis) joinServer(server secure.ServerAddress) {
	a, err := newPatient(server, d.token)
	if err != nil {
		d.LinkError = err.Error()
		return
	}
	defer a.host.Close()
	begun := time.Now()
	a.host.Do(node.Command{Kind: node.CmdConnect})
	switch ev, ok := a.wait(linkLimit, api.EventServerConnected, api.EventServerLost, api.EventFailed); {
	case !ok:
		d.LinkError = fmt.Sprintf("the server did not answer within %v", linkLimit)
		return
	case ev.Kind != api.EventServerConnected:
		d.LinkError, d.refused = ev.Text, ev.Code
		return
	}
	d.LinkMillis = millis(time.Since(begun))
	if ev, ok := a.wait(profileLimit, api.EventNATProfiled); ok {
		d.mapping, d.filter, d.NAT = ev.NAT.Mapping, ev.NAT.Filtering, ev.Text
		d.Mapping, d.Filtering, d.Public = d.mapping.String(), d.filter.String(), ev.NAT.Public
		d.observed, _ = netip.ParseAddrPort(ev.NAT.Public)
	}
	d.Relay = d.tryRelay(a, server)
}

func (d *diagnosis) tryRelay(a *patient, server secure.ServerAddress) string {
	b, err := newPatient(server, d.token)
	if err != nil {
		return err.Error()
	}
	defer b.host.Close()
	a.host.Do(node.Command{Kind: node.CmdRoomCreate, Value: 2})
	joined, ok := a.wait(relayLimit, api.EventRoomJoined, api.EventRoomLeft)
	if !ok || joined.Kind != api.EventRoomJoined {
		return "no room could be made: " + joined.Text
	}
	b.host.Do(node.Command{Kind: node.CmdConnect})
	b.wait(linkLimit, api.EventServerConnected)
	b.host.Do(node.Command{Kind: node.CmdRoomJoin, Text: string(joined.Data)})
	peer, ok := b.wait(relayLimit, api.EventPeerConnected, api.EventPeerClosed, api.EventRoomLeft)
	if !ok || peer.Kind != api.EventPeerConnected {
		return "two clients of this machine did not meet: " + peer.Text
	}
	begun := time.Now()
	b.host.Do(node.Command{Kind: node.CmdSend, Peer: peer.Peer, How: api.Outgoing{Mode: api.ReliableOrdered}, Data: []byte("doctor")})
	if _, ok := a.wait(relayLimit, api.EventMessage); !ok {
		return "no message came through"
	}
	d.RelayMillis = millis(time.Since(begun))
	return "ok"
}
