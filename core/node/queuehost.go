package node

import (
	"sync"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
)

// Bounds of a QueueHost.
const (
	queuedCommands = 4096
	queuedEvents   = 4096
)

// QueueHost is a Host for Go programs: commands through Do from any goroutine, events from a channel.
type QueueHost struct {
	loop   *netio.Loop
	events chan api.Event
	ended  chan struct{}

	mu       sync.Mutex
	commands []Command
	asleep   bool
	closing  bool
	freed    map[api.PeerHandle]int
	stats    map[api.PeerHandle]api.PeerStats
}

// NewQueueHost makes the host for an owner that waits on loop.
func NewQueueHost(loop *netio.Loop) *QueueHost {
	return &QueueHost{
		loop:   loop,
		events: make(chan api.Event, queuedEvents),
		ended:  make(chan struct{}),
		freed:  make(map[api.PeerHandle]int),
		stats:  make(map[api.PeerHandle]api.PeerStats),
	}
}

// Start runs a client with a loop and an owner goroutine of its own. Close ends both.
func Start(cfg Config) (*QueueHost, error) {
	loop, err := netio.NewLoop()
	if err != nil {
		return nil, err
	}
	q := NewQueueHost(loop)
	q.Go(cfg)
	return q, nil
}

// Go starts Run on the host's loop.
func (q *QueueHost) Go(cfg Config) {
	end := func() {
		q.loop.Close()
		close(q.ended)
	}
	Spawn(func() {
		Run(q, cfg, q.loop)
		end()
	}, func(string) { end() })
}

// Do queues a command; its Data is copied. false: the queue is full, or the host is closed.
func (q *QueueHost) Do(c Command) bool {
	c.Data = append([]byte(nil), c.Data...)
	q.mu.Lock()
	ok := len(q.commands) < queuedCommands && !q.closing
	if ok {
		q.commands = append(q.commands, c)
	}
	wake := q.asleep
	q.asleep = false
	q.mu.Unlock()
	if wake {
		q.loop.Wake()
	}
	return ok
}

// Report does nothing: Go programs have the endpoint's own means.
func (q *QueueHost) Report(func([]byte) []byte) {}

// Events is where the client's events come out. It is never closed; select on Ended beside it.
func (q *QueueHost) Events() <-chan api.Event { return q.events }

// Ended is closed when the owner has returned.
func (q *QueueHost) Ended() <-chan struct{} { return q.ended }

// Freed returns how many bytes of a peer's send budget have come free since the last call.
func (q *QueueHost) Freed(h api.PeerHandle) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.freed[h]
	delete(q.freed, h)
	return n
}

// Stats returns a peer's latest snapshot.
func (q *QueueHost) Stats(h api.PeerHandle) (api.PeerStats, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s, ok := q.stats[h]
	return s, ok
}

// Close asks the owner to end and waits until it has.
func (q *QueueHost) Close() {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.loop.Wake()
	<-q.ended
}

// The owner's side.

func (q *QueueHost) NextCommand(c *Command) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.commands) == 0 {
		return false
	}
	*c = q.commands[0]
	q.commands[0] = Command{}
	q.commands = q.commands[1:]
	return true
}

func (q *QueueHost) PutEvent(ev *api.Event) bool {
	if len(q.events) == cap(q.events) {
		return false // only the owner puts, so there is room after this
	}
	e := *ev
	e.Data = append([]byte(nil), ev.Data...)
	q.events <- e
	return true
}

func (q *QueueHost) Publish() {} // PutEvent has shown everything

func (q *QueueHost) Credit(h api.PeerHandle, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.freed[h] += bytes
}

func (q *QueueHost) PutStats(h api.PeerHandle, s *api.PeerStats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats[h] = *s
}

func (q *QueueHost) Pending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.commands) > 0 || q.closing
}

func (q *QueueHost) Sleep() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asleep = len(q.commands) == 0 && !q.closing
	return q.asleep
}

func (q *QueueHost) Awake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asleep = false
}

func (q *QueueHost) Closing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing
}
