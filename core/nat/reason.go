package nat

import (
	"strconv"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// reason is the sentence of EventGaveUp: why no way was found, for people.
func (a *Agent) reason(answered bool) string {
	local, remote := a.cfg.Local, a.cfg.Remote
	here, there := side(local), side(remote)
	switch {
	case answered:
		return "the other side answers, but the path loses full-size packets"
	case here == blocked || there == blocked:
		return "UDP is blocked on " + who(here == blocked, there == blocked)
	case len(a.pairs) == 0:
		return "no address of the other side is known"
	}
	why := ""
	if a.hunt.why != "" {
		why = ": " + a.hunt.why
	}
	switch {
	case here == symmetric && there == symmetric:
		return "both sides are behind symmetric NATs (this side " + portsOf(local) + ", other side " + portsOf(remote) + ")" + why
	case here == symmetric && there == restricted:
		return "symmetric NAT on this side (" + portsOf(local) + "), port-restricted NAT on the other" + why
	case here == restricted && there == symmetric:
		return "port-restricted NAT on this side, symmetric NAT on the other (" + portsOf(remote) + ")" + why
	}
	return "no answer from any of " + strconv.Itoa(len(a.pairs)) + " addresses (this side " + describe(local) + ", other side " + describe(remote) + ")" + why
}

// exhausted is why a prediction ended that had its chance.
func (a *Agent) exhausted(cut string) string {
	h := &a.hunt
	what := ""
	switch {
	case h.open != nil && h.open.method == methodBracket:
		what = strconv.Itoa(h.tries) + " brackets of ports"
	case h.open != nil:
		what = strconv.Itoa(h.open.n) + " sockets, " + strconv.Itoa(min(h.open.round+1, birthdayRounds)) + " rounds"
	case h.cross != nil:
		what = strconv.Itoa(int(h.cross.attempt)) + " rounds of crossing ports"
	case h.cover != nil:
		what = strconv.Itoa(h.cover.n) + " sockets to one port"
	case h.seek != nil:
		what = strconv.Itoa(h.sent) + " ports probed"
	case h.fresh != nil:
		return "not with fresh sockets either"
	case h.plan.method != methodNone:
		what = "the other side did not begin"
	}
	if what == "" {
		return ""
	}
	if cut != "" {
		what += ", " + cut
	}
	return "port prediction found none (" + what + ")"
}

// sideKind is what matters of a profile for plain punching.
type sideKind uint8

const (
	open       sideKind = iota // or not known
	restricted                 // takes packets only from address and port it sent to
	symmetric                  // the port depends on the destination
	blocked
)

func side(p wire.Profile) sideKind {
	mapping, filtering := api.Behaviour(p.Mapping), api.Behaviour(p.Filtering)
	switch {
	case mapping == api.BehaviourUDPBlocked:
		return blocked
	case mapping == api.AddressAndPortDependent || mapping == api.AddressDependent:
		return symmetric
	case filtering == api.AddressAndPortDependent:
		return restricted
	}
	return open
}

func who(here, there bool) string {
	switch {
	case here && there:
		return "both networks"
	case here:
		return "this network"
	}
	return "the other side's network"
}

func describe(p wire.Profile) string {
	return api.Behaviour(p.Mapping).String() + "/" + api.Behaviour(p.Filtering).String()
}
