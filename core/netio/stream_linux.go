package netio

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentLimit is how much the kernel takes of a stream before it was sent, in bytes. Without it TCP takes megabytes when it
// stalls, and a game's packets come seconds late; what waits, waits in our queue, which has an end.
const unsentLimit = 16 << 10

func limitUnsent(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}
