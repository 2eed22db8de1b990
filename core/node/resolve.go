package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
)

// resolveLimit bounds one look-up of all the servers' names.
const resolveLimit = 5 * time.Second

// renewEvery is how often the names are looked up again while the link is down: a server that moved is found that much
// after its name points to the new place. Name servers and the system keep answers for themselves; this asks them.
const renewEvery = 3 * time.Second

// maxDeferred bounds the room commands kept while names are looked up: join and leave, a few times over.
const maxDeferred = 8

// serverNames turns the configured servers into addresses. Names are looked up in a goroutine of their own, because a
// dead name server takes seconds and the owner must not. While a link is down they are looked up again and again: the
// server may have moved.
type serverNames struct {
	names  []string
	wantV6 bool
	fixed  []netip.AddrPort          // all servers, if every one is given as an address
	hosts  map[netip.AddrPort]string // the addresses in use and the names they were found by, empty for none
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	cancel  context.CancelFunc // nonnil: a look-up is running
	result  chan resolution    // one per look-up, with room for its answer
	waiting []Command          // room commands that came meanwhile

	linked  bool      // the link wanted is to these servers, not to a host in the local network
	renewal bool      // the look-up that runs is for a link that is down
	renewAt time.Time // the next of these; zero: at once when the link is lost
}

type resolution struct {
	addrs []netip.AddrPort
	hosts map[netip.AddrPort]string
	err   error
}

func newServerNames(cfg Config) serverNames {
	s := serverNames{
		names:  cfg.Servers,
		wantV6: cfg.Bind.Addr().Is6(),
		// Go's own resolver: it ends when it is cancelled, while a call into the C library would hold a thread that
		// the process may have to wait for.
		lookup: (&net.Resolver{PreferGo: true}).LookupNetIP,
	}
	for _, name := range cfg.Servers {
		addr, err := netip.ParseAddrPort(name)
		if err != nil || !s.family(addr.Addr()) {
			s.fixed = nil
			break
		}
		s.fixed = append(s.fixed, addr)
	}
	s.hosts = map[netip.AddrPort]string{}
	for _, addr := range s.fixed {
		s.hosts[addr] = ""
	}
	return s
}

// family reports whether the client's sockets can reach an address of that kind.
func (s *serverNames) family(a netip.Addr) bool { return a.Is6() == s.wantV6 }

// running reports whether a connect waits for a look-up.
func (s *serverNames) running() bool { return s.cancel != nil && !s.renewal }

// start begins a look-up; wake is called when its answer is there.
func (s *serverNames) start(wake func()) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	result := make(chan resolution, 1)
	s.cancel, s.result = cancel, result
	Spawn(func() {
		defer wake()
		Trouble("resolver")
		result <- s.resolve(ctx)
	}, func(text string) {
		result <- resolution{err: panicError(text)}
		wake()
	})
}

// answer takes the result of a look-up that has ended.
func (s *serverNames) answer() (r resolution, ok bool) {
	if s.cancel == nil {
		return r, false
	}
	select {
	case r = <-s.result:
		s.cancel()
		s.cancel = nil
		return r, true
	default:
		return r, false
	}
}

// stop ends a look-up and waits until its goroutine has.
func (s *serverNames) stop() {
	if s.cancel != nil {
		s.cancel()
		<-s.result
		s.cancel = nil
	}
	s.waiting, s.renewal, s.renewAt = nil, false, time.Time{}
}

// resolve looks all names up. One that works is enough; otherwise the first one's error is told.
func (s *serverNames) resolve(ctx context.Context) (r resolution) {
	r.hosts = map[netip.AddrPort]string{}
	for _, name := range s.names {
		found, err := s.resolveOne(ctx, name)
		if err != nil && r.err == nil {
			r.err = err
		}
		host, _, _ := net.SplitHostPort(name)
		if _, err := netip.ParseAddr(host); err == nil {
			host = ""
		}
		for _, a := range found {
			r.hosts[a] = host
		}
		r.addrs = append(r.addrs, found...)
	}
	if len(r.addrs) > 0 {
		r.err = nil
	}
	return r
}

func (s *serverNames) resolveOne(ctx context.Context, name string) (addrs []netip.AddrPort, err error) {
	host, portText, err := net.SplitHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("the server address %q is not a host and a port", name)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("the server address %q needs a port from 1 to 65535", name)
	}
	network, kind := "ip4", "IPv4"
	if s.wantV6 {
		network, kind = "ip6", "IPv6"
	}
	var found []netip.Addr
	if literal, e := netip.ParseAddr(host); e == nil {
		found = []netip.Addr{literal}
	} else if found, err = s.lookup(ctx, network, host); err != nil {
		return nil, fmt.Errorf("can't find the server %q: %s", host, lookupProblem(err))
	}
	for _, a := range found {
		if a = a.Unmap(); s.family(a) {
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("the server %q has no %s address, and this client needs one", host, kind)
	}
	return addrs, nil
}

