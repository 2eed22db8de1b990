//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
)

// game is the other side of a host: a slot and rings in Go memory, and the C side's moves in their simplest form. The real
// C side meets the real Go side in bindings/c/tests/echo_test.c.
type game struct {
	t      testing.TB
	h      *host
	s      *slot
	keep   []any // what the slot knows only as numbers
	blocks map[unsafe.Pointer][]byte
}

const testCells, testPayload = 16, 1 << 17

func newGame(t testing.TB) *game {
	g := &game{t: t, s: new(slot), blocks: map[unsafe.Pointer][]byte{}}
	cells, seqs := make([]uint64, testCells*cellSize/8), make([]uint64, testCells)
	entries, payload := make([]entry, entryCount), make([]uint64, testPayload/8)
	g.keep = []any{cells, seqs, entries, payload}
	g.s.cells.Store(uint64(uintptr(unsafe.Pointer(&cells[0]))))
	g.s.seqs.Store(uint64(uintptr(unsafe.Pointer(&seqs[0]))))
	g.s.entries.Store(uint64(uintptr(unsafe.Pointer(&entries[0]))))
	g.s.payload.Store(uint64(uintptr(unsafe.Pointer(&payload[0]))))
	g.s.cellMask.Store(testCells - 1)
	g.s.payloadSize.Store(testPayload)
	g.s.sendBudget.Store(1000)
	g.h = newHost(g.s, func(p unsafe.Pointer) {
		if g.blocks[p] == nil {
			t.Fatal("a block was freed twice")
		}
		delete(g.blocks, p)
	})
	return g
}

// send reserves and commits as musubi_command_put does. false: the ring is full.
func (g *game) send(kind uint8, data []byte, block bool) bool {
	at, ok := g.reserve(data, block)
	if ok {
		g.fill(at, kind, data, block)
	}
	return ok
}

func cellsFor(data []byte, block bool) uint64 {
	if block {
		return 1
	}
	return uint64(commandHead+len(data)+cellSize-1) / cellSize
}

func (g *game) reserve(data []byte, block bool) (at uint64, ok bool) {
	need, pad := cellsFor(data, block), uint64(0)
	position := g.s.tail.Load() & positionMask
	if left := testCells - position%testCells; left < need {
		pad = left
	}
	if position+pad+need-g.s.head.Load() > testCells {
		return 0, false
	}
	if pad > 0 {
		*g.h.at(position) = command{kind: cmdPad, cells: uint32(pad)}
		g.commit(position)
	}
	g.s.tail.Add(pad + need)
	return position + pad, true
}

func (g *game) fill(at uint64, kind uint8, data []byte, block bool) {
	c := g.h.at(at)
	*c = command{kind: kind, cells: uint32(cellsFor(data, block)), size: uint32(len(data)), peer: 1 << 32}
	body := unsafe.Add(unsafe.Pointer(c), commandHead)
	if block {
		copied := bytes.Clone(data)
		c.flags = commandBlock
		*(*uintptr)(body) = uintptr(unsafe.Pointer(&copied[0]))
		g.blocks[unsafe.Pointer(&copied[0])] = copied
	} else if len(data) > 0 {
		copy(unsafe.Slice((*byte)(body), len(data)), data)
	}
	g.commit(at)
}

func (g *game) commit(at uint64) { g.h.seqs[at%testCells].Store(at/testCells + 1) }

// poll reads and releases everything published, as two calls of musubi_poll would.
func (g *game) poll() (got []string) {
	g.h.Publish()
	for at := g.s.eventRead.Load(); at < g.s.eventHead.Load(); at++ {
		e := &g.h.entries[at%entryCount]
		p := g.h.payload[e.offset:]
		if api.EventKind(e.kind) == api.EventMessage {
			got = append(got, fmt.Sprintf("message %q", p[:e.dataSize]))
			continue
		}
		x := (*extra)(unsafe.Pointer(&p[0]))
		p = p[8:]
		got = append(got, fmt.Sprintf("%d count %d data %q text %q", e.kind, e.count, p[:e.dataSize],
			p[e.dataSize+1:e.dataSize+1+uint32(x.textSize)]))
	}
	g.s.eventRead.Store(g.s.eventHead.Load())
	g.s.eventReleased.Store(g.s.eventHead.Load())
	if g.s.starved.Swap(0) == 1 {
		g.s.retry.Store(1)
	}
	return got
}

