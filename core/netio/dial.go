package netio

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/websocket"
)

// dialLimit bounds a dial from the first packet to the WebSocket: six round trips of a second and a lost packet.
const dialLimit = 10 * time.Second

// StreamDial says where a stream leads.
type StreamDial struct {
	From  netip.Addr // our own, if it is to be a certain one
	To    netip.AddrPort
	Name  string // the host as the game knows it, for SNI and Host; empty: none but the address
	Plain bool   // without TLS
}

// Dial opens a stream in a goroutine of its own; news tells how that went, also after an abort. One at a time.
func (s *Streams) Dial(id api.SocketID, d StreamDial) (abort func()) {
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	pending := &stream{id: id}
	s.in.mu.Lock()
	s.in.dial = cancel
	s.in.mu.Unlock()
	s.in.running.Add(1)
	failed := func(text string) { s.in.leave(pending, text) }
	s.spawn(func() {
		defer s.in.running.Done()
		defer cancel()
		conn, early, err := dial(ctx, d)
		if err != nil {
			failed(err.Error())
			return
		}
		st := newStream(id, conn, true)
		s.run(st, d.To, early)
	}, failed)
	return cancel
}

// TryStream opens a stream and closes it: can this machine reach a server so?
func TryStream(d StreamDial) error {
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	conn, _, err := dial(ctx, d)
	if err == nil {
		conn.Close()
	}
	return err
}

// dial connects, and speaks until datagrams can follow.
func dial(ctx context.Context, d StreamDial) (conn net.Conn, early []byte, err error) {
	var dialer net.Dialer
	if d.From.IsValid() && !d.From.IsUnspecified() {
		dialer.LocalAddr = &net.TCPAddr{IP: d.From.AsSlice()}
	}
	raw, err := dialer.DialContext(ctx, "tcp", d.To.String())
	if err != nil {
		return nil, nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		raw.SetDeadline(end)
	}
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn = raw
	if !d.Plain {
		secured := tls.Client(raw, clientTLS(d))
		if err := secured.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, nil, fmt.Errorf("TLS with %v: %w", d.To, err)
		}
		conn = secured
	}
	if early, err = greet(conn, d); err != nil {
		raw.Close()
		return nil, nil, err
	}
	raw.SetDeadline(time.Time{})
	return conn, early, nil
}

// clientTLS does not verify the certificate, and that is sound: what proves the server is the X25519 key in its address,
// in the Noise handshake inside the stream, and all that is sent in it is sealed already. TLS is here to get through
// firewalls; whoever breaks it open sees what he would see of UDP. So a server can make its own certificate, and the
// system's trust store, which games' machines often have wrong, is not needed.
func clientTLS(d StreamDial) *tls.Config {
	name := d.Name
	if name == "" {
		name = d.To.Addr().String() // not sent: SNI takes names only
	}
	return &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: []string{"http/1.1"}}
}

// greet does the opening handshake. early is what came behind the answer.
func greet(conn net.Conn, d StreamDial) (early []byte, err error) {
	var key [16]byte
	rand.Read(key[:])
	host := d.Name
	if host == "" {
		host = d.To.String()
	}
	if _, err := conn.Write(websocket.AppendRequest(nil, host, key)); err != nil {
		return nil, err
	}
	buf := make([]byte, websocket.MaxHead)
	for have := 0; ; {
		n, err := conn.Read(buf[have:])
		if n == 0 && err != nil {
			return nil, fmt.Errorf("WebSocket with %v: %w", d.To, err)
		}
		have += n
		used, err := websocket.ParseResponse(buf[:have], key)
		if err != nil {
			return nil, err
		}
		if used > 0 {
			return buf[used:have], nil
		}
	}
}
