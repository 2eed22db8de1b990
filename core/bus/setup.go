package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/musubi-p2p/musubi/core/cluster"
)

// watch makes the buckets whenever there is a connection anew, and tells the node.
func (b *Bus) watch() {
	defer b.done.Done()
	for told := ""; b.ctx.Err() == nil; {
		if b.nc.IsConnected() && b.buckets.Load() == nil && (b.cfg.Core == nil || b.cfg.Core.ready()) {
			err := b.setup()
			switch {
			case err == nil:
				b.rise()
				told = ""
			case err.Error() != told:
				told = err.Error()
				b.log.Info("waiting for NATS: " + told)
			}
		}
		select {
		case <-time.After(setupAgain / 4):
		case <-b.ctx.Done():
		}
	}
}

func (b *Bus) rise() {
	b.mu.Lock()
	b.up = true
	b.mu.Unlock()
	b.log.Info("connected to NATS", "nats", b.nc.ConnectedServerName(), "url", b.nc.ConnectedUrlRedacted())
	b.tell(func(now time.Time, n *cluster.Node) { n.BusUp(now) })
}

func (b *Bus) lost(err error) {
	b.buckets.Store(nil)
	b.mu.Lock()
	was := b.up
	b.up = false
	b.mu.Unlock()
	if !was {
		return
	}
	text := "closed"
	if err != nil {
		text = err.Error()
	}
	if b.ctx.Err() == nil { // else it is this node that closes
		b.log.Warn("lost the connection to NATS, trying again", "error", text)
	}
	b.tell(func(now time.Time, n *cluster.Node) { n.BusDown(now) })
}

// setup opens the buckets, and makes those that are not there. Answers come from the streams' leaders: a follower may not know
// yet what was written a moment ago.
func (b *Bus) setup() error {
	ctx, cancel := context.WithTimeout(b.ctx, setupTime)
	defer cancel()
	js, err := jetstream.New(b.nc)
	if err != nil {
		return err
	}
	rooms, err := b.bucket(ctx, js, "rooms", cluster.KeyLife)
	if err != nil {
		return err
	}
	nodes, err := b.bucket(ctx, js, "nodes", cluster.DeadAfter)
	if err != nil {
		return err
	}
	if !b.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	version := b.nc.ConnectedServerVersion()
	b.buckets.Store(&buckets{rooms, nodes, doubtful(version)})
	if doubtful(version) && !b.warned {
		b.warned = true
		b.log.Warn("this NATS can give a room to two servers at once (its issue 4320), so taking rooms over waits for confirmation; update it to 2.9.21 or later", "version", version)
	}
	return nil
}

// look finds a bucket that is there. While JetStream has no leader nobody answers, and who asked too early is not told later.
func look(ctx context.Context, js jetstream.JetStream, name string) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return js.KeyValue(ctx, name)
}

// bucket is a key-value bucket as nats.go makes it (ADR-8), but for direct reads.
func (b *Bus) bucket(ctx context.Context, js jetstream.JetStream, name string, life time.Duration) (jetstream.KeyValue, error) {
	name = b.cfg.Prefix + "_" + name
	kv, err := look(ctx, js, name)
	if err == nil || !errors.Is(err, jetstream.ErrBucketNotFound) {
		return kv, err
	}
	stream := jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, MaxMsgsPerSubject: 1, MaxAge: life, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, DenyDelete: true, AllowRollup: true, Duplicates: min(2*time.Minute, life), MaxMsgSize: -1, MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1,
	}
	for _, stream.Replicas = range b.replicas() {
		if _, err = js.CreateStream(ctx, stream); err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return js.KeyValue(ctx, name)
		}
	}
	return nil, err
}

// replicas are the numbers of copies to try.
func (b *Bus) replicas() []int {
	switch {
	case b.cfg.Replicas > 0:
		return []int{b.cfg.Replicas}
	case b.cfg.Core != nil && b.cfg.Core.Clustered():
		return []int{3} // until there are three
	case b.cfg.Core != nil:
		return []int{1}
	}
	return []int{3, 1}
}