// lookupProblem says in a few words what a player or an administrator can act on.
func lookupProblem(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &dns) && dns.IsTimeout:
		return "the name server does not answer"
	case dns != nil && dns.IsNotFound:
		return "no such name"
	}
	return err.Error()
}

// connect starts the link, after a look-up if the servers have names.
func (o *owner) connect() {
	s := &o.servers
	switch {
	case s.running():
		o.log(logWarn, "already connecting to the server")
	case s.fixed != nil || len(s.names) == 0 || o.out.linkWanted:
		o.connectTo(s.fixed)
	default:
		s.stop() // a renewal for the link before
		s.start(o.loop.Wake)
	}
}

// seeking reports whether names are to be looked up again at renewAt: the link to their server is down.
func (o *owner) seeking() bool {
	s := &o.servers
	return s.linked && s.fixed == nil && len(s.names) > 0 && s.cancel == nil && o.closeBy.IsZero() && o.engine.Searching()
}

// renewAddresses looks the names up again while the link to their server is down.
func (o *owner) renewAddresses() {
	s := &o.servers
	switch {
	case !o.engine.Searching():
		s.renewAt = time.Time{}
	case o.seeking() && (s.renewAt.IsZero() || deadline.Due(o.now, s.renewAt)):
		s.renewal, s.renewAt = true, o.now.Add(renewEvery)
		s.start(o.loop.Wake)
	}
}

func (o *owner) connectTo(addrs []netip.AddrPort) {
	if !o.out.linkWanted { // a server in the local network may have been the last one
		if err := o.engine.SetServer(addrs, o.cfg.Endpoint.ServerKey); err != nil {
			o.log(logWarn, err.Error())
		}
		if len(addrs) > 0 {
			o.watchNetwork(addrs[0])
		}
	}
	o.link()
	o.servers.linked, o.servers.renewAt = o.out.linkWanted, o.now.Add(renewEvery)
}

// link starts the link to the server that the endpoint was told of last.
func (o *owner) link() {
	switch err := o.engine.Connect(o.now); {
	case err == nil:
		o.out.linkWanted = true
	case codeOf(err) == api.ErrAlready:
		o.log(logWarn, err.Error())
	default:
		o.tell(api.Event{Kind: api.EventServerLost, Code: codeOf(err), Text: err.Error()})
	}
}

// kept is a command with memory of its own.
func (c *Command) kept() Command {
	k := *c
	for _, b := range []*[]byte{&k.Data, &k.Password, &k.Request.Data, &k.Request.After} {
		*b = append([]byte(nil), *b...)
	}
	return k
}

// deferred keeps a room command for after the look-up.
func (o *owner) deferred(c *Command) bool {
	if !o.servers.running() {
		return false
	}
	if len(o.servers.waiting) == maxDeferred {
		o.log(logWarn, "too many room commands while the server's name is looked up")
		return true
	}
	o.servers.waiting = append(o.servers.waiting, c.kept())
	return true
}

// takeAddresses goes on where connect began, once the look-up has ended.
func (o *owner) takeAddresses() {
	r, ok := o.servers.answer()
	if !ok {
		return
	}
	carryOn(r.err)
	if o.servers.renewal {
		o.servers.renewal = false
		if r.err == nil { // a name server that is silent just now tells nothing
			o.servers.hosts = r.hosts
			o.engine.SetServers(o.now, r.addrs)
			if !slices.Contains(r.addrs, o.serverAddr) {
				o.watchNetwork(r.addrs[0])
			}
		}
		return
	}
	waiting := o.servers.waiting
	o.servers.waiting = nil
	if r.err != nil {
		o.lookupEnded(waiting, api.ErrServerUnreachable, r.err.Error())
		return
	}
	o.servers.hosts = r.hosts
	o.connectTo(r.addrs)
	for i := range waiting {
		o.apply(&waiting[i])
	}
}

// lookupEnded tells that there will be no link: the rooms asked for first, then the server.
func (o *owner) lookupEnded(waiting []Command, code api.Code, text string) {
	for i := range waiting {
		if k := waiting[i].Kind; k == CmdRoomCreate || k == CmdRoomJoin {
			o.tell(api.Event{Kind: api.EventRoomLeft, Code: code, Text: text})
			break // one room at a time
		}
	}
	if code != api.ErrClosed {
		o.tell(api.Event{Kind: api.EventServerLost, Code: code, Text: text})
	}
}

// disconnect leaves the server, or gives up looking for it.
func (o *owner) disconnect() {
	if o.servers.running() {
		waiting := o.servers.waiting
		o.servers.stop()
		o.lookupEnded(waiting, api.ErrClosed, "disconnected")
		return
	}
	o.servers.stop()
	o.out.linkWanted, o.servers.linked = false, false
	if err := o.engine.Disconnect(o.now); err != nil {
		o.log(logWarn, err.Error())
	}
	o.lanEnd()
}
