package bus

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestATakenPortIsASentenceThatNamesItsFlag(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := netip.MustParseAddrPort(taken.Addr().String())
	for flag, cfg := range map[string]CoreConfig{"--nats-listen": {Listen: at}, "--nats-clients": {Clients: at}} {
		cfg.Data, cfg.Log = t.TempDir(), quiet()
		c, err := StartCore(cfg)
		if err == nil {
			c.Close()
			t.Fatal("it started on a port that another has")
		}
		if got := err.Error(); !strings.Contains(got, "in use by another program") || !strings.Contains(got, flag) {
			t.Error(got)
		}
	}
}
