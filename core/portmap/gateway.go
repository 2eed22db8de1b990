package portmap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// resendAfter is when a request to the gateway is repeated; it is one hop away, so an answer takes a few milliseconds.
var resendAfter = [...]time.Duration{40 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// AskGateway asks for a mapping by PCP, or by NAT-PMP if that is what the gateway speaks. A gateway that answers
// nothing costs the context's time: 250 ms is plenty.
func AskGateway(ctx context.Context, in Inside) (*Mapping, error) {
	g, err := dialGateway(ctx, in)
	if err != nil {
		return nil, err
	}
	defer g.conn.Close()
	m, err := g.askPCP(ctx, Lifetime)
	if errors.Is(err, errOldGateway) {
		return g.askPMP(ctx)
	}
	return m, err
}

// errOldGateway: the gateway speaks NAT-PMP only (RFC 6887, 9).
var errOldGateway = errors.New("the gateway does not speak PCP")

// gateway is a socket to one router's port 5351.
type gateway struct {
	in   Inside
	conn net.Conn
	buf  [1100]byte // the largest PCP packet; RFC 6887, 7
}

func dialGateway(ctx context.Context, in Inside) (*gateway, error) {
	if !in.Gateway.IsValid() || !in.Local.IsValid() {
		return nil, errors.New("the gateway is not known")
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(in.Local, 0))}
	conn, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(in.Gateway, gatewayPort).String())
	if err != nil {
		return nil, fmt.Errorf("ask the gateway %v for a port: %w", in.Gateway, err)
	}
	return &gateway{in: in, conn: conn}, nil
}

// exchange sends request, again as scheduled, until take says that an answer was the one.
func (g *gateway) exchange(ctx context.Context, request []byte, take func(b []byte) bool) error {
	stop := context.AfterFunc(ctx, func() { g.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for round := 0; ctx.Err() == nil; round++ {
		if _, err := g.conn.Write(request); err != nil {
			return fmt.Errorf("gateway %v: %w", g.in.Gateway, err)
		}
		wait := resendAfter[min(round, len(resendAfter)-1)]
		g.conn.SetReadDeadline(time.Now().Add(wait))
		for ctx.Err() == nil {
			n, err := g.conn.Read(g.buf[:])
			if err == nil && take(g.buf[:n]) {
				return nil
			}
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				break
			}
			if err != nil { // ICMP: nothing listens there
				return fmt.Errorf("gateway %v: %w", g.in.Gateway, ErrNoAnswer)
			}
		}
	}
	return fmt.Errorf("gateway %v: %w", g.in.Gateway, ErrNoAnswer)
}

func (g *gateway) askPCP(ctx context.Context, lifetime time.Duration) (*Mapping, error) {
	var got answer
	err := g.exchange(ctx, appendPCP(nil, &g.in, lifetime, netip.AddrPort{}), func(b []byte) (ok bool) {
		got, ok = parsePCP(b, &g.in)
		return ok
	})
	switch {
	case err != nil:
		return nil, err
	case got.version != pcpVersion || got.result == unsupportedVersion:
		return nil, errOldGateway
	case got.result != 0:
		return nil, fmt.Errorf("the gateway %v refused a port by PCP: result %d", g.in.Gateway, got.result)
	}
	in := g.in
	return &Mapping{Protocol: "PCP", External: got.external, Lifetime: got.lifetime, release: func(ctx context.Context) error {
		g, err := dialGateway(ctx, in)
		if err != nil {
			return err
		}
		defer g.conn.Close()
		_, err = g.askPCP(ctx, 0)
		return err
	}}, nil
}

func (g *gateway) askPMP(ctx context.Context) (*Mapping, error) {
	address, err := g.pmp(ctx, appendPMPAddress(nil), true)
	if err != nil {
		return nil, err
	}
	port, err := g.pmp(ctx, appendPMP(nil, g.in.Port, g.in.Port, Lifetime), false)
	if err != nil {
		return nil, err
	}
	in := g.in
	return &Mapping{
		Protocol: "NAT-PMP", Lifetime: port.lifetime,
		External: netip.AddrPortFrom(address.external.Addr(), port.external.Port()),
		release: func(ctx context.Context) error {
			g, err := dialGateway(ctx, in)
			if err != nil {
				return err
			}
			defer g.conn.Close()
			_, err = g.pmp(ctx, appendPMP(nil, in.Port, 0, 0), false)
			return err
		},
	}, nil
}

func (g *gateway) pmp(ctx context.Context, request []byte, address bool) (got answer, err error) {
	err = g.exchange(ctx, request, func(b []byte) (ok bool) {
		got, ok = parsePMP(b, &g.in)
		return ok && got.address == address
	})
	if err == nil && got.result != 0 {
		err = fmt.Errorf("the gateway %v refused a port by NAT-PMP: result %d", g.in.Gateway, got.result)
	}
	return got, err
}
