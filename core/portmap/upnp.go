package portmap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"
)

// ssdp is where UPnP devices listen for searches.
var ssdp = netip.MustParseAddrPort("239.255.255.250:1900")

// Errors of WANIPConnection's AddPortMapping, table 2-21.
const (
	upnpConflict      = "718" // the external port is taken
	upnpPermanentOnly = "725" // leases are not supported
)

// AskUPnP searches the local network for a router and asks it for a mapping. A second is usual: devices may wait that
// long before they answer a search.
func AskUPnP(ctx context.Context, in Inside) (*Mapping, error) {
	if !in.Local.Is4() {
		return nil, errors.New("UPnP: this machine's IPv4 address is not known")
	}
	places, err := search(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("UPnP: %w", err)
	}
	err = ErrNoAnswer
	for at := range places {
		var m *Mapping
		if m, err = mapAt(ctx, in, at); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("UPnP: %w", err)
}

// search sends M-SEARCH twice and yields the gateway's LOCATIONs, each once.
func search(ctx context.Context, in Inside) (func(yield func(location) bool), error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(in.Local, 0)))
	if err != nil {
		return nil, err
	}
	for range 2 {
		for _, target := range [...]string{"urn:schemas-upnp-org:device:InternetGatewayDevice:1", "urn:schemas-upnp-org:device:InternetGatewayDevice:2"} {
			text := "M-SEARCH * HTTP/1.1\r\nHOST: " + ssdp.String() + "\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " + target + "\r\n\r\n"
			if _, err = conn.WriteToUDPAddrPort([]byte(text), ssdp); err != nil {
				conn.Close()
				return nil, err
			}
		}
	}
	return func(yield func(location) bool) {
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
		seen := map[location]bool{}
		var buf [2048]byte
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf[:])
			if err != nil {
				return
			}
			at, ok := announced(string(buf[:n]), from.Addr().Unmap(), in.Gateway)
			if !ok || seen[at] || len(seen) == 8 {
				continue
			}
			seen[at] = true
			if !yield(at) {
				return
			}
		}
	}, nil
}

// announced reads a search's answer. The description must lie on the sender, and the sender be our gateway if that is
// known: anybody on the network can answer.
func announced(text string, from, gateway netip.Addr) (location, bool) {
	if gateway.IsValid() && from != gateway || !strings.HasPrefix(text, "HTTP/1.") {
		return location{}, false
	}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(name), "location") {
			at, err := parseLocation(strings.TrimSpace(value))
			return at, err == nil && at.host.Addr() == from
		}
	}
	return location{}, false
}

// mapAt does what the device at a place can.
func mapAt(ctx context.Context, in Inside, at location) (*Mapping, error) {
	status, page, err := call(ctx, in.Local, at, "", "")
	if err != nil || status != 200 {
		return nil, fmt.Errorf("description at %v: status %d, %w", at.host, status, orNil(err))
	}
	service, url, ok := control(string(page))
	if !ok {
		return nil, fmt.Errorf("the device at %v maps no ports", at.host)
	}
	ctl, err := at.resolve(url)
	if err != nil || ctl.host.Addr() != at.host.Addr() {
		return nil, fmt.Errorf("the device at %v names an unusable control URL", at.host)
	}
	d := device{in: in, at: ctl, service: service}
	return d.add(ctx)
}

var errStatus = errors.New("refused")

func orNil(err error) error {
	if err == nil {
		return errStatus
	}
	return err
}

// device is a router's mapping service.
type device struct {
	in      Inside
	at      location
	service string
}

func (d *device) do(ctx context.Context, action, body string) (page, fault string, err error) {
	status, b, err := call(ctx, d.in.Local, d.at, d.service+"#"+action, body)
	if err != nil {
		return "", "", fmt.Errorf("%s at %v: %w", action, d.at.host, err)
	}
	if status != 200 {
		fault, _, _ = element(string(b), "errorCode")
		return "", fault, fmt.Errorf("%s at %v: status %d, UPnP error %.20q", action, d.at.host, status, fault)
	}
	return string(b), "", nil
}

// add asks for the same port as inside first; other players' consoles and a second game on this machine may hold it.
func (d *device) add(ctx context.Context) (*Mapping, error) {
	page, _, err := d.do(ctx, "GetExternalIPAddress", soap(d.service, "GetExternalIPAddress"))
	if err != nil {
		return nil, err
	}
	address, ok := externalAddress(page)
	if !ok {
		return nil, fmt.Errorf("the device at %v tells no external address", d.at.host)
	}
	port, lifetime := d.in.Port, Lifetime
	for range 5 {
		_, fault, err := d.do(ctx, "AddPortMapping", addMapping(d.service, &d.in, port, lifetime))
		switch {
		case err == nil:
			return &Mapping{Protocol: "UPnP", External: netip.AddrPortFrom(address, port), Lifetime: lifetime,
				release: func(ctx context.Context) error {
					_, _, err := d.do(ctx, "DeletePortMapping", deleteMapping(d.service, port))
					return err
				}}, nil
		case fault == upnpPermanentOnly:
			lifetime = 0
		case fault == upnpConflict:
			port = uint16(1024 + rand.IntN(1<<16-1024))
		default:
			return nil, err
		}
	}
	return nil, fmt.Errorf("the device at %v has no free port near %d", d.at.host, d.in.Port)
}
