package load

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Config says what to play.
type Config struct {
	Stories []string      // of Stories, in their order; none: all
	Links   int           // that idle and storm have; 0: 10,000
	Room    int           // members of a room; 0: 4
	Time    time.Duration // that each story measures; 0: 10 s
	Sockets int           // of ours; 0: 64
	Flood   int           // forged INITs a second; 0: 50,000
	Pairs   int           // players who call each other, or whose packets are relayed; 0: 200
	Packets int           // that each of a relayed pair sends a second; 0: 60
	Churn   int           // players a second who leave and others come; 0: 100
	Return  int           // new links a second that the server takes on after storm's restart; 0: its default
	Notice  time.Duration // in storm, every client looks after its link within so long; 0: by its own keepalive, within 15 s
	Seed    uint64
	Out     io.Writer // progress; nil: none
}

// story is one thing to find out.
type story struct {
	name, what string
	play       func(t *run) (Result, error)
}

// stories are played in this order: those at the end need the links of idle or a server of their own.
var stories = []story{
	{"handshakes", "new links, one after the other at a few hundred places", (*run).handshakes},
	{"resumes", "links that come back by ticket", (*run).resumes},
	{"halfopen", "clients that never take up the session they were given", (*run).halfOpen},
	{"idle", "links in rooms that only live", (*run).idle},
	{"signals", "from a player's Connect to the other's Request, beside the links of idle", (*run).signals},
	{"relayed", "pairs whose packets go through the relay, beside the links of idle", (*run).relayed},
	{"churn", "players of idle's rooms leave, and others come", (*run).churn},
	{"flood", "signals under INITs from forged addresses", (*run).flood},
	{"storm", "the server is killed and started again under all links", (*run).storm},
}

// Stories are the names of all.
func Stories() (names []string) {
	for _, s := range stories {
		names = append(names, s.name)
	}
	return names
}

// Explain is one line for each story.
func Explain() string {
	var b strings.Builder
	for _, s := range stories {
		fmt.Fprintf(&b, "%-11s %s\n", s.name, s.what)
	}
	return b.String()
}

// run is one run of several stories at one server.
type run struct {
	cfg    Config
	target Target
	crowd  *crowd // that idle left, for those behind it
	pairs  *crowd // that call each other beside it; nil: not yet
	told   time.Time
}

// What our clients may take, in bytes, before the collector runs: they need a fifth of it, and in a first minute leave the rest behind.
const heapBase, heapEach = 512 << 20, 100 << 10

// errTimeout is what a story says that does not come to its end.
var errTimeout = errors.New("not done in time")

// Play plays the stories. done, if not nil, is told of each as it ends.
func Play(target Target, cfg Config, done func(Result)) error {
	if cfg.Links == 0 {
		cfg.Links = 10_000
	}
	if cfg.Room == 0 {
		cfg.Room = 4
	}
	if cfg.Time == 0 {
		cfg.Time = 10 * time.Second
	}
	if cfg.Sockets == 0 {
		cfg.Sockets = 64
	}
	if cfg.Flood == 0 {
		cfg.Flood = 50_000
	}
	if cfg.Pairs == 0 {
		cfg.Pairs = 200
	}
	if cfg.Packets == 0 {
		cfg.Packets = 60
	}
	if cfg.Churn == 0 {
		cfg.Churn = 100
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	for _, name := range cfg.Stories {
		if !slices.Contains(Stories(), name) {
			return fmt.Errorf("there is no story %q; there are: %s", name, strings.Join(Stories(), ", "))
		}
	}
	// The clients' heap is large and lasts: to look through it again and again would make them late.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(heapBase + int64(cfg.Links)*heapEach))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	t := &run{cfg: cfg, target: target}
	defer t.close()
	for _, s := range stories {
		if len(cfg.Stories) > 0 && !slices.Contains(cfg.Stories, s.name) {
			continue
		}
		r, err := s.play(t)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.Story = s.name
		if done != nil {
			done(r)
		}
	}
	return nil
}

func (t *run) close() {
	for _, c := range []*crowd{t.crowd, t.pairs} {
		if c != nil {
			c.close()
		}
	}
}

// progress tells how far a story is, once a second.
func (t *run) progress(format string, args ...any) {
	if now := time.Now(); now.Sub(t.told) >= time.Second {
		t.told = now
		fmt.Fprintf(t.cfg.Out, format+"\n", args...)
	}
}

// places is how many handshakes are under way at a time.
func (t *run) places() int { return min(mostPlaces, max(t.cfg.Links/4, 1)) }

func (t *run) newCrowd(seed uint64) (*crowd, error) {
	return newCrowd(t.target.Address(), t.cfg.Sockets, seed)
}
