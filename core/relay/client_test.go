package relay

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestClientRepeatsThenGivesUpWithASentence(t *testing.T) {
	r := newRig(t)
	c := r.client(0, 2)
	if c.Bound() || !c.NextTimeout().IsZero() {
		t.Fatal("a new leg is not idle")
	}
	c.Bind(r.now)
	first := r.take(c)
	for tries := 1; ; tries++ {
		r.now = c.NextTimeout()
		c.HandleTimeout(r.now)
		b, ok := c.AppendTransmit(r.now, nil)
		if !ok {
			if tries != 8 {
				t.Errorf("gave up after %d tries", tries)
			}
			break
		}
		if !bytes.Equal(b, first) {
			t.Fatal("a repeated BIND differs")
		}
	}
	e, ok := c.NextEvent()
	if !ok || e.Kind != EventFailed || e.Code != api.ErrRelay || !strings.Contains(e.Text, "203.0.113.1:3478: no answer to 8 tries in ") {
		t.Errorf("%+v", e)
	}
	if d := r.now.Sub(start); d < 4*time.Second || d > 8*time.Second {
		t.Errorf("it took %v", d)
	}
	if c.Binding() || !c.NextTimeout().IsZero() {
		t.Error("something is still scheduled")
	}
	// Trying again later works.
	r.bind(c, alice)
}

func TestPreboundLegWorksAtOnceAndCanBeBoundAgain(t *testing.T) {
	r := newRig(t)
	h, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	ticket := ticketFor(meet, 0)
	c := NewClient(ClientConfig{Rand: seed(5), Addr: mallet, Grant: wire.RelayGrant{Handle: h, Rate: testRate, Key: keyOf(ticket), Ticket: ticket}})
	if !c.Bound() || c.Handle() != h || c.Addr() != mallet || c.Rate() != testRate {
		t.Fatal("the granted handle is not used")
	}
	if _, ok := c.AppendTransmit(r.now, nil); ok {
		t.Error("a prebound leg says something")
	}
	c.Bind(r.now)
	if !c.Bound() || !c.Binding() {
		t.Error("the leg can't be used while it is bound again")
	}
	r.reply(c, bob, r.take(c))
	r.reply(c, bob, r.take(c))
	if c.Binding() || c.Handle() != h {
		t.Error("not bound again")
	}
}

func TestClientTakesOnlyGenuineAnswers(t *testing.T) {
	r := newRig(t)
	c := r.client(0, 2)
	c.Bind(r.now)
	r.s.HandleDatagram(r.now, alice, r.take(c))
	challenge := r.sent()[0].b
	wrong := bytes.Clone(challenge)
	wrong[3] ^= 1 // the nonce
	if c.HandleDatagram(r.now, wrong) {
		t.Error("took a challenge for another nonce")
	}
	c.HandleDatagram(r.now, challenge)
	r.s.HandleDatagram(r.now, alice, r.take(c))
	bound := r.sent()[0].b
	for i := range bound {
		b := bytes.Clone(bound)
		b[i] ^= 0x10
		if c.HandleDatagram(r.now, b) || c.Bound() {
			t.Fatalf("took a BOUND with byte %d changed", i)
		}
	}
	if !c.HandleDatagram(r.now, bound) || !c.Bound() {
		t.Fatal("the genuine BOUND was not taken")
	}
	if c.HandleDatagram(r.now, bound) {
		t.Error("took it twice")
	}
}

func TestClientWithoutTicketFailsAtOnce(t *testing.T) {
	c := NewClient(ClientConfig{Rand: seed(1), Addr: alice})
	c.Bind(start)
	if e, ok := c.NextEvent(); !ok || e.Kind != EventFailed {
		t.Error("no failure told")
	}
	if _, ok := c.AppendTransmit(start, nil); ok {
		t.Error("sent something")
	}
}
