//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"
)

// ledger is who owned which room when, as the nodes themselves say in their logs: one owner in each epoch, or two nodes believed
// in it at a time.
type ledger struct {
	logs   []*nodeLog
	rooms  map[string]map[int]tenure // by room, then epoch
	newest map[string]int            // a room's highest epoch
	closed map[string]int            // the epoch in which its owner closed it
	made   []string                  // rooms in the order in which their creation was read
	faults []string
}

// tenure is a node's ownership of a room in one epoch.
type tenure struct {
	node int
	id   string // of the node's start
}

// nodeLog is how far a node's log was read. It goes on over restarts of the node.
type nodeLog struct {
	file string
	at   int64
	id   string // of the start whose lines are read
	rest []byte // a line that is not complete
}

// What a node logs when it starts, and when it becomes the owner of a room (core/server/cluster.go, core/hub/cluster_events.go).
var (
	startLine = regexp.MustCompile(`msg=cluster node=\S+ id=([0-9a-f]{8})`)
	endLine   = regexp.MustCompile(`msg="room ([0-9a-f]+) closed"`)
	ownLine   = regexp.MustCompile(`msg="room ([0-9a-f]+) (?:created|taken over, epoch (\d+)|handed over to us, epoch (\d+))"`)
)

func newLedger(c *cluster) *ledger {
	l := &ledger{rooms: map[string]map[int]tenure{}, newest: map[string]int{}, closed: map[string]int{}}
	for n := 1; n <= c.net.nodes; n++ {
		l.logs = append(l.logs, &nodeLog{file: c.log(n, "server.err")})
	}
	return l
}

// read takes what the nodes have logged since the last time.
func (l *ledger) read() error {
	for i, g := range l.logs {
		f, err := os.Open(g.file)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.NewSectionReader(f, g.at, 1<<30))
		f.Close()
		if err != nil {
			return err
		}
		g.at += int64(len(text))
		g.rest = append(g.rest, text...)
		for {
			line, rest, whole := bytes.Cut(g.rest, []byte("\n"))
			if !whole {
				break
			}
			g.rest = rest
			l.line(i+1, g, line)
		}
	}
	return nil
}

func (l *ledger) line(node int, g *nodeLog, line []byte) {
	if m := startLine.FindSubmatch(line); m != nil {
		g.id = string(m[1])
		return
	}
	if m := endLine.FindSubmatch(line); m != nil { // a node says so too of a room that it gives away
		for epoch, t := range l.rooms[string(m[1])] {
			if t.id == g.id {
				l.closed[string(m[1])] = max(l.closed[string(m[1])], epoch)
			}
		}
		return
	}
	m := ownLine.FindSubmatch(line)
	if m == nil {
		return
	}
	room, epoch := string(m[1]), 1
	if e, err := strconv.Atoi(string(m[2]) + string(m[3])); err == nil {
		epoch = e
	}
	if l.rooms[room] == nil {
		l.rooms[room] = map[int]tenure{}
		l.made = append(l.made, room)
	}
	if was, ok := l.rooms[room][epoch]; ok && was.id != g.id {
		l.faults = append(l.faults, fmt.Sprintf("room %s has two owners in epoch %d: node %d (%s) and node %d (%s)", room, epoch, was.node, was.id, node, g.id))
	}
	l.rooms[room][epoch] = tenure{node, g.id}
	l.newest[room] = max(l.newest[room], epoch)
}

// owner is the node that owns a room now.
func (l *ledger) owner(room string) int { return l.rooms[room][l.newest[room]].node }

// open is how many rooms there are.
func (l *ledger) open() (n int) {
	for room, epoch := range l.newest {
		if l.closed[room] < epoch {
			n++
		}
	}
	return n
}

// epochs is how many times rooms got another owner.
func (l *ledger) epochs() (changes int) {
	for _, e := range l.newest {
		changes += e - 1
	}
	return changes
}

// settled waits until each room has exactly one node that holds its key: together they hold as many as there are rooms.
func (l *laboratory) settled(ctx context.Context) error {
	var counts []int
	var failed error
	c, g := l.cluster, l.fleet.ledger
	err := await(ctx, 20*time.Second, "", func() bool {
		sum := 0
		counts = counts[:0]
		for n := 1; n <= c.net.nodes; n++ {
			counts = append(counts, c.count(n, ownedMetric))
			sum += counts[n-1]
		}
		failed = g.read()
		return failed != nil || sum == g.open()
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("the nodes hold the keys of %v rooms, and there are %d", counts, g.open())
	}
	return errors.Join(err, failed)
}

// calm waits until every node has renewed its lease in time for leaseCalm. What is promised is promised for one failure at a time: NATS elects
// leaders anew for seconds after a cut is healed, and who dies then is found ten seconds after that is over.
func (l *laboratory) calm(ctx context.Context) error {
	c := l.cluster
	since := time.Now()
	return await(ctx, time.Minute, fmt.Sprintf("every node has renewed its lease for %v", leaseCalm), func() bool {
		for n := 1; n <= c.net.nodes; n++ {
			if age := c.count(n, leaseMetric); age < 0 || age > leaseLate {
				since = time.Now()
			}
		}
		time.Sleep(200 * time.Millisecond) // metrics are not for nothing
		return time.Since(since) >= leaseCalm
	})
}
