package server

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// describe turns an error of opening a port into a sentence that says what to do; other errors stay as they are.
func describe(err error, protocol string, at netip.AddrPort, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s port %d on %s is in use by another program: stop that, or choose another with %s", protocol, at.Port(), at.Addr(), flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s port %d needs rights that this user does not have: choose one from 1024 up with %s, or give the program CAP_NET_BIND_SERVICE", protocol, at.Port(), flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine has no address %s: choose one of its own with %s, or 0.0.0.0 for all", at.Addr(), flag)
	case err != nil:
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}
