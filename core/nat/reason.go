package nat

import (
	"strconv"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// reason is the sentence of EventGaveUp: why plain punching found no way, for people.
func reason(local, remote wire.Profile, candidates int, answered bool) string {
	here, there := side(local), side(remote)
	switch {
	case answered:
		return "the other side answers, but the path loses full-size packets"
	case here == blocked || there == blocked:
		return "UDP is blocked on " + who(here == blocked, there == blocked)
	case candidates == 0:
		return "no address of the other side is known"
	case here == symmetric && there == symmetric:
		return "both sides are behind symmetric NATs"
	case here == symmetric && there == restricted:
		return "symmetric NAT on this side, port-restricted NAT on the other"
	case here == restricted && there == symmetric:
		return "port-restricted NAT on this side, symmetric NAT on the other"
	}
	return "no answer from any of " + strconv.Itoa(candidates) + " addresses (this side " + describe(local) + ", other side " + describe(remote) + ")"
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
