package load

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Result is what one story measured.
type Result struct {
	Story  string
	Values []Value
}

// Value is one figure.
type Value struct {
	Name string
	Unit string
	X    float64
}

func (r *Result) add(name, unit string, x float64) { r.Values = append(r.Values, Value{name, unit, x}) }

// Get is a figure by its name, 0 if there is none.
func (r *Result) Get(name string) float64 {
	for _, v := range r.Values {
		if v.Name == name {
			return v.X
		}
	}
	return 0
}

// Write prints a result on one line.
func (r *Result) Write(w io.Writer) {
	var parts []string
	for _, v := range r.Values {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %.4g %s", v.Name, v.X, v.Unit)))
	}
	fmt.Fprintf(w, "%-10s %s\n", r.Story, strings.Join(parts, " · "))
}

// spread adds the percentiles of some times.
func (r *Result) spread(name string, times []time.Duration) {
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	for _, p := range []int{50, 99} {
		r.add(fmt.Sprintf("%s p%d", name, p), "ms", float64(times[(len(times)-1)*p/100])/1e6)
	}
}

// meter is what the server used since it was started.
type meter struct {
	target Target
	cpu    time.Duration
	began  time.Time
	ok     bool
}

func (t *run) meter() meter {
	cpu, _, ok := t.target.Usage()
	return meter{t.target, cpu, time.Now(), ok}
}

// used is the processor time since then, and the time itself.
func (m *meter) used() (cpu, passed time.Duration) {
	now, _, _ := m.target.Usage()
	return now - m.cpu, time.Since(m.began)
}

// perCore adds how many of something a second of the server's processor time did, and how many a second of time.
func (r *Result) perCore(m *meter, name string, count int) {
	cpu, passed := m.used()
	r.add(name, "", float64(count))
	r.add(name+" a second", "/s", float64(count)/passed.Seconds())
	if m.ok && cpu > 0 {
		r.add("per core", "/s", float64(count)/cpu.Seconds())
	}
}
