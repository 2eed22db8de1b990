package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// quicGo is a QUIC connection: one stream for reliable messages, datagrams for rate. Windows are raised so that they are
// not what is measured.
type quicGo struct {
	l      *quic.Listener
	c      *quic.Conn
	stream *quic.Stream
	in     *bufio.Reader
	b      []byte
	rate   bool
}

var quicConfig = &quic.Config{
	EnableDatagrams: true, MaxIdleTimeout: time.Minute,
	InitialStreamReceiveWindow: 16 << 20, MaxStreamReceiveWindow: 64 << 20,
	InitialConnectionReceiveWindow: 16 << 20, MaxConnectionReceiveWindow: 64 << 20,
}

func (q *quicGo) listen(o *options) (string, error) {
	cert, err := selfSigned()
	if err != nil {
		return "", err
	}
	q.l, err = quic.ListenAddr(o.bind, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"bench"}}, quicConfig)
	if err != nil {
		return "", err
	}
	return q.l.Addr().String(), nil
}

func (q *quicGo) accept(o *options) (c conn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if q.c, err = q.l.Accept(ctx); err != nil {
		return nil, err
	}
	if q.stream, err = q.c.AcceptStream(ctx); err != nil {
		return nil, err
	}
	q.start(o)
	_, err = q.in.ReadByte() // what opened the stream
	return q, err
}

func (q *quicGo) dial(o *options, code string) (c conn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	q.c, err = quic.DialAddr(ctx, code, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"bench"}}, quicConfig)
	if err != nil {
		return nil, err
	}
	if q.stream, err = q.c.OpenStreamSync(ctx); err != nil {
		return nil, err
	}
	q.start(o)
	_, err = q.stream.Write([]byte{0})
	return q, err
}

func (q *quicGo) start(o *options) {
	q.in, q.b, q.rate = bufio.NewReaderSize(q.stream, 1<<16), make([]byte, o.size), o.bench == "rate"
}

func (q *quicGo) Send(b []byte) error {
	if q.rate {
		return q.c.SendDatagram(append([]byte(nil), b...)) // it keeps the slice
	}
	_, err := q.stream.Write(b)
	return err
}

func (q *quicGo) Flush() error { return nil }

func (q *quicGo) Recv() ([]byte, error) {
	if q.rate {
		return q.c.ReceiveDatagram(context.Background())
	}
	_, err := io.ReadFull(q.in, q.b)
	return q.b, err
}

func (q *quicGo) Close() { _ = q.c.CloseWithError(0, "") }

func selfSigned() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}
