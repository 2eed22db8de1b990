package secure

import (
	"bytes"
	"errors"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestResumeTicket(t *testing.T) {
	key, rng := TicketKey{3}, rand.New(rand.NewSource(1))
	want := ResumeTicket{Client: PublicKey{1}, Member: 77, Serial: 5, User: strings.Repeat("u", api.MaxUserID), App: strings.Repeat("a", 64),
		Secret: [32]byte{9}, Expiry: uint64(start.Add(time.Hour).Unix())}
	sealed, err := key.SealResume(rng, nil, &want)
	if err != nil || len(sealed) > wire.MaxResumeTicket {
		t.Fatal(len(sealed), err)
	}
	got, err := key.OpenResume(start, sealed)
	if err != nil || got != want {
		t.Fatal(got, err)
	}
	if _, err := key.OpenResume(start.Add(time.Hour), sealed); !errors.Is(err, ErrExpired) {
		t.Fatal(err)
	}
	if _, err := (TicketKey{4}).OpenResume(start, sealed); !errors.Is(err, ErrAuth) {
		t.Fatal(err)
	}
	if _, err := key.OpenRelay(start, sealed[:100]); err == nil {
		t.Fatal("opened as another kind")
	}
	if again, _ := key.SealResume(rng, nil, &want); bytes.Equal(again, sealed) {
		t.Fatal("two tickets under one nonce")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := key.OpenResume(start, bad); !errors.Is(err, ErrAuth) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestRelayTicket(t *testing.T) {
	key, rng := TicketKey{3}, rand.New(rand.NewSource(1))
	want := wire.RelayTicket{Session: [16]byte{1}, Leg: 1, Expiry: uint64(start.Add(time.Minute).Unix()), Rate: 2, KeyHash: KeyHash(PublicKey{8})}
	sealed, err := key.SealRelay(rng, nil, &want)
	if err != nil || len(sealed) > wire.MaxRelayTicket {
		t.Fatal(len(sealed), err)
	}
	if got, err := key.OpenRelay(start, sealed); err != nil || got != want {
		t.Fatal(got, err)
	}
	if _, err := key.OpenRelay(start.Add(time.Minute), sealed); !errors.Is(err, ErrExpired) {
		t.Fatal(err)
	}
	if _, err := key.OpenResume(start, sealed); !errors.Is(err, ErrAuth) {
		t.Fatal("opened as another kind:", err)
	}
}
