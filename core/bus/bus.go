// Package bus is the cluster's NATS: it publishes frames, keeps directory and leases in two key-value buckets, and gives the
// owner of cluster.Node what comes back, through a queue that the owner empties. Nothing here blocks the owner.
//
//	owner --Do--> work queue --one goroutine--> publish; directory: at most atOnce requests, each in a goroutine
//	owner <--Read-- news queue <-- subscription, answers, connection
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/musubi-p2p/musubi/core/cluster"
)

const (
	atOnce      = 256             // requests of the directory under way
	requestTime = 2 * time.Second // as cluster's: an answer after that is of no use
	renewTime   = time.Second     // a renewal that takes longer is overtaken by the next
	maxNews     = 1 << 16         // what the owner has not taken; frames beyond are lost, and repeated by their sender
	maxWork     = 1 << 16         // what NATS has not taken
	setupAgain  = time.Second     // between two tries to make the buckets
	setupTime   = 5 * time.Second // of one
	lookTime    = time.Second     // of it, for finding a bucket
	pingEvery   = 2 * time.Second // a connection that answers two of them not is gone
	drainTime   = 500 * time.Millisecond
)

// Config is what a Bus needs.
type Config struct {
	Name   string // of the node
	ID     uint32
	Prefix string // of subjects and buckets: clusters that share a NATS differ in it
	URL    string // external NATS; empty: Core's
	Core   *Core  // embedded; nil: external
	// Password is that of embedded ones, for a URL of one that is in another node; one of the operator's own has a name in its URL, or
	// asks for none.
	Password string
	// Replicas of the buckets; 0: three if NATS is a cluster, else one.
	Replicas int
	Wake     func() // called when there is something to Read
	Log      *slog.Logger
}

// Bus is one node's connection. Do and Read belong to the owner.
type Bus struct {
	cfg  Config
	log  *slog.Logger
	nc   *nats.Conn
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup

	work  chan cluster.BusOut
	slots chan struct{}

	mu   sync.Mutex
	news []func(now time.Time, n *cluster.Node)
	up   bool

	warned  bool // of the server's version; watch's
	buckets atomic.Pointer[buckets]
	counts  counts
}

type buckets struct {
	rooms, nodes jetstream.KeyValue
	doubtful     bool // the server may say yes to two updates of one revision
}

type counts struct{ sent, received, dropped, failed atomic.Uint64 }

// Stats are counters.
type Stats struct {
	Sent, Received uint64 // frames
	Dropped        uint64 // frames that a full queue did not take
	Failed         uint64 // requests that NATS did not answer, or refused
}

// Stats may be called from any goroutine.
func (b *Bus) Stats() Stats {
	return Stats{b.counts.sent.Load(), b.counts.received.Load(), b.counts.dropped.Load(), b.counts.failed.Load()}
}

// Open connects. It does not wait for NATS: the node's BusUp tells when directory and frames work.
func Open(cfg Config) (*Bus, error) {
	b := &Bus{cfg: cfg, log: cfg.Log, work: make(chan cluster.BusOut, maxWork), slots: make(chan struct{}, atOnce)}
	b.ctx, b.stop = context.WithCancel(context.Background())
	options := []nats.Option{
		nats.Name("musubi " + cfg.Name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2), nats.RetryOnFailedConnect(true),
		nats.Timeout(2 * time.Second), nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { b.lost(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("NATS: " + err.Error())
		}),
	}
	url := cfg.URL
	if cfg.Core == nil && cfg.Password != "" {
		options = append(options, nats.UserInfo(coreUser, cfg.Password)) // what a URL says is stronger
	}
	if cfg.Core != nil {
		options = append(options, nats.InProcessServer(cfg.Core.server), nats.UserInfo(coreUser, cfg.Core.cfg.Password))
		url = ""
	}
	var err error
	if b.nc, err = nats.Connect(url, options...); err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if err := b.subscribe(); err != nil {
		b.nc.Close()
		return nil, fmt.Errorf("NATS: %w", err)
	}
	b.done.Add(2)
	go b.watch()
	go b.run()
	return b, nil
}

func (b *Bus) subject(id uint32) string {
	if id == 0 {
		return b.cfg.Prefix + ".all"
	}
	return fmt.Sprintf("%s.node.%08x", b.cfg.Prefix, id)
}

