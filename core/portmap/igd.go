package portmap

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The characters that XML reserves. Package html would do this too, with a table of 2,231 names that costs the library 127 KB.
var (
	escape   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
	unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#34;", `"`, "&apos;", "'", "&#39;", "'", "&amp;", "&")
)

// The services that map ports, most wanted first. A router has one of them for each of its connections.
var services = [...]string{
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
}

// element gives the text of the first <name> in doc, whatever its prefix or attributes, and what follows it. Routers
// send XML that strict parsers refuse, and all that is needed here are a few leaves.
func element(doc, name string) (text, rest string, ok bool) {
	for {
		i := strings.IndexByte(doc, '<')
		if i < 0 {
			return "", "", false
		}
		doc = doc[i+1:]
		end := strings.IndexByte(doc, '>')
		if end < 0 {
			return "", "", false
		}
		tag := doc[:end]
		doc = doc[end+1:]
		if cut := strings.IndexAny(tag, " \t\r\n/"); cut >= 0 {
			if tag = tag[:cut]; tag == "" { // an end tag
				continue
			}
		}
		if colon := strings.IndexByte(tag, ':'); colon >= 0 {
			tag = tag[colon+1:]
		}
		if !strings.EqualFold(tag, name) {
			continue
		}
		close := strings.Index(doc, "</")
		if close < 0 {
			return "", "", false
		}
		if inner := strings.IndexByte(doc, '<'); inner < close { // not a leaf: its first child follows
			return "", doc, true
		}
		return strings.TrimSpace(unescape.Replace(doc[:close])), doc[close:], true
	}
}

// control finds the best mapping service of a device description and the URL that takes its calls.
func control(doc string) (service, url string, ok bool) {
	found := map[string]string{}
	for {
		kind, rest, ok := element(doc, "serviceType")
		if !ok {
			break
		}
		doc = rest
		block, _, _ := strings.Cut(doc, "</service>")
		if at, _, ok := element(block, "controlURL"); ok && found[kind] == "" {
			found[kind] = at
		}
	}
	for _, s := range services {
		if url := found[s]; url != "" {
			return s, url, true
		}
	}
	return "", "", false
}

// soap is the body of a call; args alternate names and values.
func soap(service, action string, args ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>`)
	fmt.Fprintf(&b, `<u:%s xmlns:u="%s">`, action, service)
	for i := 0; i+1 < len(args); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", args[i], escape.Replace(args[i+1]), args[i])
	}
	fmt.Fprintf(&b, "</u:%s></s:Body></s:Envelope>", action)
	return b.String()
}

// addMapping is AddPortMapping's body (WANIPConnection:1, 2.4.16).
func addMapping(service string, in *Inside, external uint16, lifetime time.Duration) string {
	return soap(service, "AddPortMapping",
		"NewRemoteHost", "", "NewExternalPort", fmt.Sprint(external), "NewProtocol", "UDP",
		"NewInternalPort", fmt.Sprint(in.Port), "NewInternalClient", in.Local.String(), "NewEnabled", "1",
		"NewPortMappingDescription", "musubi", "NewLeaseDuration", fmt.Sprint(int(lifetime/time.Second)))
}

func deleteMapping(service string, external uint16) string {
	return soap(service, "DeletePortMapping",
		"NewRemoteHost", "", "NewExternalPort", fmt.Sprint(external), "NewProtocol", "UDP")
}

// externalAddress reads GetExternalIPAddress's answer.
func externalAddress(page string) (netip.Addr, bool) {
	text, _, ok := element(page, "NewExternalIPAddress")
	a, err := netip.ParseAddr(text)
	return a, ok && err == nil
}
