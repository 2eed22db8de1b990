// Package harness runs the C harness musubi_peer and the server, and reads the lines by which they say what happens.
//
//	t=<seconds of CLOCK_MONOTONIC> <event> key=value key="a value with spaces" …
package harness

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Names of the events that the laboratory looks at.
const (
	LogLine         = "log"
	ServerConnected = "server_connected"
	ServerLost      = "server_lost"
	Profiled        = "nat_profiled"
	RoomJoined      = "room_joined"
	RoomLeft        = "room_left"
	PeerConnected   = "peer_connected"
	Punch           = "punch"
	RouteChanged    = "route_changed"
	FirstMessage    = "first_message"
	PeerInterrupted = "peer_interrupted"
	PeerRecovered   = "peer_recovered"
	PeerClosed      = "peer_closed"
	MaxGap          = "max_gap"
	Phase           = "phase"
	Result          = "result"
	Stats           = "stats" // on the order of that name, and at the end
)

// Event is one line of a harness.
type Event struct {
	At     time.Duration // CLOCK_MONOTONIC
	Name   string
	Fields map[string]string
}

// ParseEvent reads a line. Unknown events and keys are fine: the harness may say more than we ask.
func ParseEvent(line string) (Event, error) {
	stamp, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	digits, ok := strings.CutPrefix(stamp, "t=")
	seconds, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(seconds >= 0 && seconds <= 1e9) { // not NaN either
		return Event{}, fmt.Errorf("harness line %q does not begin with t=<seconds>", line)
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if name == "" || strings.Contains(name, "=") {
		return Event{}, fmt.Errorf("harness line %q names no event", line)
	}
	ev := Event{At: time.Duration(seconds * float64(time.Second)), Name: name, Fields: make(map[string]string)}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		var key, value string
		if key, value, rest, err = field(rest); err != nil {
			return Event{}, fmt.Errorf("harness line %q: %w", line, err)
		}
		ev.Fields[key] = value
	}
	return ev, nil
}

// field takes one key=value off the front. In quotes, a backslash lets the next character stand for itself.
func field(s string) (key, value, rest string, err error) {
	key, s, ok := strings.Cut(s, "=")
	if !ok || key == "" || strings.ContainsAny(key, " \"") {
		return "", "", "", fmt.Errorf("no key=value at %q", key)
	}
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, " ")
		return key, value, rest, nil
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return key, text.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		text.WriteByte(s[i])
	}
	return "", "", "", fmt.Errorf("quote of %s is not closed", key)
}

// Get gives a value as text, empty if the line has none.
func (e Event) Get(key string) string { return e.Fields[key] }

// Int gives a value as a number; a missing or broken one is −1, which no counter of the harness ever is.
func (e Event) Int(key string) int {
	n, err := strconv.Atoi(e.Fields[key])
	if err != nil {
		return -1
	}
	return n
}

// Float gives a value as a number with a fraction; a missing or broken one is −1.
func (e Event) Float(key string) float64 {
	f, err := strconv.ParseFloat(e.Fields[key], 64)
	if err != nil {
		return -1
	}
	return f
}

// Milliseconds gives a value in milliseconds as a duration; negative if it is missing.
func (e Event) Milliseconds(key string) time.Duration {
	ms, err := strconv.ParseFloat(e.Fields[key], 64)
	if err != nil {
		return -1
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// Direct reports whether the event names a route without a relay.
func (e Event) Direct() bool { return strings.HasPrefix(e.Get("route"), "direct") }

// Log is the events of one harness in the order in which they were printed.
type Log []Event

// First finds the first event of a name that satisfies all conditions.
func (l Log) First(name string, conditions ...func(Event) bool) (Event, bool) {
	for _, e := range l {
		if e.Name == name && all(e, conditions) {
			return e, true
		}
	}
	return Event{}, false
}

// Last is First from the end.
func (l Log) Last(name string, conditions ...func(Event) bool) (Event, bool) {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].Name == name && all(l[i], conditions) {
			return l[i], true
		}
	}
	return Event{}, false
}

func all(e Event, conditions []func(Event) bool) bool {
	for _, c := range conditions {
		if !c(e) {
			return false
		}
	}
	return true
}

// Where holds for events in which the key has that value.
func Where(key, value string) func(Event) bool {
	return func(e Event) bool { return e.Get(key) == value }
}

// Since holds for events at or after a moment.
func Since(t time.Duration) func(Event) bool { return func(e Event) bool { return e.At >= t } }
