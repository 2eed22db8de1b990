package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// Site is a network behind one box, with one outer address. It hangs on the core, or is a site inside another one: a home
// behind a carrier's NAT, a router behind a router.
type Site struct {
	w       *World
	Box     *natsim.Box
	public  bool // hosts have the outer address themselves
	wan     netip.Addr
	outside *Site // nil: the core
	inside  []*Site
	clients []*Client
}

// AddSite makes a network behind a box of a natsim preset.
func (w *World) AddSite(preset, wan string) *Site { return w.AddSiteBehind(presetBox(preset), wan) }

// AddSiteBehind makes a network behind a box of any kind.
func (w *World) AddSiteBehind(box natsim.Config, wan string) *Site {
	s := w.newSite(box, wan)
	w.sites[s.wan] = s
	return s
}

// AddSite makes a network inside this one, whose box has the address wan here.
func (s *Site) AddSite(preset, wan string) *Site {
	in := s.w.newSite(presetBox(preset), wan)
	in.outside = s
	s.inside = append(s.inside, in)
	return in
}

func presetBox(preset string) natsim.Config {
	cfg, ok := natsim.Preset(preset)
	if !ok {
		panic("sim: no NAT preset " + preset)
	}
	return cfg
}

func (w *World) newSite(cfg natsim.Config, wan string) *Site {
	addr := netip.MustParseAddr(wan)
	box := natsim.New(cfg, addr, w.rng)
	return &Site{w: w, wan: addr, Box: box, public: !box.Translates()}
}

// WAN is the box's outer address.
func (s *Site) WAN() netip.Addr { return s.wan }

// Public is the address by which the world sees the site: that of the outermost box.
func (s *Site) Public() netip.Addr {
	for s.outside != nil {
		s = s.outside
	}
	return s.wan
}

// SetWAN gives the site another outer address, as a provider does at night; what is on its way to the old one is lost.
func (s *Site) SetWAN(addr netip.Addr) {
	if s.outside == nil {
		delete(s.w.sites, s.wan)
		s.w.sites[addr] = s
	}
	s.wan = addr
	s.Box.SetAddr(addr)
}

// receive takes what arrives at the box from outside.
func (s *Site) receive(now time.Time, p natsim.Packet) {
	if in, ok := s.Box.Inbound(now, p); ok {
		s.hand(now, in)
	}
}

// hand gives a packet to whoever in this network has its address.
func (s *Site) hand(now time.Time, p natsim.Packet) {
	for _, c := range s.clients {
		if c.addr == p.Dst.Addr() {
			c.receive(now, p)
			return
		}
	}
	if in := s.neighbour(p.Dst.Addr()); in != nil {
		in.receive(now, p)
	}
}

func (s *Site) neighbour(a netip.Addr) *Site {
	if i := slices.IndexFunc(s.inside, func(in *Site) bool { return in.wan == a }); i >= 0 {
		return s.inside[i]
	}
	return nil
}

// emit takes what a host, or the box of a site inside, sends.
func (s *Site) emit(now time.Time, p natsim.Packet) {
	if s.local(p) {
		return
	}
	out, ok := s.Box.Outbound(now, p)
	switch {
	case !ok:
	case out.Dst != p.Dst: // hairpinned: an inner address now
		s.local(out)
	case s.outside != nil:
		s.outside.emit(now, out)
	default:
		s.w.send(out)
	}
}

// local sends a packet to somebody in this network, if it is for one.
func (s *Site) local(p natsim.Packet) bool {
	for _, c := range s.clients {
		if c.addr == p.Dst.Addr() {
			s.w.ship(p, LANDelay, c, nil)
			return true
		}
	}
	in := s.neighbour(p.Dst.Addr())
	if in != nil {
		s.w.ship(p, LANDelay, nil, in)
	}
	return in != nil
}
