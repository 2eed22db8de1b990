package link

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A ticket lives no longer than the token, and the times of warning and end are right.
func TestGrantTimes(t *testing.T) {
	now := time.Unix(1_767_000_000, 0)
	s := &ServerSession{}
	if !s.grantDeadline().IsZero() || s.ticketLife(now) != ticketLife {
		t.Error("a link without a token")
	}
	s.Grant.Expires = uint64(now.Unix()) + 100
	if s.ticketLife(now) != 100*time.Second || s.ticketLife(now.Add(time.Hour)) != 0 || s.grantDeadline() != now.Add(40*time.Second) {
		t.Errorf("ticket %v, deadline %v", s.ticketLife(now), s.grantDeadline())
	}
	s.Grant.Expires += 24 * 3600
	if s.ticketLife(now) != ticketLife {
		t.Error("a long token makes a long ticket")
	}
	s.Wish, s.Grant.Privacy = api.PrivacyConsent, api.PrivacyRelayOnly
	if s.Privacy() != api.PrivacyRelayOnly {
		t.Error("the client's wish made the token's privacy laxer")
	}
}

// Answers to several renewals under way: the last one counts, and a refused one brings the token of before back.
func TestRenewalsCross(t *testing.T) {
	w := newWorld(t, 1)
	c := w.client
	c.cfg.Info.Token = []byte("first")
	c.renewal = renewal{asked: 2, before: []byte("first")}
	c.cfg.Info.Token = []byte("third")
	c.pipe = &pipe{drops: &Drops{}}
	c.handleRenewal(&wire.Signal{Type: wire.SigTokenSet, Code: -340})
	if string(c.cfg.Info.Token) != "third" {
		t.Error("the first answer decided")
	}
	c.handleRenewal(&wire.Signal{Type: wire.SigTokenSet, Code: -340, Text: "expired"})
	if string(c.cfg.Info.Token) != "first" {
		t.Errorf("after a refusal the token is %q", c.cfg.Info.Token)
	}
	if c.handleRenewal(&wire.Signal{Type: wire.SigTokenSet}); c.pipe.drops.Signal != 1 {
		t.Error("an answer that nobody asked for was taken")
	}
	n := 0
	for ev, ok := c.NextEvent(); ok; ev, ok = c.NextEvent() {
		if n++; api.Code(ev.Signal.Code) != api.ErrTokenExpired {
			t.Errorf("%+v", ev)
		}
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
	big := make([]byte, wire.MaxToken+1)
	if err := c.SetToken(w.now, big); err == nil || string(c.cfg.Info.Token) != "first" {
		t.Error("a token that is too large was taken")
	}
}
