package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// source is a server that is as the test says.
type source struct {
	hung     atomic.Bool
	young    atomic.Bool // nothing has happened yet
	notReady atomic.Pointer[string]
}

func (s *source) Snapshot(ctx context.Context) (*Snapshot, error) {
	if s.hung.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.young.Load() {
		return &Snapshot{Time: time.Now(), Started: time.Now()}, nil
	}
	return sample(), nil
}

func (s *source) Ready() error {
	if why := s.notReady.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// A server on which nothing has happened yet has lists all the same: the page said that it could not reach such a server.
func TestNothingYet(t *testing.T) {
	s, get := serve(t)
	s.young.Store(true)
	code, text := get("/api/state")
	if code != 200 || strings.Contains(text, "null") || !strings.Contains(text, `"failures":[]`) {
		t.Errorf("%d %s", code, text)
	}
}

func sample() *Snapshot {
	return &Snapshot{Time: time.Now(), Started: time.Now().Add(-time.Hour), Version: "v1", Node: "n1", Region: "E", Links: 12, Rooms: 3, Members: 12,
		Handshakes: 40, RelayBytes: 1 << 30, Outcomes: []Outcome{{"cone", "cone", 90, 10}}, Drops: []Count{{"format", 2}}, Connections: []Count{{"pushed_out", 1}},
		Nodes: []Node{{Name: "n1", State: "up"}, {Name: "n2", State: "lost"}}, Extra: []Metric{{"musubi_bus_messages_total", "Messages.", true, 4}}}
}

func serve(t *testing.T) (s *source, get func(path string) (int, string)) {
	t.Helper()
	s = &source{}
	a, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return s, func(path string) (int, string) {
		r, err := http.Get("http://" + a.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
}

func TestWell(t *testing.T) {
	_, get := serve(t)
	for path, want := range map[string]string{
		"/": "<title>Musubi server</title>", "/livez": "ok\n", "/readyz": "ok\n", "/debug/pprof/": "goroutine", "/api/state": `"links":12`,
		"/metrics": "musubi_link_sessions 12\n",
	} {
		if code, body := get(path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %q in %.200s", path, code, want, body)
		}
	}
	if code, _ := get("/nothing"); code != 404 {
		t.Errorf("/nothing: %d", code)
	}
	_, body := get("/api/state")
	var state map[string]any
	if err := json.Unmarshal([]byte(body), &state); err != nil || state["history"] == nil {
		t.Errorf("state: %v, %s", err, body)
	}
}

// A server that hangs is not alive, and its metrics say so; one that drains is alive but not ready.
func TestUnwell(t *testing.T) {
	s, get := serve(t)
	why := "draining"
	s.notReady.Store(&why)
	if code, body := get("/readyz"); code != 503 || body != "draining\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	if code, _ := get("/livez"); code != 200 {
		t.Errorf("livez of a server that drains: %d", code)
	}
	if _, body := get("/metrics"); !strings.Contains(body, "musubi_server_ready 0\n") {
		t.Error("metrics say that it is ready")
	}
	s.hung.Store(true)
	for _, path := range []string{"/livez", "/api/state"} {
		if code, body := get(path); code != 503 || !strings.Contains(body, "did not answer") {
			t.Errorf("%s of a server that hangs: %d %q", path, code, body)
		}
	}
	if _, body := get("/metrics"); !strings.Contains(body, "musubi_server_up 0\n") || strings.Contains(body, "musubi_link_sessions") {
		t.Error("metrics of a server that hangs")
	}
}

// Names follow Prometheus' rules.
func TestMetricsLint(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{&source{}})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n < 20 {
		t.Errorf("%d metrics, %v", n, err)
	}
}

// Rates come from two snapshots; a counter that went back gives none.
func TestHistory(t *testing.T) {
	h, at := newHistory(), time.Unix(1000, 0)
	for i := range historyLength + 50 {
		h.add(&Snapshot{Time: at.Add(time.Duration(i) * time.Second), Links: i, RelayBytes: uint64(i) * 1000})
	}
	p := h.points()
	if len(p) != historyLength || p[0].RelayBits != 8000 || p[len(p)-1].Links != historyLength+49 {
		t.Errorf("%d points, first %+v, last %+v", len(p), p[0], p[len(p)-1])
	}
	h.add(&Snapshot{Time: at.Add(time.Hour), RelayBytes: 5})
	if p := h.points(); p[len(p)-1].RelayBits != 0 {
		t.Errorf("after a restart: %+v", p[len(p)-1])
	}
}

// No label names a user, a room or an address: what there is of them has no bound, and is nobody's business.
func TestLabelsNameNobody(t *testing.T) {
	allowed := map[string]bool{"reason": true, "version": true, "node": true, "region": true, "nat_a": true, "nat_b": true, "route": true, "state": true, "le": true}
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	labels := regexp.MustCompile(`desc\("[^"]*", "[^"]*"((?:, "[a-z_]+")*)\)`).FindAllStringSubmatch(string(source), -1)
	if len(labels) < 10 {
		t.Fatalf("%d metrics found: the test reads them wrong", len(labels))
	}
	for _, m := range labels {
		for _, l := range regexp.MustCompile(`"([a-z_]+)"`).FindAllStringSubmatch(m[1], -1) {
			if !allowed[l[1]] {
				t.Errorf("label %q is not one of those that name nobody", l[1])
			}
		}
	}
}
