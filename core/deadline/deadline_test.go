package deadline

import (
	"testing"
	"time"
)

func TestDeadlines(t *testing.T) {
	var none time.Time
	first := time.Unix(1000, 0)
	second := first.Add(time.Nanosecond)
	for _, c := range []struct{ a, b, want time.Time }{
		{none, none, none}, {none, first, first}, {first, none, first}, {first, second, first}, {second, first, first}, {first, first, first},
	} {
		if got := Earlier(c.a, c.b); got != c.want {
			t.Errorf("Earlier(%v, %v) = %v", c.a, c.b, got)
		}
	}
	for _, c := range []struct {
		now, at time.Time
		want    bool
	}{{first, none, false}, {first, first, true}, {first, second, false}, {second, first, true}} {
		if got := Due(c.now, c.at); got != c.want {
			t.Errorf("Due(%v, %v) = %v", c.now, c.at, got)
		}
	}
}
