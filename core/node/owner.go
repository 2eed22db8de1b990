package node

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
)

const (
	commandBatch  = 256                     // commands between two looks at the sockets
	transmitBatch = 256                     // datagrams, ditto
	statsInterval = 100 * time.Millisecond  // between two snapshots
	rateFade      = 1100 * time.Millisecond // after the last snapshot: rates in it are over a second
	retryEvent    = 10 * time.Millisecond   // an event that found no room is offered again; the game may wake us earlier
	timerGap      = time.Millisecond        // least time between two HandleTimeouts, which is also what Go's timers resolve
	closeLimit    = 800 * time.Millisecond  // for goodbyes; destroy and exit together should stay under 1 s
)

// engine is what the owner drives: *endpoint.Endpoint, or a test's script.
type engine interface {
	SetServer(addrs []netip.AddrPort, key [32]byte) error
	SetServers(now time.Time, addrs []netip.AddrPort)
	Searching() bool
	SetLocal(now time.Time, main netip.AddrPort, addrs []netip.Addr)
	HandleDatagram(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte)
	HandleTimeout(now time.Time)
	NextTimeout() time.Time
	AppendTransmit(now time.Time, dst []byte) (out []byte, tx endpoint.Transmit, ok bool)
	NextSocketOp() (endpoint.SocketOp, bool)
	SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort)
	SocketFailed(now time.Time, id api.SocketID, text string)
	NextEvent() (api.Event, bool)
	NextRelease() (h api.PeerHandle, bytes int, ok bool)
	Consumed(now time.Time, h api.PeerHandle, n int)
	Connect(now time.Time) error
	Disconnect(now time.Time) error
	RoomOpen(now time.Time, o *api.RoomOptions) error
	RoomEnter(now time.Time, o *api.JoinOptions) error
	RoomLeave(now time.Time) error
	Request(now time.Time, q *api.Request) error
	NextDerivation() (endpoint.Derivation, bool)
	Derived(now time.Time, room uint64, key [32]byte)
	PeerConnect(now time.Time, h api.PeerHandle, data []byte) error
	PeerAccept(now time.Time, h api.PeerHandle) error
	PeerReject(now time.Time, h api.PeerHandle, text string) error
	PeerClose(now time.Time, h api.PeerHandle, code int32, text string) error
	PeerPunch(now time.Time, h api.PeerHandle) error
	Send(now time.Time, h api.PeerHandle, how api.Outgoing, data []byte) error
	PeerStats(h api.PeerHandle) (api.PeerStats, bool)
	EachPeer(f func(h api.PeerHandle))
	NetworkChanged(now time.Time)
	Suspend(now time.Time, d time.Duration)
	Resume(now time.Time)
	SetToken(now time.Time, token []byte) error
	SetCertificate(now time.Time, certificate []byte) error
	Observed() netip.AddrPort
	SetMapped(now time.Time, protocol string, external netip.AddrPort)
	AppendReport(dst []byte, now time.Time) []byte
	Server() netip.AddrPort
	Close(now time.Time)
	Done() bool
}

// owner is the state of one Run.
type owner struct {
	host   Host
	cfg    Config
	loop   *netio.Loop
	engine engine

	now     time.Time // of this step
	mains   mainSockets
	main    netip.AddrPort // where the main socket is bound
	twin    bool           // main takes IPv6 as well
	local   []netip.Addr   // of this machine's interfaces
	sockets []api.SocketID // open, to be closed at the end
	timerAt time.Time      // the last HandleTimeout
	command Command
	held    bool // command is a send that waits for budget
	stats   api.PeerStats
	reader  func(id api.SocketID, from netip.AddrPort, b []byte) // made once: a method value per step would allocate

	pending func() bool             // made once, too
	report  func(dst []byte) []byte // and this
	habit   habit
	spoiled [api.MaxPeers]uint64 // each peer's failed datagrams at its last snapshot, by slot

	servers    serverNames
	serverAddr netip.AddrPort // the first of them
	network    netWatch
	mapper     portMapper
	tcp        tcp
	sim        simulator
	lan        lanPlay
	password   passwordKeys
	out        outbox
	statsAt    time.Time // the last snapshots
	stale      bool      // something happened since
	fadeAt     time.Time // another one when nothing has: the rates in it fall
	closeBy    time.Time // nonzero: closing
}

