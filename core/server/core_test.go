package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A core serves no players: two servers of players without a NATS of their own meet by it, and it goes when it is told to.
func TestCoreAlone(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	data := t.TempDir()
	core, err := OpenCore(Config{Role: "core", NATSClients: at, Data: data, Node: "core", Admin: "127.0.0.1:0", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- core.Run() }()
	for _, node := range []string{"one", "two"} {
		s, err := Open(Config{Listen: "127.0.0.1:0", TLSListen: "off", Limits: "lab", Role: "edge", NATS: "nats://" + at, Data: data, Node: node, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- s.Run() }()
		t.Cleanup(func() { s.Kill(); <-over })
		for end := time.Now().Add(10 * time.Second); s.Ready() != nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %v", node, s.Ready())
			}
		}
	}
	get := func(path string) string {
		answer, err := http.Get("http://" + core.admin.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.Status + " " + string(text)
	}
	if got := get("/readyz"); !strings.HasPrefix(got, "200") {
		t.Errorf("not ready: %s", got)
	}
	if got := get("/metrics"); !strings.Contains(got, "musubi_core_edges 2\n") {
		t.Error("no two edges in the metrics")
	}
	core.Shutdown()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the core does not end")
	}
}

func TestNoCore(t *testing.T) {
	for _, c := range []Config{{Role: "both", NATSClients: "127.0.0.1:0"}, {Role: "core"}} {
		c.Data, c.Log = t.TempDir(), slog.New(slog.DiscardHandler)
		if _, err := OpenCore(c); err == nil {
			t.Errorf("%+v is opened as a core", c)
		}
	}
	if _, err := Open(Config{Role: "core", NATSClients: "127.0.0.1:0", Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a core is opened as a server for players")
	}
	findings, err := Check(Config{Role: "core", NATSClients: "127.0.0.1:0", Data: t.TempDir()})
	if err != nil || !strings.Contains(strings.Join(findings, "\n"), "a core: no players connect here") {
		t.Errorf("%v %v", findings, err)
	}
}