func (b *Bus) subscribe() error {
	for _, id := range []uint32{b.cfg.ID, 0} {
		sub, err := b.nc.Subscribe(b.subject(id), func(m *nats.Msg) {
			b.counts.received.Add(1)
			frame := m.Data
			b.tell(func(now time.Time, n *cluster.Node) { n.HandleBus(now, frame) })
		})
		if err != nil {
			return err
		}
		if err := sub.SetPendingLimits(maxNews, 64<<20); err != nil {
			return err
		}
	}
	return nil
}

// tell queues news for the owner.
func (b *Bus) tell(f func(now time.Time, n *cluster.Node)) {
	b.mu.Lock()
	full := len(b.news) >= maxNews
	if !full {
		b.news = append(b.news, f)
	}
	first := len(b.news) == 1
	b.mu.Unlock()
	if full {
		b.counts.dropped.Add(1)
	} else if first {
		b.cfg.Wake()
	}
}

// Read takes what came, for the owner's node.
func (b *Bus) Read() []func(now time.Time, n *cluster.Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.news
	b.news = nil
	return news
}

// Do queues what the node wants done. o.Data is copied.
func (b *Bus) Do(o cluster.BusOut) {
	o.Data = append([]byte(nil), o.Data...)
	select {
	case b.work <- o:
	default:
		b.counts.dropped.Add(1)
	}
}

// run does the work.
func (b *Bus) run() {
	defer b.done.Done()
	for {
		select {
		case <-b.ctx.Done():
			return
		case o := <-b.work:
			if o.Kind == cluster.Publish {
				if b.nc.Publish(b.subject(o.To), o.Data) == nil {
					b.counts.sent.Add(1)
				}
				continue
			}
			select {
			case b.slots <- struct{}{}:
				go func() {
					defer func() { <-b.slots }()
					b.request(o)
				}()
			case <-b.ctx.Done():
				return
			}
		}
	}
}

// request does one thing with the buckets.
func (b *Bus) request(o cluster.BusOut) {
	k := b.buckets.Load()
	if k == nil {
		return // the node's own patience ends
	}
	within := requestTime
	if o.Kind == cluster.Renew {
		within = renewTime
	}
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	a := cluster.Answer{Op: o.Op}
	var err error
	switch o.Kind {
	case cluster.Renew:
		if _, err = k.nodes.Put(ctx, leaseKey(o.Key), o.Data); err == nil {
			b.tell(func(now time.Time, n *cluster.Node) { n.HandleRenewed(now, o.Op) })
		} else {
			b.counts.failed.Add(1)
		}
		return
	case cluster.Retire:
		_ = k.nodes.Purge(ctx, leaseKey(o.Key))
		return
	case cluster.Delete:
		_ = k.rooms.Delete(ctx, o.Key, jetstream.LastRevision(o.Rev))
		return
	case cluster.Check:
		a.Result, a.Value, a.Rev, err = get(ctx, k.nodes, leaseKey(o.Key))
	case cluster.Lookup:
		a.Result, a.Value, a.Rev, err = get(ctx, k.rooms, o.Key)
	case cluster.Create:
		a.Rev, err = k.rooms.Create(ctx, o.Key, o.Data)
		a.Result = outcome(err)
	case cluster.Update:
		if a.Rev, err = k.rooms.Update(ctx, o.Key, o.Data, o.Rev); err == nil && k.doubtful {
			err = confirm(ctx, k.rooms, o.Key, a.Rev)
		}
		a.Result = outcome(err)
	}
	if a.Result == cluster.Failed {
		b.counts.failed.Add(1)
		b.log.Debug("bus: directory", "kind", o.Kind, "error", err)
	}
	b.tell(func(now time.Time, n *cluster.Node) { n.HandleAnswer(now, a) })
}

// leaseKey is a node's name in the characters that a key may have.
func leaseKey(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

func get(ctx context.Context, kv jetstream.KeyValue, key string) (cluster.Result, []byte, uint64, error) {
	e, err := kv.Get(ctx, key)
	switch {
	case err == nil:
		return cluster.Found, e.Value(), e.Revision(), nil
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return cluster.Missing, nil, 0, nil
	}
	return cluster.Failed, nil, 0, err
}

func outcome(err error) cluster.Result {
	var refused *jetstream.APIError
	switch {
	case err == nil:
		return cluster.Done
	case errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return cluster.Conflict
	case errors.As(err, &refused) && (refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return cluster.Conflict
	}
	return cluster.Failed
}

// Close says what is still to be said and ends everything.
func (b *Bus) Close() {
	for end := time.Now().Add(drainTime); len(b.work) > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	_ = b.nc.FlushTimeout(drainTime)
	b.stop()
	b.done.Wait()
	b.nc.Close()
}