func newOwner(h Host, cfg Config, loop *netio.Loop) *owner {
	if !cfg.Bind.IsValid() {
		cfg.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if cfg.Endpoint.Rand == nil {
		cfg.Endpoint.Rand = rand.Reader
	}
	cfg.Endpoint.AES, cfg.Endpoint.Streams = netio.HasAES(), true
	o := &owner{
		host: h, cfg: cfg, loop: loop,
		servers: newServerNames(cfg), pending: h.Pending,
	}
	o.reader = func(id api.SocketID, from netip.AddrPort, b []byte) {
		switch {
		case id >= lanServer:
			o.lanDatagram(id, from, b)
			return
		case o.sim.in != nil && !o.spared(o.sim.inDirect, b, from):
			o.sim.in.Push(o.now, arrival{o.mains.inside(id), from}, b)
			return
		}
		o.engine.HandleDatagram(o.now, o.mains.inside(id), from, b)
	}
	o.report = func(dst []byte) []byte { return o.engine.AppendReport(dst, o.now) }
	o.initTCP()
	return o
}

func (o *owner) run() {
	var err error
	text := guard(func() { err = o.serve() })
	text = cmp.Or(text, guard(o.release))
	switch {
	case text != "":
		o.failed(text)
	case err != nil:
		o.failed(err.Error())
	}
}

// serve returns when the client has closed, or with the sentence that EventFailed shall carry.
func (o *owner) serve() error {
	if err := o.start(time.Now()); err != nil {
		return err
	}
	for {
		o.now = time.Now()
		busy := o.step()
		if !o.closeBy.IsZero() {
			if o.engine.Done() && !o.sim.sending() || !o.now.Before(o.closeBy) {
				return nil
			}
			if busy {
				continue
			}
			// A closing host never sleeps: nobody needs to wake us, and it would call us back at once.
			if err := o.loop.Wait(o.deadline()); err != nil {
				return fmt.Errorf("waiting for the network failed: %w", err)
			}
			continue
		}
		if busy || o.linger() {
			continue
		}
		// With a command held nothing that the host has can be done: only acknowledgements and time help.
		if !o.held && !o.host.Sleep() {
			continue
		}
		asleep := time.Now()
		err := o.loop.Wait(o.deadline())
		if !o.held {
			o.host.Awake()
		}
		o.habit.came(time.Since(asleep) < lingerTime)
		if err != nil {
			return fmt.Errorf("waiting for the network failed: %w", err)
		}
	}
}

func (o *owner) start(now time.Time) (err error) {
	if o.engine == nil {
		if o.engine, err = endpoint.New(now, o.cfg.Endpoint); err != nil {
			return fmt.Errorf("the client can't start: %w", err)
		}
	}
	if err = o.openMain(); err != nil {
		return fmt.Errorf("the client can't start: %w", err)
	}
	o.mapper.off = o.cfg.NoPortMapping
	rand.Read(o.mapper.nonce[:])
	o.setLocal(now)
	return nil
}

// step does one round of everything that can be done without waiting. busy: there may be more, so don't sleep yet.
func (o *owner) step() (busy bool) {
	Trouble("owner")
	now := o.now
	if busy = o.loop.Read(o.reader)+o.readTCP() > 0; busy {
		o.habit.last = workPacket
	}
	if o.sim.in != nil {
		busy = o.deliverDue() || busy
	}
	if o.closeBy.IsZero() && o.host.Closing() {
		o.beginClose()
	} else if o.closeBy.IsZero() {
		if o.takeCommands(commandBatch) {
			busy, o.habit.last = true, workGame
		}
	}
	o.lookAround()
	o.dropOldMain()
	o.takeAddresses()
	o.renewAddresses()
	o.takeMappings()
	o.takePassword()
	if at := o.timeout(); !at.IsZero() && !now.Before(at) {
		o.timerAt, o.stale = now, true
		o.engine.HandleTimeout(now)
	}
	o.stale = o.stale || busy
	o.socketOps()
	o.derivePassword()
	o.lanStep()
	busy = o.transmit() || busy
	busy = o.publish() || busy
	o.snapshots()
	o.host.Report(o.report)
	return busy
}

// beginClose runs what the game asked for before it closed, then says goodbye.
func (o *owner) beginClose() {
	o.closeBy = o.now.Add(closeLimit)
	o.servers.stop()
	for o.takeCommands(commandBatch) { // a closing host takes no more commands, so this ends
	}
	o.engine.Close(o.now)
	o.mapper.beginStop()
	o.lanEnd()
}

// transmit sends what there is, up to a limit; more says that something may be left. A long queue is sent in turn with
// reading, or its acknowledgements would wait and measure our own slowness as the path's.
func (o *owner) transmit() (more bool) {
	defer o.flush()
	if o.sim.out != nil {
		defer o.sendDue()
	}
	for range transmitBatch {
		out, tx, ok := o.engine.AppendTransmit(o.now, o.loop.Room())
		if !ok {
			return false
		}
		if o.sim.out != nil && !o.spared(o.sim.outDirect, out, tx.To) {
			o.sim.out.Push(o.now, tx, out)
			continue
		}
		o.put(&tx, out)
	}
	return true
}

func (o *owner) flush() {
	o.loop.Flush()
	o.tcp.Flush()
}

// timeout is the endpoint's deadline, but never sooner than timerGap after the last: a machine that keeps asking for
// the past would otherwise take a whole processor from the game.
func (o *owner) timeout() time.Time {
	at := o.engine.NextTimeout()
	if soonest := o.timerAt.Add(timerGap); !at.IsZero() && at.Before(soonest) {
		return soonest
	}
	return at
}

// deadline is when the owner has to do something even if nothing comes.
func (o *owner) deadline() time.Time {
	at := deadline.Earlier(o.timeout(), o.sim.next())
	if !o.closeBy.IsZero() {
		return deadline.Earlier(at, o.closeBy)
	}
	at = deadline.Earlier(at, o.mains.oldEnd)
	if o.seeking() {
		at = deadline.Earlier(at, o.servers.renewAt)
	}
	at = deadline.Earlier(at, o.mapper.again)
	at = deadline.Earlier(at, o.network.lookAt)
	at = deadline.Earlier(at, o.lanDeadline())
	if o.out.waiting {
		at = deadline.Earlier(at, o.now.Add(retryEvent))
	}
	at = deadline.Earlier(at, o.fadeAt)
	if o.stale {
		at = deadline.Earlier(at, o.statsAt.Add(statsInterval))
	}
	return at
}

// release closes what this run opened and waits for what it started.
func (o *owner) release() {
	Trouble("release")
	o.servers.stop()
	o.mapper.stop()
	o.password.stop()
	o.tcp.Close()
	for _, id := range o.sockets {
		o.loop.CloseSocket(id)
	}
}

// failed is the client after an error of its own: it delivers the sentence and waits for the end. Commands are thrown
// away, since a full ring would never let the host sleep.
func (o *owner) failed(text string) {
	ev := api.Event{Kind: api.EventFailed, Code: api.ErrFailed, Text: text}
	delivered := false
	serve := func() {
		for !o.host.Closing() {
			for o.host.NextCommand(&o.command) {
			}
			delivered = delivered || o.host.PutEvent(&ev)
			if !o.host.Sleep() {
				continue
			}
			wake := time.Time{}
			if !delivered {
				wake = time.Now().Add(retryEvent)
			}
			err := o.loop.Wait(wake)
			o.host.Awake()
			if err != nil {
				return
			}
		}
	}
	// If the host itself is what panics there is nobody to tell. Run returns then.
	guard(serve)
}
