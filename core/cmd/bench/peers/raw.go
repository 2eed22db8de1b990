package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// raw is UDP with AES-256-GCM and nothing else: no reliability, no order, no congestion control. A datagram is
// counter(8) · ciphertext · tag(16). With gso many of them are one system call, and arrive as one.
type raw struct {
	gso  bool
	fd   int
	aead cipher.AEAD
	key  []byte
	segs int // datagrams of a batch
	size int // of a datagram

	counter uint64
	out     []byte // the batch that is being built
	in, at  []byte // what was read, and the rest of it that was not handed out
	opened  []byte
	spin    bool
}

// Of a batch: what fits into one UDP datagram's length, and the kernel's UDP_MAX_SEGMENTS (64 before Linux 6.9).
const (
	mostBatch    = 65507
	mostSegments = 64
	rawBuffer    = 4 << 20 // bytes of socket buffers, as Musubi's
)

func (r *raw) listen(o *options) (string, error) {
	r.key = make([]byte, 32)
	rand.Read(r.key)
	port, err := r.open(o, netip.MustParseAddrPort(o.bind))
	return fmt.Sprintf("%s/%s", port, hex.EncodeToString(r.key)), err
}

// accept waits for the first datagram, which names the other end.
func (r *raw) accept(*options) (conn, error) {
	b := make([]byte, 1)
	_, from, err := unix.Recvfrom(r.fd, b, 0)
	if err == nil {
		err = unix.Connect(r.fd, from)
	}
	return r, r.start(err)
}

func (r *raw) dial(o *options, code string) (conn, error) {
	where, key, _ := strings.Cut(code, "/")
	to, err := netip.ParseAddrPort(where)
	if err != nil {
		return nil, err
	}
	if r.key, err = hex.DecodeString(key); err != nil {
		return nil, err
	}
	if _, err = r.open(o, netip.AddrPortFrom(netip.IPv4Unspecified(), 0)); err == nil {
		err = unix.Connect(r.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err == nil {
		_, err = unix.Write(r.fd, []byte{0})
	}
	r.counter = 1 << 63 // of this end: a key never sees a nonce twice
	return r, r.start(err)
}

func (r *raw) open(o *options, bind netip.AddrPort) (string, error) {
	block, err := aes.NewCipher(r.key)
	if err != nil {
		return "", err
	}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		return "", err
	}
	r.size, r.spin = 8+o.size+16, o.spin
	if r.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return "", err
	}
	_ = unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, rawBuffer)
	_ = unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, rawBuffer)
	if err = unix.Bind(r.fd, &unix.SockaddrInet4{Port: int(bind.Port()), Addr: bind.Addr().As4()}); err != nil {
		return "", err
	}
	r.segs = 1
	if r.gso && o.bench != "ping" {
		r.segs = min(mostSegments, mostBatch/r.size)
		if err = unix.SetsockoptInt(r.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, r.size); err == nil {
			err = unix.SetsockoptInt(r.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		}
	}
	if err != nil {
		return "", err
	}
	name, err := unix.Getsockname(r.fd)
	if err != nil {
		return "", err
	}
	return netip.AddrPortFrom(bind.Addr(), uint16(name.(*unix.SockaddrInet4).Port)).String(), nil
}

func (r *raw) start(err error) error {
	r.in = make([]byte, 1<<16)
	if err == nil && r.spin {
		err = unix.SetNonblock(r.fd, true)
	}
	return err
}

func (r *raw) Send(b []byte) error {
	r.counter++
	var nonce [12]byte
	binary.LittleEndian.PutUint64(nonce[:], r.counter)
	r.out = binary.LittleEndian.AppendUint64(r.out, r.counter)
	r.out = r.aead.Seal(r.out, nonce[:], b, nil)
	if len(r.out) < r.segs*r.size {
		return nil
	}
	return r.Flush()
}

func (r *raw) Flush() error {
	if len(r.out) == 0 {
		return nil
	}
	_, err := unix.Write(r.fd, r.out)
	r.out = r.out[:0]
	if err == unix.ENOBUFS || err == unix.EAGAIN || err == unix.EINTR {
		return nil // lost, as anything on UDP may be
	}
	return err
}

func (r *raw) Recv() ([]byte, error) {
	for {
		for len(r.at) >= r.size {
			d := r.at[:r.size]
			r.at = r.at[r.size:]
			var nonce [12]byte
			copy(nonce[:], d[:8])
			opened, err := r.aead.Open(r.opened[:0], nonce[:], d[8:], nil)
			if err == nil {
				r.opened = opened
				return opened, nil
			}
		}
		n, err := unix.Read(r.fd, r.in)
		switch err {
		case nil:
			r.at = r.in[:n]
		case unix.EINTR:
		case unix.EAGAIN: // spinning: whoever wants the processor may have it
			_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		default:
			return nil, err
		}
	}
}

func (r *raw) Close() { unix.Close(r.fd) }
