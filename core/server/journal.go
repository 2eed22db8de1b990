package server

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/hub"
)

const (
	// refusalsWritten is how many refusals a second have a line of their own. Strangers cause them, and can't be let fill the disk.
	refusalsWritten = 5
	// What is thrown away is counted one by one and told in one line, at most once in reportEvery, if it is more than reportLeast: less than
	// that is what any port on the internet gets.
	reportEvery = time.Minute
	reportLeast = 100
	reportLook  = time.Second // between two looks at the counters
	reportMost  = 8           // reasons in a line
)

// journal writes the log while the server runs.
type journal struct {
	log    *slog.Logger
	second time.Time // in which lines were written
	lines  int
	unsaid uint64 // refusals without a line since the last report

	lookAt time.Time
	saidAt time.Time // the last report, or the start
	said   map[string]uint64
}

func newJournal(log *slog.Logger) journal { return journal{log: log, said: map[string]uint64{}} }

// write writes what the hub tells.
func (j *journal) write(now time.Time, ev *hub.Event) {
	if ev.Kind == hub.EventRefused {
		if now.Sub(j.second) >= time.Second {
			j.second, j.lines = now, 0
		}
		if j.lines++; j.lines > refusalsWritten {
			j.unsaid++
			return
		}
	}
	j.log.Info(ev.Text)
}

// due reports whether it is time for a look at the counters.
func (j *journal) due(now time.Time) bool {
	if now.Before(j.lookAt) {
		return false
	}
	if j.saidAt.IsZero() {
		j.saidAt = now.Add(-reportEvery) // the first report need not wait
	}
	j.lookAt = now.Add(reportLook)
	return now.Sub(j.saidAt) >= reportEvery
}

// report tells what was thrown away since the last report, if that is much: the most frequent reasons with their numbers.
func (j *journal) report(now time.Time, counters []admin.Count) {
	var risen []admin.Count
	sum := j.unsaid
	for _, c := range counters {
		if n := c.Count - j.said[c.Reason]; n > 0 {
			risen = append(risen, admin.Count{Reason: c.Reason, Count: n})
			sum += n
		}
	}
	if sum < reportLeast {
		return
	}
	slices.SortStableFunc(risen, func(a, b admin.Count) int { return cmp.Compare(b.Count, a.Count) })
	attrs := []any{"total", sum}
	for _, c := range risen[:min(len(risen), reportMost)] {
		attrs = append(attrs, c.Reason, c.Count)
	}
	if j.unsaid > 0 {
		attrs = append(attrs, "refusals_not_logged", j.unsaid)
	}
	j.log.Warn("thrown away since the last such line, by reason (docs/SETTINGS.md says what each means)", attrs...)
	for _, c := range counters {
		j.said[c.Reason] = c.Count
	}
	j.unsaid, j.saidAt = 0, now
}
