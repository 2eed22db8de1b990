//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// A document holds tables between marks, which nobody edits by hand:
//
//	<!-- bench:tables --> ... <!-- /bench -->      every table and the goals
//	<!-- bench:summary --> ... <!-- /bench -->     one table of the figures that matter most
//	<!-- bench:machine --> ... <!-- /bench -->     where and when it was measured
const markEnd = "<!-- /bench -->"

// renewDocuments writes the tables anew. A document without marks is left alone.
func renewDocuments(paths []string, all results) error {
	parts := map[string]func() string{
		"<!-- bench:tables -->":  func() string { return tablesOf(all) },
		"<!-- bench:summary -->": func() string { return summary(all) },
		"<!-- bench:machine -->": func() string { return machineLine(all) },
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(b)
		for mark, make := range parts {
			before, rest, found := strings.Cut(text, mark)
			_, after, closed := strings.Cut(rest, markEnd)
			if found && !closed {
				return fmt.Errorf("%s: no %s behind %s", path, markEnd, mark)
			}
			if found {
				text = before + mark + "\n" + strings.TrimSpace(make()) + "\n" + markEnd + after
			}
		}
		if text == string(b) {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		fmt.Println("renewed", path)
	}
	return nil
}

func tablesOf(all results) string {
	var b strings.Builder
	writeTable(&b, all, true)
	return b.String()
}

func machineLine(all results) string {
	for _, r := range all {
		if r.text("bench") == "machine" {
			return fmt.Sprintf("Measured on %s: %s, %.0f cores, Linux %s, %s. %s", r.text("date"), r.text("cpu"), r.num("cores"), r.text("kernel"), r.text("go"), r.text("note"))
		}
	}
	return ""
}

// summary is one row a library and one column a benchmark.
func summary(all results) string {
	block := func(r result) bool { return r.text("wait") == "block" }
	columns := []struct {
		title, bench, key string
		more              func(r result) bool
		format            string
	}{
		{"one way at 5 % loss, p95 / p99 ms", "lossy", "p95", conditions[0].is, "%.0f"},
		{"", "lossy", "p99", conditions[0].is, "%.0f"},
		{"at 10 % loss and jitter", "lossy", "p95", conditions[1].is, "%.0f"},
		{"", "lossy", "p99", conditions[1].is, "%.0f"},
		{"bulk MB/s", "bulk", "MBps", nil, "%.0f"},
		{"64 B messages/s", "rate", "msgs_per_s", nil, "%.0f"},
		{"ping µs", "ping", "us_p50", block, "%.0f"},
	}
	lines := [][]string{{""}}
	for _, c := range columns {
		if c.title != "" {
			lines[0] = append(lines[0], c.title)
		}
	}
	for _, l := range libraries {
		line, any := []string{about[l.name]}, false
		for _, c := range columns {
			cell := ""
			if v, ok := all.find(c.bench, l.name, c.key, c.more); ok {
				cell, any = fmt.Sprintf(c.format, v), true
			}
			if c.title != "" {
				line = append(line, cell)
			} else if cell != "" { // the second figure of a column
				line[len(line)-1] += " / " + cell
			}
		}
		if any {
			lines = append(lines, line)
		}
	}
	var b strings.Builder
	writeCells(&b, lines, true)
	return b.String()
}
