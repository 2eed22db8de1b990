package endpoint

import "testing"

// wantDeadlines compares what is remembered of the slots' deadlines with what their connections say.
func wantDeadlines(t testing.TB, e *Endpoint) {
	t.Helper()
	e.slots.refresh()
	for i := range e.slots.used {
		s := &e.slots.list[i]
		remembered := s.at
		if e.slots.retime(i); s.used {
			if e.slots.refresh(); !remembered.Equal(s.at) {
				t.Fatalf("slot %d wants to be called at %v; remembered is %v", i, s.at, remembered)
			}
		}
	}
}
