// Package deadline is what every machine says of time to come: when it wants to be called next. A deadline is a time; the
// zero time means that nothing is scheduled.
package deadline

import "time"

// Earlier is the earlier of two deadlines; nothing scheduled is later than anything.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Due reports whether a deadline has come.
func Due(now, at time.Time) bool { return !at.IsZero() && !now.Before(at) }
