//go:build !linux

package netio

import "net"

// limitUnsent does nothing where the system has no such limit: what waits in a stalled stream waits longer.
func limitUnsent(net.Conn) {}
