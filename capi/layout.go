//go:build cgo

package main

import "sync/atomic"

// The Go view of layout.h, where the fields are explained. check.go compares sizes and offsets at compile time.

const (
	closedBit    = 1 << 47
	positionMask = closedBit - 1

	cellSize     = 64
	commandHead  = 32
	stateEntries = 64
	stateBytes   = 64 << 10
	entryCount   = 4096
	statsWords   = 20
	natWords     = 10
	reportWords  = 2048

	commandBlock = 1 // flag

	sendPriorityUnit  = 2 // musubi_send's flags, as far as they travel in a command's code
	sendDeadlineShift = 16

	peerMember    = 1 // bits of a peer's key
	peerConnected = 2
)

// command is the head of a command in its first cell.
type command struct {
	kind    uint8
	mode    uint8
	channel uint8
	flags   uint8
	cells   uint32
	size    uint32
	code    int32
	peer    uint64
	value   uint64
}

// entry is one event in the ring.
type entry struct {
	kind     uint8
	mode     uint8
	channel  uint8
	route    uint8
	code     int32
	peer     uint64
	count    uint64
	dataSize uint32
	offset   uint32
}

// extra begins the payload of every event that is not a message.
type extra struct {
	rttMicros uint32
	textSize  uint16
	mapping   uint8
	filtering uint8
}

type peerSlot struct {
	key      atomic.Uint64
	credits  atomic.Int64
	blocked  atomic.Uint32
	statsSeq atomic.Uint32
	stats    [statsWords]atomic.Uint64
	_        [8]byte
}

type slot struct {
	tail atomic.Uint64
	_    [56]byte

	head atomic.Uint64
	_    [56]byte

	asleep      atomic.Uint32
	ringBlocked atomic.Uint32
	starved     atomic.Uint32
	retry       atomic.Uint32
	_           [48]byte

	eventHead atomic.Uint64
	signal    atomic.Uint32
	waiters   atomic.Uint32
	waitHabit atomic.Uint32
	_         [44]byte

	eventRead     atomic.Uint64
	eventReleased atomic.Uint64
	pollBusy      atomic.Uint32
	_             [44]byte

	cells       atomic.Uint64
	seqs        atomic.Uint64
	entries     atomic.Uint64
	payload     atomic.Uint64
	cellMask    atomic.Uint64
	payloadSize atomic.Uint64
	memory      atomic.Uint64
	memorySize  atomic.Uint64
	sendBudget  atomic.Uint64
	scribble    atomic.Uint32
	wakeHandle  atomic.Uint32

	life   atomic.Uint32
	ended  atomic.Uint32
	failed atomic.Uint32
	link   atomic.Uint32
	room   atomic.Uint32
	natSeq atomic.Uint32
	nat    [natWords]atomic.Uint64

	identity [4]atomic.Uint64
	linkUp   atomic.Uint32
	linkCode atomic.Int32
	roomUp   atomic.Uint32
	_        [28]byte

	peers [256]peerSlot

	reportAsked atomic.Uint32
	reportDone  atomic.Uint32
	reportSeq   atomic.Uint32
	reportSize  atomic.Uint32
	_           [48]byte
	report      [reportWords]atomic.Uint64
}
