package secure

import (
	"bytes"
	"crypto/mlkem"
	"errors"
	"math/rand/v2"
	"testing"
)

func dice(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// Both sides of a ratchet come to the same mix, of which each part counts.
func TestRatchetAgrees(t *testing.T) {
	for _, hybrid := range []bool{false, true} {
		offer, err := NewOffer(dice(1), hybrid)
		if err != nil {
			t.Fatal(err)
		}
		answer, mix, err := AnswerOffer(dice(2), offer.Message(), hybrid)
		if err != nil {
			t.Fatal(err)
		}
		got, err := offer.Finish(answer)
		if want := map[bool][3]int{false: {32, 32, 64}, true: {1216, 1120, 96}}[hybrid]; err != nil || !bytes.Equal(got, mix) ||
			[3]int{len(offer.Message()), len(answer), len(mix)} != want {
			t.Fatalf("hybrid %v: %v, sizes %d, %d, %d", hybrid, err, len(offer.Message()), len(answer), len(mix))
		}
		for i := 0; i < len(answer); i += 31 { // X25519's part, ML-KEM's part
			bad := bytes.Clone(answer)
			bad[i] ^= 1
			if got, err := offer.Finish(bad); err == nil && bytes.Equal(got, mix) {
				t.Fatalf("byte %d of the answer does not count", i)
			}
		}
		again, mix2, _ := AnswerOffer(dice(2), offer.Message(), hybrid)
		if !bytes.Equal(again, answer) || !bytes.Equal(mix2, mix) {
			t.Fatal("the same randomness gives another answer")
		}
		if _, mix3, _ := AnswerOffer(dice(3), offer.Message(), hybrid); bytes.Equal(mix3, mix) {
			t.Fatal("another randomness gives the same mix")
		}
	}
}

// The mix of a recorded ratchet can't be made from one of its two secrets: whoever computes discrete logarithms lacks
// ML-KEM's, whoever breaks ML-KEM lacks X25519's.
func TestMixNeedsBothSecrets(t *testing.T) {
	offer, _ := NewOffer(dice(1), true)
	answer, mix, _ := AnswerOffer(dice(2), offer.Message(), true)
	other, _ := NewOffer(dice(3), true)
	for name, thief := range map[string]*Offer{
		"X25519's": {x: offer.x, kem: other.kem, message: offer.message},
		"ML-KEM's": {x: other.x, kem: offer.kem, message: offer.message},
	} {
		if got, err := thief.Finish(answer); err == nil && bytes.Equal(got, mix) {
			t.Errorf("%s secret is enough", name)
		}
	}
}

func TestBadRatchetsAreRefused(t *testing.T) {
	offer, _ := NewOffer(dice(1), true)
	answer, _, _ := AnswerOffer(dice(2), offer.Message(), true)
	low := func(b []byte) []byte { return append(make([]byte, 32), b[32:]...) }
	range3329 := bytes.Clone(offer.Message()) // coefficients of 12 bits, all of them 4095
	copy(range3329[32:], bytes.Repeat([]byte{0xff}, 384))
	for name, b := range map[string][]byte{
		"none": nil, "short": offer.Message()[:1215], "long": append(bytes.Clone(offer.Message()), 0),
		"without ML-KEM": offer.Message()[:32], "low order": low(offer.Message()), "no encapsulation key": range3329,
	} {
		if _, _, err := AnswerOffer(dice(2), b, true); !errors.Is(err, ErrFormat) {
			t.Errorf("offer, %s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"none": nil, "short": answer[:1119], "long": append(bytes.Clone(answer), 0), "without ML-KEM": answer[:32], "low order": low(answer),
	} {
		if _, err := offer.Finish(b); !errors.Is(err, ErrFormat) {
			t.Errorf("answer, %s: %v", name, err)
		}
	}
}

// What comes out of our randomness is the standard library's ML-KEM: its own decapsulation opens it.
func TestEncapsulationIsTheStandards(t *testing.T) {
	key, err := mlkem.GenerateKey768()
	if err != nil {
		t.Fatal(err)
	}
	shared, ciphertext, err := encapsulate(dice(5), key.EncapsulationKey())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Decapsulate(ciphertext); err != nil || !bytes.Equal(got, shared) {
		t.Fatal("another secret", err)
	}
}

// FuzzRatchet gives both sides whatever the other may send: they refuse it, or make a mix of it.
func FuzzRatchet(f *testing.F) {
	offer, _ := NewOffer(dice(1), true)
	answer, _, _ := AnswerOffer(dice(2), offer.Message(), true)
	classic, _ := NewOffer(dice(1), false)
	f.Add(offer.Message(), true)
	f.Add(answer, true)
	f.Add(classic.Message(), false)
	f.Add(make([]byte, 1216), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, hybrid bool) {
		whole := bytes.Clone(b)
		if reply, mix, err := AnswerOffer(dice(2), b, hybrid); err == nil && (len(mix) < 64 || len(reply) < 32) {
			t.Error("half an answer")
		}
		mine := classic
		if hybrid {
			mine = offer
		}
		if mix, err := mine.Finish(b); err == nil && len(mix) < 64 {
			t.Error("half a mix")
		}
		if !bytes.Equal(whole, b) {
			t.Error("a message was changed")
		}
	})
}

func BenchmarkRatchet(b *testing.B) {
	random := dice(1)
	for b.Loop() {
		offer, _ := NewOffer(random, true)
		answer, _, _ := AnswerOffer(random, offer.Message(), true)
		if _, err := offer.Finish(answer); err != nil {
			b.Fatal(err)
		}
	}
}
