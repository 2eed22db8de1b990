package main

import (
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// tcp is the kernel's TCP with TCP_NODELAY, one write a message, in blocking system calls. Not encrypted.
type tcp struct {
	l    net.Listener
	fd   int
	size int
	in   []byte
	at   []byte
	spin bool
}

func (t *tcp) listen(o *options) (code string, err error) {
	if t.l, err = net.Listen("tcp", o.bind); err != nil {
		return "", err
	}
	return t.l.Addr().String(), nil
}

func (t *tcp) accept(o *options) (conn, error) {
	c, err := t.l.Accept()
	if err != nil {
		return nil, err
	}
	t.l.Close()
	return t, t.take(o, c)
}

func (t *tcp) dial(o *options, code string) (conn, error) {
	c, err := net.Dial("tcp", code)
	if err != nil {
		return nil, err
	}
	return t, t.take(o, c)
}

// take gets the descriptor out of Go's hands: the poller's detour would be measured otherwise.
func (t *tcp) take(o *options, c net.Conn) error {
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer f.Close()
	defer c.Close()
	if t.fd, err = unix.Dup(int(f.Fd())); err != nil {
		return err
	}
	t.size, t.spin, t.in = o.size, o.spin, make([]byte, 1<<16)
	if err = unix.SetsockoptInt(t.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	return unix.SetNonblock(t.fd, t.spin)
}

func (t *tcp) Send(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(t.fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EINTR, unix.EAGAIN:
		default:
			return err
		}
	}
	return nil
}

func (t *tcp) Flush() error { return nil }

func (t *tcp) Recv() ([]byte, error) {
	for len(t.at) < t.size {
		kept := copy(t.in, t.at)
		n, err := unix.Read(t.fd, t.in[kept:])
		t.at = t.in[:kept+max(n, 0)]
		switch {
		case err == nil && n == 0:
			return nil, io.EOF
		case err == nil || err == unix.EINTR:
		case err == unix.EAGAIN:
			_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		default:
			return nil, err
		}
	}
	b := t.at[:t.size]
	t.at = t.at[t.size:]
	return b, nil
}

func (t *tcp) Close() { unix.Close(t.fd) }
