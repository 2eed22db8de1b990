//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/load"
	"github.com/musubi-p2p/musubi/core/secure"
)

// crowdChapter is played with links that only live, thousands of them in rooms, beside the fleet: how long a signal takes from a
// player of one node to one of another; then node 1 dies, and a third of the crowd comes to the two others at once.
const crowdChapter = "crowd"

const (
	signalsFor = 5 * time.Second
	// noticed is when all have noticed that their node is gone. By their own keepalive that takes 15 s; a game that sends notices at once.
	noticed = 500 * time.Millisecond
	// handshakes is how many new links a second each node takes: so few that the crowd's return is beyond it.
	handshakes = 300
)

// crowded is what the crowd measured.
type crowded struct {
	Links     int     `json:"links"`
	Calls     int     `json:"calls"`
	Unheard   int     `json:"unanswered"`
	SignalP50 float64 `json:"signal_across_nodes_p50_ms"`
	SignalP99 float64 `json:"signal_across_nodes_p99_ms"`
	Lost      int     `json:"links_of_the_node_that_died"`
	Back      int     `json:"back"`
	BackP50   float64 `json:"back_p50_ms"`
	BackP99   float64 `json:"back_p99_ms"`
	BackMax   float64 `json:"back_max_ms"`
	Waited    int     `json:"told_to_come_again_later"`
}

// target is the cluster as the load generator sees it.
type target struct {
	l    *laboratory
	addr secure.ServerAddress
}

func (t target) Address() secure.ServerAddress       { return t.addr }
func (t target) Usage() (time.Duration, int64, bool) { return 0, 0, false }
func (t target) Restart(int) error                   { t.l.cluster.kill(1); return nil }
func (t target) Stop()                               {}

// crowd plays the chapter.
func (l *laboratory) crowd(ctx context.Context, links int, r *report) error {
	var x crowded
	refused := l.cluster.count(2, refusedMetric) + l.cluster.count(3, refusedMetric)
	err := load.Play(target{l, l.fleet.addr}, load.Config{Links: links, Stories: []string{"signals", "storm"}, Time: signalsFor, Notice: noticed}, func(s load.Result) {
		if s.Story == "signals" {
			x.Calls, x.Unheard = int(s.Get("calls")), int(s.Get("unanswered"))
			x.SignalP50, x.SignalP99 = s.Get("Connect to Request p50"), s.Get("Connect to Request p99")
			return
		}
		x.Lost, x.Back = int(s.Get("links")), int(s.Get("back"))
		x.BackP50, x.BackP99, x.BackMax = 1000*s.Get("50 % back after"), 1000*s.Get("99 % back after"), 1000*s.Get("100 % back after")
	})
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	x.Links, r.Crowd = links, &x
	x.Waited = l.cluster.count(2, refusedMetric) + l.cluster.count(3, refusedMetric) - refused
	if err := l.cluster.start(1); err != nil {
		return err
	}
	return errors.Join(l.cluster.ready(ctx, 1), ctx.Err())
}
