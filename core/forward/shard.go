package forward

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Shard is one socket and the goroutine that reads it.
type Shard struct {
	port   *netio.Port
	number int
	crew   *crew
	watch  watch
	table  *Table
	known  *Known
	rings  *[KindCount]*ring
	inbox  *Inbox
	desk   Desk  // nil: everything goes to the inbox
	links  []int // places of this Read that hold packets of links; its memory is used again
	counts counts
}

// Desk is the hub, for a shard that finds nobody there: it serves packets of links at once, which spares waking the hub's
// goroutine for each. What it finds the hub busy with goes to the inbox, as everything else does.
type Desk interface {
	// TryEnter reports whether the hub is free; then it is the caller's until Leave.
	TryEnter(now time.Time) bool
	Serve(from netip.AddrPort, b []byte) // b may be scribbled over
	Leave()
}

// counts are written by one shard and read by anybody.
type counts struct {
	packets, bytes atomic.Uint64
	drops          [relay.DropCount]atomic.Uint64
}

func (c *counts) addTo(sum *relay.Counts) {
	sum.Packets += c.packets.Load()
	sum.Bytes += c.bytes.Load()
	for d := range c.drops {
		sum.Drops[d] += c.drops[d].Load()
	}
}

// run serves until the port is stopped.
func (s *Shard) run() {
	for {
		n, err := s.port.Read()
		if err != nil {
			return
		}
		now := time.Now()
		s.serve(now, n)
		s.crew.note(s.number, len(s.inbox.rings), &s.watch, now, s.port)
	}
}

// serve decides about what one Read brought. Nothing waits in here, and nothing is allocated.
func (s *Shard) serve(now time.Time, n int) {
	t, told := s.table.Now(now), false
	s.links = s.links[:0]
	var packets, bytes uint64
	for i := range n {
		from, b, ok := s.port.Datagram(i)
		if !ok || len(b) == 0 {
			continue
		}
		if b[0] != wire.TypeRelayed {
			k := kindOf(b, s.known)
			if k == Session && s.desk != nil {
				s.links = append(s.links, i)
				continue
			}
			told = s.rings[k].put(from, b) || told
			continue
		}
		switch to, v, why := s.table.route(t, from, b); v {
		case pass:
			s.port.Send(i, to)
			packets++
			bytes += uint64(len(b))
		case ask:
			told = s.rings[Relayed].put(from, b) || told
		default:
			s.counts.drops[why].Add(1)
		}
	}
	s.port.Flush()
	if packets > 0 {
		s.counts.packets.Add(packets)
		s.counts.bytes.Add(bytes)
	}
	if len(s.links) > 0 { // behind what is relayed, which waits for nobody
		told = s.serveLinks(now) || told
	}
	if told {
		s.inbox.call()
	}
}

// serveLinks serves the packets of links, or leaves them in the inbox and reports that. None overtakes another.
func (s *Shard) serveLinks(now time.Time) (told bool) {
	ring := s.rings[Session]
	entered := s.desk.TryEnter(now)
	if entered {
		defer s.desk.Leave()
	}
	direct := entered && ring.empty() // the reader empties it only at the desk
	for _, i := range s.links {
		from, b, _ := s.port.Datagram(i)
		if direct {
			s.desk.Serve(from, b)
		} else {
			told = ring.put(from, b) || told
		}
	}
	return told
}

// Edge is all shards of a port.
type Edge struct {
	Inbox  *Inbox
	shards []*Shard
	crew   *crew
	done   sync.WaitGroup
}

// Config is what an Edge needs.
type Config struct {
	Bind   netip.AddrPort
	Shards int // at least 1
	Buffer int // bytes of each socket's buffers
	Table  *Table
	Known  *Known
	Wake   func() // wakes the hub's goroutine; any goroutine may call it
	Desk   Desk   // nil: shards leave everything in the Inbox
}

// nameAt is where a datagram says which leg or link it is of: by that the kernel spreads them over the shards, whatever address they
// come from. A leg's line of the table stays with one processor. All first words of strangers go the same way.
const nameAt = 1

// Open opens the sockets. What arrives waits in them for Run.
func Open(cfg Config) (*Edge, error) {
	if err := netio.PortFree(cfg.Bind); err != nil {
		return nil, err
	}
	e := &Edge{Inbox: newInbox(cfg.Shards, cfg.Wake)}
	ports, err := netio.OpenPorts(cfg.Bind, cfg.Shards, cfg.Buffer, nameAt)
	if err != nil {
		return nil, err
	}
	e.crew = newCrew(len(ports), func(size int) error { return netio.Spread(ports, size) }, netio.ProcessorTime)
	for i, port := range ports {
		e.shards = append(e.shards, &Shard{port: port, number: i, crew: e.crew, table: cfg.Table, known: cfg.Known, rings: &e.Inbox.rings[i], inbox: e.Inbox, desk: cfg.Desk})
	}
	cfg.Table.shards = e.shards
	return e, nil
}

// Local is the address that is bound.
func (e *Edge) Local() netip.AddrPort { return e.shards[0].port.Local() }

// Port is the socket through which the hub may send.
func (e *Edge) Port() *netio.Port { return e.shards[0].port }

// Run starts the shards' goroutines.
func (e *Edge) Run() {
	for _, s := range e.shards {
		e.done.Go(s.run)
	}
}

// Close closes the sockets and waits for the goroutines.
func (e *Edge) Close() {
	for _, s := range e.shards {
		s.port.Stop()
	}
	e.done.Wait()
	for _, s := range e.shards {
		s.port.Close()
	}
}

// Stats are counters. Any goroutine may ask.
type Stats struct {
	Net   netio.Stats       // the shards' sockets
	Lost  [KindCount]uint64 // what the hub did not take in time
	Relay relay.Counts      // what was forwarded, and why not
}

// Stats are the counters now.
func (e *Edge) Stats() (sum Stats) {
	for _, s := range e.shards {
		sum.Net.Add(s.port.Stats())
		s.counts.addTo(&sum.Relay)
	}
	for k := range KindCount {
		sum.Lost[k] = e.Inbox.Lost(k)
	}
	return sum
}
