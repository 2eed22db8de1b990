package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A NATS of several servers that is older than 2.9.21 compares the revision that an update expects before it asks the others, and not
// when it writes: two nodes that take a room over within the same milliseconds are both told yes (nats-server, issue 4320; seen with
// Debian 12's 2.9.10). What the later one wrote is what stays. So behind such a server a node believes a yes when it still holds after
// confirmAfter, which is many times what a write takes, and less than cluster's patience of 2 s.
const confirmAfter = 300 * time.Millisecond

// doubtful reports whether a server of that version may say yes to two.
func doubtful(version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return false // of the future
	}
	switch {
	case major != 2:
		return major < 2
	case minor != 9:
		return minor < 9
	}
	return patch < 21
}

// confirm turns a yes that somebody else's later write has made void into a no.
func confirm(ctx context.Context, kv jetstream.KeyValue, key string, rev uint64) error {
	select {
	case <-time.After(confirmAfter):
	case <-ctx.Done():
		return ctx.Err()
	}
	e, err := kv.Get(ctx, key)
	if err == nil && e.Revision() != rev {
		return jetstream.ErrKeyRevisionMismatch
	}
	return err
}
