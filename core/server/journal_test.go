package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/hub"
)

// Strangers don't fill the disk: a flood of refusals is five lines a second, and what was thrown away one line a minute, which names the
// reasons with their numbers, the most frequent first. Normal days have no such line.
func TestStrangersDontWriteTheLog(t *testing.T) {
	var out bytes.Buffer
	j := newJournal(slog.New(slog.NewTextHandler(&out, nil)))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	lines := func() (text string, n int) {
		text = out.String()
		out.Reset()
		return text, strings.Count(text, "\n")
	}
	noise := []admin.Count{{Reason: "format", Count: 60}, {Reason: "stun", Count: 30}}
	look := func() {
		if j.due(now) {
			j.report(now, noise)
		}
	}
	look()
	if text, n := lines(); n != 0 {
		t.Errorf("little is told: %s", text)
	}
	for range 10 {
		now = now.Add(100 * time.Millisecond)
		for range 1000 {
			j.write(now, &hub.Event{Kind: hub.EventRefused, Text: "link refused"})
		}
	}
	if _, n := lines(); n != refusalsWritten {
		t.Errorf("%d lines for 10,000 refusals in a second", n)
	}
	j.write(now, &hub.Event{Kind: hub.EventLinkUp, Text: "link up"})
	noise = []admin.Count{{Reason: "format", Count: 65}, {Reason: "stun", Count: 30}, {Reason: "handshake_malformed", Count: 5000}}
	for range 600 {
		now = now.Add(50 * time.Millisecond) // half a minute
		look()
	}
	text, n := lines()
	if n != 2 || !strings.Contains(text, "link up") || !strings.Contains(text, "handshake_malformed=5000 format=65 stun=30 refusals_not_logged=9995") {
		t.Errorf("%d lines: %s", n, text)
	}
	noise[2].Count += 2000
	for range 600 {
		now = now.Add(100 * time.Millisecond) // a minute
		look()
	}
	if text, n := lines(); n != 1 || !strings.Contains(text, "total=2000 handshake_malformed=2000\n") {
		t.Errorf("%d lines: %s", n, text)
	}
}
