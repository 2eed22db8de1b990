package server

import (
	"testing"
	"time"
)

// Nobody serves the hub while somebody else does, nor after the end; and Run is woken for what it alone does, once.
func TestOneAtATimeAtTheDesk(t *testing.T) {
	s, err := Open(Config{Data: t.TempDir(), Listen: "127.0.0.1:0", STUNPorts: []uint16{0}, Log: quiet(), TLSListen: "off", Admin: "off", Auth: "open"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	now := time.Now()
	if !s.TryEnter(now) || s.TryEnter(now) {
		t.Fatal("nobody, or two, at the desk")
	}
	s.Leave()
	s.desk.waiting, s.desk.until = true, now.Add(time.Hour)
	s.TryEnter(now)
	if s.Leave(); !s.desk.waiting {
		t.Error("Run was woken for nothing")
	}
	s.stopping.Store(true)
	s.TryEnter(now)
	if s.Leave(); s.desk.waiting {
		t.Error("Run was not told that it may be the last link's end")
	}
	s.TryEnter(now.Add(time.Second))
	if !s.now.Equal(now.Add(time.Second)) {
		t.Error("the time stands still")
	}
	s.desk.retire()
	if s.TryEnter(now) {
		t.Error("somebody serves after the end")
	}
}
