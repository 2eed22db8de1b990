package portmap

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType><controlURL>/l3f</controlURL></service></serviceList>
<deviceList><device><serviceList><service>
 <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><serviceId>x</serviceId>
 <SCPDURL>/scpd.xml</SCPDURL><controlURL>/ctl/IPConn?a=1&amp;b=2</controlURL></service></serviceList></device></deviceList></device></root>`

func TestControlURL(t *testing.T) {
	service, url, ok := control(description)
	if !ok || service != services[1] || url != "/ctl/IPConn?a=1&b=2" {
		t.Errorf("%q %q %v", service, url, ok)
	}
	if _, _, ok := control("<root><service><serviceType>other</serviceType></service></root>"); ok {
		t.Error("a device without a mapping service was taken")
	}
}

func TestElementOfSloppyXML(t *testing.T) {
	for doc, want := range map[string]string{
		`<s:Body><u:Get xmlns:u="x"><NewExternalIPAddress>203.0.113.5</NewExternalIPAddress>`: "203.0.113.5",
		`<a><NEWEXTERNALIPADDRESS dt:dt="string"> 203.0.113.6 </x>`:                           "203.0.113.6",
	} {
		if a, ok := externalAddress(doc); !ok || a != netip.MustParseAddr(want) {
			t.Errorf("%s: %v %v", doc, a, ok)
		}
	}
	for _, doc := range []string{"", "<", "<NewExternalIPAddress>", "<NewExternalIPAddress></", "<NewExternalIPAddress>nobody</NewExternalIPAddress>"} {
		if a, ok := externalAddress(doc); ok {
			t.Errorf("%q gave %v", doc, a)
		}
	}
}

func TestAnswersOfStrangersAreIgnored(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nST: x\r\nLocation: http://192.168.1.1:5000/rootDesc.xml\r\n\r\n"
	gateway, other := netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("192.168.1.66")
	if at, ok := announced(text, gateway, gateway); !ok || at.host.Port() != 5000 || at.path != "/rootDesc.xml" {
		t.Errorf("the gateway's own: %v %v", at, ok)
	}
	if _, ok := announced(text, other, gateway); ok {
		t.Error("somebody else's answer was taken for the gateway's")
	}
	if _, ok := announced(text, other, netip.Addr{}); ok {
		t.Error("a device sent us to fetch from another host")
	}
}

// fakeIGD is a router's HTTP side; each request's first line and body go to serve, which gives a status line and a body.
func fakeIGD(t *testing.T, serve func(head, body string) (status, page string)) location {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var b [8192]byte
			n, _ := c.Read(b[:])
			head, body, _ := strings.Cut(string(b[:n]), "\r\n\r\n")
			status, page := serve(head, body)
			c.Write([]byte("HTTP/1.1 " + status + "\r\nServer: x\r\n\r\n" + page))
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	at, err := parseLocation("http://" + l.Addr().String() + "/desc.xml")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A router that knows only permanent mappings, and whose wished port is taken.
func TestUPnPConflictAndPermanentLease(t *testing.T) {
	var calls []string
	at := fakeIGD(t, func(head, body string) (string, string) {
		fault := func(code string) (string, string) {
			return "500 Internal Server Error", "<errorCode>" + code + "</errorCode>"
		}
		switch {
		case strings.HasPrefix(head, "GET"):
			return "200 OK", description
		case strings.Contains(head, "GetExternalIPAddress"):
			return "200 OK", "<NewExternalIPAddress>203.0.113.5</NewExternalIPAddress>"
		case strings.Contains(head, "DeletePortMapping"):
			calls = append(calls, "delete")
			return "200 OK", ""
		case !strings.Contains(body, "<NewLeaseDuration>0<"):
			calls = append(calls, "lease")
			return fault(upnpPermanentOnly)
		case strings.Contains(body, "<NewExternalPort>40000<"):
			calls = append(calls, "conflict")
			return fault(upnpConflict)
		}
		calls = append(calls, "ok")
		return "200 OK", ""
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m, err := mapAt(ctx, Inside{Local: netip.MustParseAddr("127.0.0.1"), Port: 40000}, at)
	if err != nil {
		t.Fatal(err)
	}
	if m.External.Addr() != netip.MustParseAddr("203.0.113.5") || m.External.Port() == 40000 || m.Lifetime != 0 {
		t.Errorf("mapping %+v", m)
	}
	if err := m.Release(ctx); err != nil {
		t.Error(err)
	}
	if got := strings.Join(calls, " "); got != "lease conflict ok delete" {
		t.Errorf("calls: %s", got)
	}
}

func TestDefaultRoute(t *testing.T) {
	table := "Iface\tDestination\tGateway \tFlags\teth1\n" +
		"eth0\t0001A8C0\t00000000\t0001\n" + "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\n"
	name, gateway, ok := defaultRoute(strings.NewReader(table))
	if !ok || name != "wlan0" || gateway != netip.MustParseAddr("192.168.1.1") {
		t.Errorf("%q %v %v", name, gateway, ok)
	}
}

func FuzzDevicePages(f *testing.F) {
	f.Add(description)
	f.Add("HTTP/1.1 200 OK\r\nLocation: http://192.168.1.1:5000/a\r\n\r\n")
	f.Fuzz(func(t *testing.T, doc string) {
		control(doc)
		externalAddress(doc)
		announced(doc, netip.MustParseAddr("192.168.1.1"), netip.Addr{})
		readPage(strings.NewReader(doc))
		if l, err := parseLocation(doc); err == nil {
			l.resolve(doc)
		}
	})
}
