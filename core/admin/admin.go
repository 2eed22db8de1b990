// Package admin is what an operator sees of a server: is it well, how much does it do, who can't connect and why. HTTP on an
// address of its own; read-only; nothing in it names a player's address, user id or room code.
//
//	/          a live page, one file, works without internet
//	/api/state what the page shows, JSON
//	/metrics   Prometheus
//	/livez     200 while the server answers, for restarting it
//	/readyz    200 while it wants new players, for load balancers; 503 says why not
//	/debug/pprof/  Go's profiles
package admin

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// answerLimit is how long the server's owner may take to tell its numbers. It does a round in milliseconds; one that takes
	// this long hangs.
	answerLimit = 2 * time.Second
	// maxRequests are served at once; a page asks one a second.
	maxRequests = 64
)

//go:embed page.html
var page []byte

// Source is the server as seen from here. Its methods may be called from any goroutine.
type Source interface {
	// Snapshot asks the server's owner; an error means that it did not answer.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Ready is nil while the server wants new players; else a sentence says why not.
	Ready() error
}

// Admin serves one server's pages. Close ends it.
type Admin struct {
	source  Source
	log     *slog.Logger
	http    http.Server
	history *history
	at      netip.AddrPort
	stop    context.CancelFunc
	done    chan struct{}
}

// Listen opens the address and serves.
func Listen(at netip.AddrPort, source Source, log *slog.Logger) (*Admin, error) {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	bound, _ := netip.ParseAddrPort(l.Addr().String())
	a := &Admin{source: source, log: log, history: newHistory(), at: bound, stop: stop, done: make(chan struct{})}
	a.http = http.Server{
		Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(a.done)
		a.history.run(ctx, source)
	}()
	go func() {
		if err := a.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin page ended", "error", err)
		}
	}()
	return a, nil
}

// Addr is where it listens.
func (a *Admin) Addr() netip.AddrPort { return a.at }

// Close ends it at once.
func (a *Admin) Close() {
	a.stop()
	_ = a.http.Close()
	<-a.done
}

func (a *Admin) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{source: a.source})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /api/state", a.state)
	mux.HandleFunc("GET /livez", a.live)
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return limited(mux)
}

// limited refuses what exceeds maxRequests and keeps other sites' pages out.
func limited(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			http.Error(w, fmt.Sprintf("%d requests are being served, try again", maxRequests), http.StatusServiceUnavailable)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'")
		next.ServeHTTP(w, r)
	})
}

func (a *Admin) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page)
}

func (a *Admin) state(w http.ResponseWriter, r *http.Request) {
	s, err := ask(r.Context(), a.source)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	why := ""
	if err := a.source.Ready(); err != nil {
		why = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	full := *s
	full.Outcomes, full.Drops, full.Failures = list(full.Outcomes), list(full.Drops), list(full.Failures)
	full.Connections, full.Nodes = list(full.Connections), list(full.Nodes)
	_ = json.NewEncoder(w).Encode(struct {
		*Snapshot
		NotReady string  `json:"not_ready,omitempty"`
		History  []Point `json:"history"`
	}{&full, why, list(a.history.points())})
}

// list is what JSON writes as [] where there is nothing: a reader, the page among them, takes every list for one.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func (a *Admin) live(w http.ResponseWriter, r *http.Request) {
	if _, err := ask(r.Context(), a.source); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.source.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func ask(ctx context.Context, source Source) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	s, err := source.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("the server's own loop did not answer in %v: %w", answerLimit, err)
	}
	return s, nil
}
