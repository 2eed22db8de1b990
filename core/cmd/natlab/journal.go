//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// journal remembers each meeting of a matrix as it ends, so that a matrix which was broken off goes on where it was. The
// first line says under which conditions they were held; others are not mixed with them.
type journal struct {
	file *os.File // nil: nothing is remembered
}

// record is a meeting's line. Times are nanoseconds, negative where nothing was measured.
type record struct {
	A, B      string
	Trial     int
	Disturbed bool // held again: only the number of these is of interest
	Verdict   verdict
	Why       string
	Logs      string // where those of a meeting are that was not as demanded

	Probe, Route, GaveUp, FirstByte, Connect time.Duration
	Profiles                                 [2]string
	Stall                                    time.Duration
	Stalled                                  string // who
	Final                                    bool
	Lost, Dup, Reordered, Corrupt            int
}

func recordOf(p *pair, trial int, o outcome, logs string) record {
	return record{A: string(p.a), B: string(p.b), Trial: trial, Verdict: o.verdict, Why: o.why, Logs: logs,
		Probe: o.probe, Route: o.route, GaveUp: o.gaveUp, FirstByte: o.firstByte, Connect: o.connect, Profiles: o.profiles,
		Stall: o.stall.took, Stalled: o.stall.what, Final: o.final,
		Lost: o.lost, Dup: o.dup, Reordered: o.reordered, Corrupt: o.corrupt}
}

func (r *record) outcome() outcome {
	return outcome{verdict: r.Verdict, why: r.Why, probe: r.Probe, route: r.Route, gaveUp: r.GaveUp, firstByte: r.FirstByte, connect: r.Connect,
		profiles: r.Profiles, stall: stall{r.Stall, r.Stalled}, final: r.Final, tally: tally{r.Lost, r.Dup, r.Reordered, r.Corrupt}}
}

// openJournal begins a journal, or reads one of the same conditions; an empty name keeps none.
func openJournal(name, conditions string) (j *journal, held []record, err error) {
	if name == "" {
		return &journal{}, nil, nil
	}
	text, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, nil, fmt.Errorf("journal: %w", err)
		}
		j = &journal{file}
		return j, nil, j.line(conditions)
	case err != nil:
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = text.Close() }()
	var whole int64
	lines := bufio.NewScanner(text)
	for n := 1; lines.Scan(); n++ {
		var r record
		var before string
		switch {
		case n == 1 && (json.Unmarshal(lines.Bytes(), &before) != nil || before != conditions):
			return nil, nil, fmt.Errorf("journal %s was written under other conditions or by other programs (%s); remove it to begin anew", name, before)
		case n > 1 && json.Unmarshal(lines.Bytes(), &r) != nil:
			continue // cut off by whatever ended the run
		case n > 1:
			held = append(held, r)
		}
		whole += int64(len(lines.Bytes())) + 1
	}
	if lines.Err() != nil {
		return nil, nil, fmt.Errorf("journal %s: %w", name, lines.Err())
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	if err := file.Truncate(whole); err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	return &journal{file}, held, nil
}

// line writes one line; what can't be remembered is not a reason to end a matrix, but to say so.
func (j *journal) line(v any) error {
	if j.file == nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close()
	}
}

// restore gives the pairs back what was held before.
func restore(pairs []*pair, held []record) (n int) {
	for _, p := range pairs {
		for _, r := range held {
			switch {
			case r.A != string(p.a) || r.B != string(p.b) || r.Trial >= p.trials || p.held[r.Trial]:
			case r.Disturbed:
				p.disturbed++
			default:
				p.add(r.Trial, r.outcome(), r.Logs)
				n++
			}
		}
	}
	return n
}
