package link

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// A link that only lives rests between its keepalives, which wake it for no longer than their answer takes. A forged packet
// does not wake it and leaves nothing behind; a signal does, either way, and the link goes on where it was.
func TestLinkRestsAndWakes(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.run(5 * time.Second)
	s := w.session()
	if !s.Resting() {
		t.Fatal("five idle seconds, and the link does not rest")
	}
	rtt := s.RTT()
	awake := 0
	for range 2000 { // many keepalives and a ticket or two
		w.run(time.Second)
		if !s.Resting() {
			awake++
		}
	}
	if awake > 10 || awake == 0 || !w.client.Up() || s.RTT() == 0 || rtt == 0 {
		t.Fatalf("awake in %d of 2000 looks, RTT %v before and %v now", awake, rtt, s.RTT())
	}
	forged := append([]byte{0x88, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 40)...)
	before := w.server.acceptor.Drops().Auth
	for n := range 100 {
		forged[7] = byte(n)
		s.HandleDatagram(w.now, clientAddr, append([]byte(nil), forged...))
	}
	if !s.Resting() || w.server.acceptor.Drops().Auth != before+100 {
		t.Fatalf("resting: %v, %d forgeries counted", s.Resting(), w.server.acceptor.Drops().Auth-before)
	}
	w.create("one")
	w.run(time.Second / 2)
	if !w.heard("one") || s.Resting() {
		t.Fatal("a signal from the client")
	}
	w.run(10 * time.Second)
	if !s.Resting() {
		t.Fatal("the conversation is over, and the link does not rest")
	}
	if err := s.Send(w.now, &wire.Signal{Type: wire.SigClosing, Text: "soon"}); err != nil {
		t.Fatal(err)
	}
	if s.Resting() {
		t.Fatal("it rests with a signal to send")
	}
	w.run(10 * time.Second)
	if !s.Resting() || !w.client.Up() {
		t.Fatal("not at rest again")
	}
}

// The client falls silent while its link rests: the server's end is over after the same time as ever.
func TestRestingLinkEndsBySilence(t *testing.T) {
	w := newWorld(t, 1)
	w.up()
	w.run(5 * time.Second)
	s := w.session()
	w.lose = func(toServer bool, _ []byte) bool { return toServer }
	w.run(idleTimeout - 8*time.Second)
	if _, _, closed := s.Closed(); closed {
		t.Fatal("too early")
	}
	w.run(8 * time.Second)
	if _, text, closed := s.Closed(); !closed {
		t.Fatalf("still open: %s", text)
	}
}
