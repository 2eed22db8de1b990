package load

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/server"
)

// inside is a server in this process.
type inside struct {
	t    *testing.T
	cfg  server.Config
	s    *server.Server
	done chan error
}

func (i *inside) start() error {
	s, err := server.Open(i.cfg)
	if err != nil {
		return err
	}
	i.s, i.done = s, make(chan error, 1)
	i.cfg.Listen = i.Address().Hosts[0]
	go func() { i.done <- s.Run() }()
	return nil
}

func (i *inside) Address() secure.ServerAddress {
	a, err := secure.ParseServerAddress(i.s.Address())
	if err != nil {
		i.t.Fatal(err)
	}
	return a
}

func (i *inside) Usage() (time.Duration, int64, bool) { return usage(os.Getpid()) }

func (i *inside) Restart(int) error {
	i.Stop()
	return i.start()
}

func (i *inside) Stop() {
	i.s.Kill()
	if err := <-i.done; err != nil {
		i.t.Error(err)
	}
}

// Every story in small: not how fast, but that all come up, answer and come back.
func TestStories(t *testing.T) {
	target := &inside{t: t, cfg: server.Config{Listen: "127.0.0.1:0", STUNPorts: []uint16{0}, TLSListen: "off", Auth: "open", Limits: "lab", Data: t.TempDir(),
		Capacity: 1_000_000, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	if err := target.start(); err != nil {
		t.Fatal(err)
	}
	defer target.Stop()
	results := map[string]*Result{}
	err := Play(target, Config{Links: 200, Time: 300 * time.Millisecond, Sockets: 8, Flood: 2000, Pairs: 10, Churn: 50, Notice: 200 * time.Millisecond}, func(r Result) { results[r.Story] = &r })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Stories() {
		if results[name] == nil {
			t.Fatalf("no %s", name)
		}
		var line bytes.Buffer
		results[name].Write(&line)
		t.Log(strings.TrimSpace(line.String()))
	}
	want := func(story, value string, least, most float64) {
		t.Helper()
		if x := results[story].Get(value); x < least || x > most {
			t.Errorf("%s: %s is %v, want %v to %v", story, value, x, least, most)
		}
	}
	const any = 1e9
	want("handshakes", "handshakes", 1, any)
	want("resumes", "resumes", 1, any)
	want("resumes", "new instead", 0, 0)
	want("halfopen", "half open", 200, 300)
	want("idle", "links", 200, 200)
	want("idle", "lost", 0, 0)
	want("signals", "calls", 1, any)
	want("signals", "unanswered", 0, 0)
	want("relayed", "pairs", 10, 10)
	want("relayed", "sent a second", 1, any)
	want("relayed", "lost", 0, 0)
	want("churn", "left", 1, any)
	want("churn", "came", results["churn"].Get("left"), results["churn"].Get("left"))
	want("churn", "others lost", 0, 0)
	want("flood", "forged", 1, any)
	want("flood", "calls", 1, any)
	want("flood", "links lost", 0, 0)
	want("storm", "back", 200, 200)
}

func TestBadStories(t *testing.T) {
	if err := Play(nil, Config{Stories: []string{"idle", "nonsense"}}, nil); err == nil {
		t.Error("a story that is not there")
	}
	if _, err := Remote("nonsense", 0); err == nil {
		t.Error("an address that is none")
	}
	target, err := Remote("musubi://192.0.2.1/#"+"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Restart(0); err == nil {
		t.Error("somebody else's server was restarted")
	}
	if _, _, ok := target.Usage(); ok {
		t.Error("a process on another machine")
	}
}
