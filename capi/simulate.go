//go:build cgo

package main

import (
	"math/rand/v2"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/impair"
	"github.com/musubi-p2p/musubi/core/node"
)

// simulation is musubi_simulation; check.go compares the two.
type simulation struct {
	structSize uint32
	flags      uint32
	loss       uint32 // of a million, as reorder and duplicate
	burst      uint32
	latency    uint32 // microseconds, as the other times
	jitter     uint32
	reorder    uint32
	holdBack   uint32
	duplicate  uint32
	queueTime  uint32
	queueBytes uint32
	seed       uint32
	rate       uint64
}

const ( // flags
	simulateKeepOrder  = 1
	simulateDirectOnly = 2
)

// simulationOf reads the two directions of a command. musubi_simulate has checked every value.
func simulationOf(data []byte) *node.Simulation {
	var both [2]simulation
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&both)), unsafe.Sizeof(both)), data) // the ring aligns payloads to 32 bytes only
	return &node.Simulation{
		Out: both[0].config(), OutSeed: both[0].dice(),
		In: both[1].config(), InSeed: both[1].dice(),
		OutDirect: both[0].flags&simulateDirectOnly != 0, InDirect: both[1].flags&simulateDirectOnly != 0,
	}
}

func (s *simulation) config() impair.Config {
	share := func(ppm uint32) float64 { return float64(ppm) / 1e6 }
	micros := func(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }
	return impair.Config{
		Loss: share(s.loss), Burst: float64(s.burst), Latency: micros(s.latency), Jitter: micros(s.jitter),
		KeepOrder: s.flags&simulateKeepOrder != 0, Reorder: share(s.reorder), HoldBack: micros(s.holdBack), Duplicate: share(s.duplicate),
		Rate: int64(s.rate), QueueTime: micros(s.queueTime), QueueBytes: int(min(s.queueBytes, 1<<30)),
	}
}

// dice is the seed that was asked for, or a new one.
func (s *simulation) dice() uint64 {
	if s.seed == 0 {
		return rand.Uint64()
	}
	return uint64(s.seed)
}
