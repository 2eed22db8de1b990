package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/musubi-p2p/musubi/core/api"
)

// conclude says in one sentence what a player on this network can expect, and what would improve it.
func (d *diagnosis) conclude() {
	answered := 0
	for _, p := range d.Ports {
		if p.Answered {
			answered++
		}
	}
	d.Healthy = true
	switch {
	case d.Server == "":
		d.Verdict = "No server was named, so nothing can be said about connections; run `musubi doctor musubi://…` with your server's address."
		if d.mapped {
			d.Verdict = "The router forwards ports on request, which makes direct connections easy; name your server for the whole picture."
		}
		return
	case d.LinkError != "" && answered == 0:
		d.Healthy = false
		d.Verdict = "The server can't be reached, over UDP or TLS: it is not running at that address, or this network blocks it."
		d.Advice = []string{"Check the address, and on the server that `musubi server` runs and its UDP ports and TCP port 443 are open in the firewall.",
			"Try from another network, a phone's hotspot for instance: if it works there, this network blocks both."}
		return
	case d.refused == api.ErrUnauthorized && len(d.token) == 0:
		d.Verdict = "The server answers, and lets in only players with an access token: without one nothing more can be said."
		d.Advice = []string{"Give the doctor one with --token: the game's backend makes them, and `musubi token mint` for trying out."}
		return
	case d.LinkError != "":
		d.Healthy = false
		d.Verdict = "The server's ports answer, but the client is not let in: " + d.LinkError + "."
		d.Advice = []string{adviceOn(d.refused)}
		return
	case d.Relay != "ok":
		d.Healthy = false
		d.Verdict = "The server works, but two clients of this machine could not talk through it: " + d.Relay + "."
		d.Advice = []string{"Look at the server's log; its relay may have no capacity left."}
		return
	}
	if d.mapping == api.BehaviourUDPBlocked {
		d.Verdict = "This network blocks UDP. Playing with everybody works all the same, over TLS and always through the relay, which adds some delay."
		d.Advice = []string{"Let UDP out in this network's firewall, and direct connections come about by themselves.",
			"If the server's firewall is yours: its UDP ports must be open, or every player's network looks like this one."}
		return
	}
	d.Verdict, d.Advice = d.expectation()
	if answered < len(d.Ports) {
		d.Advice = append(d.Advice, fmt.Sprintf("%d of %d server ports did not answer: NAT discovery works better when the two extra ones are open.",
			len(d.Ports)-answered, len(d.Ports)))
	}
	if d.doubled {
		d.Advice = append(d.Advice, "There are two NATs between this machine and the world (router behind router, or the provider's own): set one of them to bridge mode if it is yours.")
	}
}

// expectation is the verdict on a network whose server works, by its NAT.
func (d *diagnosis) expectation() (verdict string, advice []string) {
	const askRouter = "Turn UPnP or NAT-PMP on in the router: then others reach this player directly."
	seen := d.observed.Addr()
	switch {
	case seen.IsLoopback() || seen.IsPrivate():
		return "The server is on this machine or in this local network, where players connect directly; it says nothing about the internet.",
			[]string{"Run the doctor against a server outside to see what players at home can expect."}
	case d.mapping == api.BehaviourNone && d.filter <= api.EndpointIndependent:
		return "Very good: this machine has a public address; everybody can connect to it directly.", nil
	case d.mapped:
		return "Very good: the router forwards a port to this machine; everybody can connect to it directly.", nil
	case d.mapping == api.EndpointIndependent && d.filter == api.EndpointIndependent:
		return "Very good: a full-cone NAT; everybody can connect directly.", nil
	case d.mapping == api.BehaviourNone:
		return "Good: no address translation, but perhaps a firewall; direct connections work with nearly everybody, the rest goes over the relay.", nil
	case d.mapping == api.EndpointIndependent:
		return "Good: direct connections with nearly everybody; with players behind symmetric NATs it may take a second or stay on the relay.",
			[]string{askRouter}
	case d.mapping == api.AddressDependent || d.mapping == api.AddressAndPortDependent:
		return "Fair: this NAT is symmetric. Every connection works, but with players whose NAT is strict as well it stays on the relay.",
			[]string{askRouter, "On a phone's hotspot or a company network nothing can be done: it works, over the relay."}
	}
	return "Connections work over the relay; the NAT could not be measured.", nil
}

func (d *diagnosis) print(w io.Writer) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-15s %s\n", name, value)
		}
	}
	line("this machine", strings.Join(d.Addresses, ", "))
	if d.IPv6 {
		line("IPv6", "yes")
	} else {
		line("IPv6", "no address that the world can reach")
	}
	for _, p := range d.Ports {
		if p.Answered {
			line("UDP port", fmt.Sprintf("%s answers in %.1f ms, sees %s", p.Address, p.Millis, p.Mapped))
		} else {
			line("UDP port", p.Address+" does not answer")
		}
	}
	if d.TCPMillis > 0 {
		line("TCP", fmt.Sprintf("the server answers in %.1f ms, for networks that block UDP", d.TCPMillis))
	} else if d.TCP != "" {
		line("TCP", "a player whose network blocks UDP could not connect: "+d.TCP)
	}
	if d.LinkMillis > 0 {
		over := ""
		if d.mapping == api.BehaviourUDPBlocked {
			over = " over TCP"
		}
		line("link", fmt.Sprintf("up after %.1f ms%s", d.LinkMillis, over))
	}
	line("link", d.LinkError)
	line("NAT", d.NAT)
	line("hairpin", d.Hairpin)
	line("port mapping", d.PortMapping)
	switch {
	case d.RelayMillis > 0:
		line("relay", fmt.Sprintf("first message after %.1f ms", d.RelayMillis))
	default:
		line("relay", d.Relay)
	}
	fmt.Fprintf(w, "\n%s\n", d.Verdict)
	for _, a := range d.Advice {
		fmt.Fprintf(w, "  - %s\n", a)
	}
}

// adviceOn is what to do about a server's refusal.
func adviceOn(refused api.Code) string {
	switch refused {
	case api.ErrUnauthorized, api.ErrTokenExpired:
		return "`musubi token inspect TOKEN --auth-key KEY`, with the server's key, says what is wrong with the token; compare the clocks as well."
	case api.ErrServerVersion:
		return "Update the older of the two, servers first."
	case api.ErrRateLimited, api.ErrServerFull, api.ErrUnavailable, api.ErrServerClosing:
		return "Try again in a minute; if it stays, look at the server's live page and log."
	}
	return "Compare the key after # with the one that the server prints at start."
}
