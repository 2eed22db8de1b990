package secure

import (
	"bytes"
	"math/rand"
	"reflect"
	"testing"

	"github.com/musubi-p2p/musubi/core/wire"
)

// What parses must format and parse again to the same.
func FuzzParseServerAddress(f *testing.F) {
	f.Add("musubi://play.example.com:4000,[::1]/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("musubi://localhost")
	f.Add("musubi://localhost/?tls=8443&ws=80#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("musubi://[fe80::1%eth0]:1/#")
	f.Add("musubi://a:b:c,,/#\x00")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseServerAddress(s)
		if err != nil || !a.HasKey {
			return
		}
		if b, err := ParseServerAddress(a.String()); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q: %+v, then %+v, %v", s, a, b, err)
		}
	})
}

// A packet opens only if it is the one that was sealed, and nothing else changes the session.
func FuzzOpen(f *testing.F) {
	for _, flags := range []uint32{0, wire.FlagAES} {
		a, _ := session(f, flags)
		out, _ := a.Begin(nil, 2)
		f.Add(a.Seal(append(out, "frames"...), 0))
	}
	f.Add([]byte{})
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, s := session(t, wire.FlagAES)
		out, _ := a.Begin(nil, 2)
		genuine := a.Seal(append(out, "frames"...), 0)
		same := bytes.Equal(b, genuine)
		_, _, frames, err := s.Open(bytes.Clone(b))
		if (err == nil) != same || same && string(frames) != "frames" {
			t.Fatalf("opened %x: %v", b, err)
		}
		if !same {
			if _, _, _, err := s.Open(genuine); err != nil {
				t.Fatal("a forgery changed the session:", err)
			}
		}
	})
}

func FuzzAnswerPeer(f *testing.F) {
	p := newPlayers(1)
	_, msg1, _ := NewPeerInitiator(p.callee)
	f.Add(msg1, msg1)
	f.Add([]byte{}, make([]byte, 48))
	f.Fuzz(func(t *testing.T, b1, b2 []byte) {
		p := newPlayers(1)
		h, msg1, _ := NewPeerInitiator(p.callee)
		if _, s, _, err := AnswerPeer(p.caller, b1); err == nil && (s == nil || !bytes.Equal(b1, msg1)) {
			t.Fatal("answered a message nobody sent")
		}
		if s, _, err := h.Finish(b2); err == nil || s != nil {
			t.Fatal("finished with a message nobody sent")
		}
	})
}

func FuzzAnswerLink(f *testing.F) {
	serverKey := PrivateKey{1}
	cfg := LinkConfig{Rand: rand.New(rand.NewSource(1)), Static: PrivateKey{2}, Server: serverKey.Public(), Prologue: []byte("p")}
	_, msg1, _ := NewLinkInitiator(cfg, 1, &wire.ClientInfo{App: "x"})
	f.Add(msg1)
	_, msg1, _ = NewResumeInitiator(cfg, 1, &wire.ClientInfo{App: "x"})
	f.Add(msg1)
	f.Add(make([]byte, 96))
	f.Fuzz(func(t *testing.T, b []byte) {
		server := LinkConfig{Rand: rand.New(rand.NewSource(1)), Static: serverKey, Prologue: []byte("p")}
		for _, answer := range []func(LinkConfig, []byte) (*LinkAnswer, error){AnswerLink, AnswerResume} {
			a, err := answer(server, b)
			if err != nil {
				continue
			}
			if _, s, _, err := a.Reply(1, &wire.ServerInfo{ConnID: 2}); err != nil || s == nil {
				t.Fatal(err)
			}
		}
	})
}

// Behind the seal too: a ticket whose content is rubbish.
func FuzzTickets(f *testing.F) {
	key := TicketKey{1}
	rng := rand.New(rand.NewSource(1))
	b, _ := key.SealResume(rng, nil, &ResumeTicket{User: "u", App: "a", Expiry: 1 << 40})
	f.Add(b)
	b, _ = key.SealRelay(rng, nil, &wire.RelayTicket{Expiry: 1 << 40})
	f.Add(b)
	f.Add([]byte("content"))
	f.Fuzz(func(t *testing.T, b []byte) {
		key.OpenResume(start, b)
		key.OpenRelay(start, b)
		rng := rand.New(rand.NewSource(2))
		inner, _ := key.seal(rng, nil, b, kindResume)
		key.OpenResume(start, inner)
		inner, _ = key.seal(rng, nil, b, kindRelay)
		key.OpenRelay(start, inner)
	})
}
