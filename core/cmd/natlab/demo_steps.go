//go:build linux

package main

import (
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// chapter is one meeting of the demo.
type chapter struct {
	name, about string
	nats        [2]lab.Kind
	steps       []string // that a picture follows
}

// What a chapter consists of, in the words of whoever watches.
const (
	stepLinked   = "linked"
	stepProfiled = "profiled"
	stepRoom     = "in one room"
	stepRelayed  = "relayed"
	stepDirect   = "direct"
	stepCut      = "cut"
	stepTakeover = "relay takes over"
	stepHealed   = "healed"
	stepReturn   = "direct again"
	stepArrived  = "all arrived"
	stepJudged   = "judged"

	signCut, signHealed = '✂', '⚕'
)

// demoSteps are the steps of each chapter.
var demoSteps = [][]string{
	{stepLinked, stepProfiled, stepRoom, stepRelayed, stepDirect, stepCut, stepTakeover, stepHealed, stepReturn, stepArrived, stepJudged},
	{stepLinked, stepProfiled, stepRoom, stepRelayed, stepDirect, stepArrived, stepJudged},
	{stepLinked, stepProfiled, stepRoom, stepRelayed, stepArrived, stepJudged},
}

func natName(k lab.Kind) string {
	switch k {
	case lab.PR:
		return "port-restricted NAT"
	case lab.SR:
		return "symmetric NAT"
	}
	return "NAT " + string(k)
}

// open begins to tell a chapter; if it was begun before, once more.
func (s *story) open(c chapter) {
	s.title("%s: %s", c.name, c.about)
	if s.live == nil {
		return
	}
	if at := wan.Now() - s.began; s.opened == c.name {
		s.live.again(at)
	} else {
		s.live.begin(at, c)
	}
	s.opened = c.name
}

// figures is how often players are asked for theirs: only if somebody watches.
func (s *story) figures() time.Duration {
	if s.live == nil {
		return 0
	}
	return statsEvery
}
