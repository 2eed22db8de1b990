package netio

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// networkMark in an epoll event's spare field tells the routing socket from the others, as wakeMark does the eventfd.
const networkMark = 2

// networkGroups are what we want to hear of: interfaces that come and go, their addresses, and routes. A route is the last
// thing to appear after a cable was plugged in, and the first that makes sending possible.
const networkGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE

// networkWatch is a routing socket (rtnetlink(7)). What it says is not read, only that it says something: what follows from
// a message depends on all that is configured, and who wants to know looks at that.
type networkWatch struct {
	fd   int // valid if on
	on   bool
	news bool
	buf  [4096]byte
}

// WatchNetwork makes Wait return when interfaces, addresses or routes of this machine change. An error means that the
// system refuses (Android does so to apps); then the owner has to look from time to time.
func (l *Loop) WatchNetwork() error {
	if l.network.on {
		return nil
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open routing socket: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: networkGroups})
	if err == nil {
		err = unix.EpollCtl(l.epollFD, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: networkMark})
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("watch routing socket: %w", err)
	}
	l.network.fd, l.network.on = fd, true
	return nil
}

// NetworkNews reports whether something changed since the last call.
func (l *Loop) NetworkNews() bool {
	news := l.network.news
	l.network.news = false
	return news
}

// drain empties the socket. ENOBUFS says that messages were lost, which is news as well.
func (w *networkWatch) drain() {
	w.news = true
	for {
		if _, err := unix.Read(w.fd, w.buf[:]); err != nil && err != unix.EINTR && err != unix.ENOBUFS {
			return
		}
	}
}

func (w *networkWatch) close() {
	if w.on {
		unix.Close(w.fd)
		w.on = false
	}
}