func TestCommandsComeInOrderAcrossTheWrap(t *testing.T) {
	g := newGame(t)
	var c node.Command
	for i := range 200 {
		data := bytes.Repeat([]byte{byte(i)}, i%150)
		block := i%7 == 3 && len(data) > 0
		if !g.send(cmdSend, data, block) {
			t.Fatalf("command %d: the ring is full although everything was taken", i)
		}
		if !g.h.NextCommand(&c) || c.Kind != node.CmdSend || !bytes.Equal(c.Data, data) {
			t.Fatalf("command %d: got %v %x", i, c.Kind, c.Data)
		}
		if g.h.NextCommand(&c) {
			t.Fatalf("command %d came twice", i)
		}
	}
	if len(g.blocks) != 0 {
		t.Fatalf("%d blocks were not freed", len(g.blocks))
	}
}

// What musubi_send puts into a command's code comes out as priority and deadline, and nothing of it is left for the next.
func TestSendFlagsReachTheCommand(t *testing.T) {
	g := newGame(t)
	for _, c := range []struct {
		flags uint32
		want  api.Outgoing
	}{
		{0, api.Outgoing{}},
		{2, api.Outgoing{Priority: api.PriorityLow}},
		{4, api.Outgoing{Priority: api.PriorityHigh}},
		{6 | 50<<16, api.Outgoing{Priority: api.PriorityUrgent, Deadline: 50}},
		{0xffff << 16, api.Outgoing{Deadline: 65535}},
		{0, api.Outgoing{}},
	} {
		at, _ := g.reserve(nil, false)
		g.fill(at, cmdSend, nil, false)
		g.h.at(at).code = int32(c.flags)
		var got node.Command
		if !g.h.NextCommand(&got) || got.How != c.want {
			t.Errorf("flags %#x: %+v", c.flags, got.How)
		}
	}
}

func TestFullRingIsFreeAgainWhenTaken(t *testing.T) {
	g := newGame(t)
	var c node.Command
	n := 0
	for g.send(cmdPeerPunch, nil, false) {
		n++
	}
	if n != testCells {
		t.Fatalf("%d commands fit into %d cells", n, testCells)
	}
	for range n {
		if !g.h.NextCommand(&c) || c.Kind != node.CmdPeerPunch {
			t.Fatal("a command is missing")
		}
	}
	if g.send(cmdPeerPunch, nil, false) {
		t.Fatal("cells were given back while the last command's data is on loan")
	}
	if g.h.NextCommand(&c) || !g.send(cmdPeerPunch, nil, false) {
		t.Fatal("an empty ring must be free")
	}
}

func TestAnUncommittedCommandIsInvisible(t *testing.T) {
	g := newGame(t)
	var c node.Command
	at, _ := g.reserve([]byte("x"), false)
	g.send(cmdConnect, nil, false) // another thread was faster, behind it
	if g.h.NextCommand(&c) {
		t.Fatal("took a command over one that is still being written")
	}
	if !g.h.Sleep() {
		t.Fatal("the sender will wake us; there is nothing to stay awake for")
	}
	g.fill(at, cmdSend, []byte("x"), false)
	if g.h.Sleep() {
		t.Fatal("slept over a committed command")
	}
	if !g.h.NextCommand(&c) || c.Kind != node.CmdSend || !g.h.NextCommand(&c) || c.Kind != node.CmdConnect {
		t.Fatal("wrong order")
	}
}

func TestSleepSeesTheCloseOnce(t *testing.T) {
	g := newGame(t)
	g.s.tail.Store(1<<48 | closedBit)
	if g.h.Sleep() {
		t.Fatal("slept over the close")
	}
	if !g.h.Closing() {
		t.Fatal("not closing")
	}
	if !g.h.Sleep() || g.s.asleep.Load() != 1 {
		t.Fatal("a closing owner that waits for goodbyes must be able to sleep")
	}
	g.h.Awake()
	if g.s.asleep.Load() != 0 {
		t.Fatal("still asleep")
	}
}

func TestTextsEndBeforeAZero(t *testing.T) {
	g := newGame(t)
	var c node.Command
	g.send(cmdRoomJoin, []byte("EABC1234"), false)
	if !g.h.NextCommand(&c) || c.Text != "EABC1234" || c.Data != nil {
		t.Fatalf("got %q and %q", c.Text, c.Data)
	}
	g.h.PutEvent(&api.Event{Kind: api.EventLog, Text: "a\x00b" + strings.Repeat("é", maxText)})
	got := g.poll()
	if len(got) != 1 || !strings.Contains(got[0], `text "a bé`) || len(got[0]) > maxText+100 {
		t.Fatalf("got %d events", len(got))
	}
}

