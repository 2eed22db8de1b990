package portmap

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A real router program, miniupnpd, between two network namespaces. It speaks PCP and UPnP, and says what it did in its
// nftables rules.

const (
	insideEnv = "MUSUBI_PORTMAP_INSIDE" // set in the copy of this test that runs behind the router
	clientNS  = "musubi-pm-c"
	routerNS  = "musubi-pm-r"
	worldNS   = "musubi-pm-w"
)

// The outer address only has to look public: miniupnpd refuses the ranges for documentation. Nothing leaves the namespaces.
const routerConfig = `ext_ifname=wan
listening_ip=lan
enable_upnp=yes
enable_natpmp=yes
secure_mode=yes
http_port=0
uuid=00000000-0000-4000-8000-000000000000
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=upnp_forward
upnp_nat_chain=upnp_pre
upnp_nat_postrouting_chain=upnp_post
allow 1024-65535 192.168.77.0/24 1024-65535
`

const routerRules = `table inet filter {
  chain upnp_forward {
  }
  chain upnp_pre {
  }
  chain upnp_post {
  }
  chain pre { type nat hook prerouting priority dstnat; jump upnp_pre
  }
}
`

func TestMiniupnpd(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		behindRouter(t)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	for _, tool := range []string{"ip", "nft", "miniupnpd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
	run := func(command string) {
		t.Helper()
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	t.Cleanup(func() {
		for _, ns := range []string{clientNS, routerNS, worldNS} {
			exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	for _, ns := range []string{clientNS, routerNS, worldNS} {
		exec.Command("ip", "netns", "del", ns).Run()
		run("ip netns add " + ns + " && ip -n " + ns + " link set lo up")
	}
	for _, link := range [][4]string{{clientNS, "eth", routerNS, "lan"}, {routerNS, "wan", worldNS, "eth"}} {
		run(fmt.Sprintf("ip link add %s netns %s type veth peer name %s netns %s && ip -n %s link set %s up && ip -n %s link set %s up",
			link[1], link[0], link[3], link[2], link[0], link[1], link[2], link[3]))
	}
	run("ip -n " + clientNS + " addr add 192.168.77.2/24 dev eth && ip -n " + routerNS + " addr add 192.168.77.1/24 dev lan")
	run("ip -n " + routerNS + " addr add 128.66.0.1/24 dev wan && ip -n " + clientNS + " route add default via 192.168.77.1")
	dir := t.TempDir()
	config, rules := filepath.Join(dir, "miniupnpd.conf"), filepath.Join(dir, "rules")
	os.WriteFile(config, []byte(routerConfig), 0o600)
	os.WriteFile(rules, []byte(routerRules), 0o600)
	run("ip netns exec " + routerNS + " nft -f " + rules)
	router := exec.Command("ip", "netns", "exec", routerNS, "miniupnpd", "-d", "-f", config, "-P", filepath.Join(dir, "pid"))
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { router.Process.Kill(); router.Wait() })
	inside := exec.Command("ip", "netns", "exec", clientNS, os.Args[0], "-test.run=^TestMiniupnpd$", "-test.v")
	inside.Env = append(os.Environ(), insideEnv+"=1")
	out, err := inside.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// mappings are the forwarded ports in the router's rules.
func mappings(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("nsenter", "--net=/run/netns/"+routerNS, "nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Count(string(out), "dnat")
}

func behindRouter(t *testing.T) {
	in, err := Gateway()
	if err != nil || in.Gateway != netip.MustParseAddr("192.168.77.1") || in.Local != netip.MustParseAddr("192.168.77.2") {
		t.Fatalf("%+v, %v", in, err)
	}
	in.Port, in.Nonce = 40123, Nonce{1, 2, 3}
	for name, ask := range map[string]func(context.Context, Inside) (*Mapping, error){"PCP": AskGateway, "UPnP": AskUPnP} {
		var m *Mapping
		for begun := time.Now(); time.Since(begun) < 10*time.Second && m == nil; { // until miniupnpd listens
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			m, err = ask(ctx, in)
			cancel()
		}
		if err != nil || m.Protocol != name || m.External != netip.MustParseAddrPort("128.66.0.1:40123") || m.Lifetime != Lifetime {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		if n := mappings(t); n != 1 {
			t.Errorf("%s: the router forwards %d ports, want 1", name, n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		again, err := ask(ctx, in)
		if err != nil || again.External != m.External {
			t.Errorf("%s, renewed: %+v, %v", name, again, err)
		}
		if err := m.Release(ctx); err != nil || mappings(t) != 0 {
			t.Errorf("%s: release: %v, %d left", name, err, mappings(t))
		}
		cancel()
	}
}
