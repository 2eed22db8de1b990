package server

import (
	"strings"
	"testing"
)

// What is said of other nodes must fit together; each refusal names the flag.
func TestClusterSettings(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string // part of the refusal; empty: taken
	}{
		{Config{}, ""},
		{Config{NATS: "nats://10.0.0.5:4222,nats://10.0.0.6:4222", Role: "edge"}, ""},
		{Config{NATSListen: "127.0.0.1:6222", NATSRoutes: []string{"10.0.0.5", "10.0.0.6:7222"}, Role: "core"}, ""},
		{Config{NATSClients: "127.0.0.1:4222"}, ""},
		{Config{NATS: "10.0.0.5:4222"}, `--nats "10.0.0.5:4222"`},
		{Config{NATS: "http://10.0.0.5"}, `--nats "http://10.0.0.5"`},
		{Config{NATS: "nats://10.0.0.5:4222", NATSListen: ":6222"}, "choose one of the two"},
		{Config{NATSRoutes: []string{"10.0.0.5:6222"}}, "--nats-routes needs --nats-listen"},
		{Config{NATSListen: "somewhere"}, `--nats-listen "somewhere"`},
		{Config{Role: "boss"}, `--role "boss"`},
		{Config{Role: "core"}, "--role core needs"},
		{Config{Role: "both"}, "--role both needs"},
		{Config{Role: "both", NATSListen: ":6222"}, ""},
		{Config{Role: "core", NATSClients: ":4222", Public: "192.0.2.1"}, "--role core has no players"},
		{Config{Role: "edge"}, "--role edge needs"},
	} {
		var s settings
		err := c.cfg.checkCluster(&s)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.cfg, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v, want %q", err, c.want)
		}
		if len(c.cfg.NATSRoutes) == 2 && strings.Join(s.cluster.routes, " ") != "10.0.0.5:6222 10.0.0.6:7222" {
			t.Errorf("routes %q", s.cluster.routes)
		}
	}
}