func TestEventsKeepTheirOrderAndContents(t *testing.T) {
	g := newGame(t)
	g.h.PutEvent(&api.Event{Kind: api.EventMemberJoined, Peer: 1 << 32, Data: []byte("ann"), Text: "hello"})
	g.h.PutEvent(&api.Event{Kind: api.EventMessage, Peer: 1 << 32, Data: []byte("first")})
	g.h.PutEvent(&api.Event{Kind: api.EventMessage, Peer: 1 << 32})
	want := []string{`7 count 0 data "ann" text "hello"`, `message "first"`, `message ""`}
	if got := g.poll(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %q", got)
	}
}

// A game that does not poll: messages stop at the part kept for state, reliable ones wait, unreliable ones are counted.
func TestFullEventRingKeepsStateAndReliable(t *testing.T) {
	g := newGame(t)
	message := api.Event{Kind: api.EventMessage, Mode: api.ReliableOrdered, Peer: 1 << 32, Data: make([]byte, 1000)}
	n := 0
	for g.h.PutEvent(&message) {
		n++
	}
	if n == 0 || n > (testPayload-stateBytes)/1000 {
		t.Fatalf("%d messages of 1000 bytes in %d bytes", n, testPayload-stateBytes)
	}
	for range 3 {
		if !g.h.PutEvent(&api.Event{Kind: api.EventMessage, Mode: api.Unreliable, Data: make([]byte, 1000)}) {
			t.Fatal("an unreliable message waits instead of being dropped")
		}
	}
	for i := range stateEntries {
		if !g.h.PutEvent(&api.Event{Kind: api.EventPeerInterrupted, Peer: 1 << 32, Text: strings.Repeat("x", 900)}) {
			t.Fatalf("state event %d found no room", i)
		}
	}
	if g.h.Sleep(); g.s.starved.Load() != 1 {
		t.Fatal("the game was not asked to wake us")
	}
	got := g.poll()
	if g.h.Sleep() {
		t.Fatal("slept although the game has made room")
	}
	if !g.h.PutEvent(&message) {
		t.Fatal("no room after a poll")
	}
	got = append(got, g.poll()...)
	if told := strings.Count(strings.Join(got, "\n"), `19 count 3 data "" text ""`); told != 1 || len(got) != n+stateEntries+2 {
		t.Fatalf("%d events for %d messages and %d states, %d times QUEUE_FULL", len(got), n+1, stateEntries, told)
	}
}

// The largest message must fit an empty ring wherever the last one ended, and never lie across its end.
func TestLargeMessagesStartOver(t *testing.T) {
	g := newGame(t)
	for i := range 50 {
		small := bytes.Repeat([]byte{1}, 100*i)
		large := bytes.Repeat([]byte{byte(i)}, testPayload-stateBytes-16)
		g.h.PutEvent(&api.Event{Kind: api.EventMessage, Data: small})
		if got := g.poll(); len(got) != 1 {
			t.Fatalf("round %d: %d events", i, len(got))
		}
		if !g.h.PutEvent(&api.Event{Kind: api.EventMessage, Data: large}) {
			t.Fatalf("round %d: the large message found no room in an empty ring", i)
		}
		if got := g.poll(); len(got) != 1 || got[0] != fmt.Sprintf("message %q", large) {
			t.Fatalf("round %d: the large message is not whole", i)
		}
	}
}

func TestCreditsAreCutAtTheBudgetAndWritableIsOwedOnce(t *testing.T) {
	g := newGame(t)
	peer := api.NewPeerHandle(3, 7)
	p := &g.s.peers[3]
	g.h.PutEvent(&api.Event{Kind: api.EventMemberJoined, Peer: peer})
	g.h.PutEvent(&api.Event{Kind: api.EventPeerConnected, Peer: peer})
	if p.key.Load() != 7<<32|peerMember|peerConnected || p.credits.Load() != 1000 {
		t.Fatalf("key %x credits %d", p.key.Load(), p.credits.Load())
	}
	g.poll()
	p.credits.Store(0)
	p.blocked.Store(1)
	g.h.Credit(peer, 400)
	if got := g.poll(); len(got) != 0 {
		t.Fatalf("WRITABLE for less than half of the budget: %q", got)
	}
	g.h.Credit(peer, 100)
	g.h.Credit(peer, 100)
	if got := g.poll(); len(got) != 1 || p.blocked.Load() != 0 {
		t.Fatalf("got %q", got)
	}
	g.h.Credit(peer, 5000)
	g.h.Credit(api.NewPeerHandle(3, 6), 1)
	if p.credits.Load() != 1000 {
		t.Fatalf("credits %d", p.credits.Load())
	}
	g.h.PutEvent(&api.Event{Kind: api.EventMemberLeft, Peer: peer})
	g.h.PutEvent(&api.Event{Kind: api.EventPeerClosed, Peer: peer})
	if uint32(p.key.Load()) != 0 {
		t.Fatal("a peer that left and closed is still there")
	}
}

