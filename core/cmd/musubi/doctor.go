package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/portmap"
	"github.com/musubi-p2p/musubi/core/secure"
)

// doctorCommand answers "why can't we connect?" from a player's machine.
type doctorCommand struct {
	Server string `arg:"" optional:"" help:"The server's address, musubi://host/#key, as it prints it at start. Without it only this network is looked at."`
	Token  string `help:"Access token, where the server wants one: of the game's backend, or of musubi token mint; - for stdin." placeholder:"TOKEN" env:"MUSUBI_TOKEN"`
	JSON   bool   `name:"json" help:"Print one JSON object instead of text."`
}

// diagnosis is what the doctor found; the JSON output is this. Milliseconds are floats, absent where nothing was measured.
type diagnosis struct {
	Server      string      `json:"server,omitempty"`
	Addresses   []string    `json:"local_addresses"`
	IPv6        bool        `json:"ipv6"`
	Ports       []portCheck `json:"ports,omitempty"`
	TCP         string      `json:"tcp,omitempty"` // "ok", or why the server can't be reached by TCP, which is for networks without UDP
	TCPMillis   float64     `json:"tcp_ms,omitempty"`
	LinkMillis  float64     `json:"link_ms,omitempty"`
	LinkError   string      `json:"link_error,omitempty"`
	Mapping     string      `json:"mapping,omitempty"`
	Filtering   string      `json:"filtering,omitempty"`
	Public      string      `json:"public_address,omitempty"`
	NAT         string      `json:"nat,omitempty"` // one line
	Hairpin     string      `json:"hairpin,omitempty"`
	PortMapping string      `json:"port_mapping"`
	Relay       string      `json:"relay"` // "ok" or what is wrong; empty: not tried
	RelayMillis float64     `json:"relay_first_message_ms,omitempty"`
	Verdict     string      `json:"verdict"`
	Advice      []string    `json:"advice,omitempty"`
	Healthy     bool        `json:"healthy"`

	token    []byte   // what the clients show, in the app that it is for
	refused  api.Code // the server's reason, if it did not let the client in
	servers  []serverHost
	observed netip.AddrPort
	mapping  api.Behaviour
	filter   api.Behaviour
	mapped   bool
	doubled  bool // the router's outer address is not the one that the world sees
}

// serverHost is a server's name, as in its address, and where it is.
type serverHost struct {
	name string
	addr netip.Addr
}

// portCheck is one UDP port of the server, asked by a STUN request.
type portCheck struct {
	Address  string  `json:"address"`
	Answered bool    `json:"answered"`
	Millis   float64 `json:"rtt_ms,omitempty"`
	Mapped   string  `json:"mapped,omitempty"`
}

var errUnwell = errors.New("players on this network will have trouble connecting (see the verdict above)")

// Run looks at everything, then prints. The exit code is 1 if no connection would come about.
func (c *doctorCommand) Run(std streams) error {
	d := &diagnosis{Server: c.Server}
	say := func(format string, args ...any) {
		if !c.JSON {
			fmt.Fprintf(std.out, format+"\n", args...)
		}
	}
	var server secure.ServerAddress
	if c.Server != "" {
		var err error
		if server, err = secure.ParseServerAddress(c.Server); err != nil {
			return err
		}
		if !server.HasKey {
			return fmt.Errorf("server address %q has no key: copy the whole line that `musubi server` prints, with the part after #", c.Server)
		}
	}
	d.token = readToken(c.Token)
	say("Looking at this network; it takes a few seconds.")
	d.lookInside()
	if c.Server != "" {
		d.askPorts(server.Hosts)
		d.tryTCP(server)
		d.joinServer(server)
		d.tryHairpin()
	}
	d.askRouter()
	d.conclude()
	if c.JSON {
		e := json.NewEncoder(std.out)
		e.SetEscapeHTML(false)
		if err := e.Encode(d); err != nil {
			return err
		}
	} else {
		d.print(std.out)
	}
	if !d.Healthy {
		return errUnwell
	}
	return nil
}

// lookInside lists this machine's own addresses.
func (d *diagnosis) lookInside() {
	all, _ := netio.LocalAddrs()
	d.Addresses = []string{}
	for _, a := range all {
		d.Addresses = append(d.Addresses, a.String())
		d.IPv6 = d.IPv6 || a.Is6() && !a.IsPrivate()
	}
}

// askRouter tries port mapping where it could help, and takes the port back at once.
func (d *diagnosis) askRouter() {
	if seen := d.observed.Addr(); d.Server != "" && (!seen.Is4() || seen.IsPrivate() || seen.IsLoopback()) {
		d.PortMapping = "not tried: the server sees this machine at a private address"
		return
	}
	socket, err := net.ListenUDP("udp4", nil)
	if err != nil {
		d.PortMapping = "not tried: " + err.Error()
		return
	}
	defer socket.Close()
	in, err := portmap.Gateway()
	if err != nil {
		d.PortMapping = "not tried: " + err.Error()
		return
	}
	in.Port = uint16(socket.LocalAddr().(*net.UDPAddr).Port)
	copy(in.Nonce[:], fmt.Sprint(time.Now().UnixNano()))
	var refused []string
	for _, way := range []struct {
		ask   func(context.Context, portmap.Inside) (*portmap.Mapping, error)
		limit time.Duration
	}{{portmap.AskGateway, 500 * time.Millisecond}, {portmap.AskUPnP, 3 * time.Second}} {
		ctx, cancel := context.WithTimeout(context.Background(), way.limit)
		m, err := way.ask(ctx, in)
		cancel()
		if err != nil {
			refused = append(refused, err.Error())
			continue
		}
		d.PortMapping = fmt.Sprintf("the router forwards a port by %s (%v)", m.Protocol, m.External)
		d.doubled = d.observed.IsValid() && m.External.Addr() != d.observed.Addr()
		d.mapped = !d.doubled
		if d.doubled {
			d.PortMapping += fmt.Sprintf(", but the server sees %v: there is a second NAT behind it", d.observed.Addr())
		}
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		_ = m.Release(ctx) // a mapping that stays runs out by itself
		cancel()
		return
	}
	d.PortMapping = "none: " + strings.Join(refused, "; ")
}