// A full command ring: the sender marks itself after the refusal, so the mark may come when the ring is empty already.
func TestRefusedByAFullRingIsToldWritable(t *testing.T) {
	g := newGame(t)
	peer := api.NewPeerHandle(0, 1)
	var c node.Command
	g.h.PutEvent(&api.Event{Kind: api.EventPeerConnected, Peer: peer})
	g.poll()
	for g.send(cmdSend, nil, false) {
	}
	for g.h.NextCommand(&c) {
	}
	g.s.peers[0].blocked.Store(1)
	g.s.ringBlocked.Store(1)
	if g.h.Sleep(); len(g.poll()) != 1 {
		t.Fatal("no WRITABLE")
	}
	if !g.h.Sleep() {
		t.Fatal("awake for nothing")
	}
}

func TestLeavingTheRoomForgetsMembersButNotConnections(t *testing.T) {
	g := newGame(t)
	connected, member := api.NewPeerHandle(0, 1), api.NewPeerHandle(1, 1)
	for _, p := range []api.PeerHandle{connected, member} {
		g.h.PutEvent(&api.Event{Kind: api.EventMemberJoined, Peer: p})
	}
	g.h.PutEvent(&api.Event{Kind: api.EventPeerConnected, Peer: connected})
	g.s.room.Store(1)
	g.h.PutEvent(&api.Event{Kind: api.EventRoomLeft, Code: api.ErrRoomClosed})
	if uint32(g.s.peers[0].key.Load()) != peerConnected || uint32(g.s.peers[1].key.Load()) != 0 || g.s.room.Load() != 0 {
		t.Fatal("wrong state after leaving")
	}
}

// musubi_strerror says what core/api says.
// musubi_disconnect overtakes the event: what musubi_connect looks at must not say connected again, or it answers ALREADY
// for ever.
func TestALateServerConnectedDoesNotUndoADisconnect(t *testing.T) {
	g := newGame(t)
	g.s.link.Store(0)
	g.h.PutEvent(&api.Event{Kind: api.EventServerConnected})
	if g.s.link.Load() != 0 {
		t.Fatal("the client counts as connected")
	}
	g.s.link.Store(1)
	g.h.PutEvent(&api.Event{Kind: api.EventServerConnected})
	if g.s.linkUp.Load() != 1 {
		t.Fatal("musubi_client_stats does not see the link")
	}
	g.h.PutEvent(&api.Event{Kind: api.EventServerLost, Code: api.ErrLost})
	if g.s.link.Load() != 0 || g.s.linkUp.Load() != 0 || g.s.linkCode.Load() != int32(api.ErrLost) {
		t.Fatal("a lost link stays")
	}
}

func TestErrorTexts(t *testing.T) {
	header, err := os.ReadFile("../include/musubi.h")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("errors.c")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, m := range regexp.MustCompile(`\{(MUSUBI_\w+), "(.*)"\}`).FindAllStringSubmatch(string(source), -1) {
		texts[m[1]] = m[2]
	}
	codes := regexp.MustCompile(`(MUSUBI_OK|MUSUBI_ERR_\w+) = (-?\d+)`).FindAllStringSubmatch(string(header), -1)
	if len(codes) < 30 || len(codes) != len(texts) {
		t.Fatalf("%d codes in the header, %d texts", len(codes), len(texts))
	}
	for _, m := range codes {
		n, _ := strconv.Atoi(m[2])
		if want := api.Code(n).String(); texts[m[1]] != want {
			t.Errorf("%s: %q, core/api has %q", m[1], texts[m[1]], want)
		}
	}
}

func BenchmarkCommandAndEvent(b *testing.B) {
	g := newGame(b)
	var c node.Command
	ev := api.Event{Kind: api.EventMessage, Mode: api.Unreliable, Peer: 1 << 32}
	data := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		g.send(cmdSend, data, false)
		g.h.NextCommand(&c)
		ev.Data = c.Data
		g.h.PutEvent(&ev)
		g.h.NextCommand(&c)
		g.h.Publish()
		g.s.eventRead.Store(g.s.eventHead.Load())
		g.s.eventReleased.Store(g.s.eventHead.Load())
	}
}
