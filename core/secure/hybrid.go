package secure

import (
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"io"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/curve25519"
)

// Sizes of a ratchet's messages, in bytes: an X25519 key, and behind it ML-KEM-768's part if both ends mix it in.
const (
	classicSize      = curve25519.PointSize
	hybridOfferSize  = classicSize + mlkem.EncapsulationKeySize768
	hybridAnswerSize = classicSize + mlkem.CiphertextSize768
)

// Offer is the initiator's side of a Diffie-Hellman ratchet, waiting for the answer. Both messages travel sealed, so that who
// holds the keys in use proves both; what is agreed on is for who can't open them then, but records them.
//
//	offer:  X25519 public key (32), ML-KEM-768 encapsulation key (1184)
//	answer: X25519 public key (32), ML-KEM-768 ciphertext (1088)
//	mix = X25519 shared secret | ML-KEM shared secret | BLAKE2s-256(offer | answer)
//
// Without ML-KEM its parts are missing. The mix is safe while either of the two is.
type Offer struct {
	x       PrivateKey
	kem     *mlkem.DecapsulationKey768 // nil: X25519 alone
	message []byte
}

// NewOffer makes keys for one ratchet.
func NewOffer(rand io.Reader, hybrid bool) (*Offer, error) {
	x, err := GenerateKey(rand)
	if err != nil {
		return nil, err
	}
	public := x.Public()
	o := &Offer{x: x, message: public[:]}
	if hybrid {
		seed := make([]byte, mlkem.SeedSize)
		if _, err := io.ReadFull(rand, seed); err != nil {
			return nil, err
		}
		if o.kem, err = mlkem.NewDecapsulationKey768(seed); err != nil {
			return nil, err
		}
		o.message = append(o.message, o.kem.EncapsulationKey().Bytes()...)
	}
	return o, nil
}

// Message is what goes to the responder.
func (o *Offer) Message() []byte { return o.message }

// Finish takes the responder's answer. ErrFormat: it is none.
func (o *Offer) Finish(answer []byte) (mix []byte, err error) {
	size := classicSize
	if o.kem != nil {
		size = hybridAnswerSize
	}
	if len(answer) != size {
		return nil, ErrFormat
	}
	if mix, err = curve25519.X25519(o.x[:], answer[:classicSize]); err != nil {
		return nil, ErrFormat // a key of low order
	}
	if o.kem != nil {
		shared, err := o.kem.Decapsulate(answer[classicSize:])
		if err != nil {
			return nil, ErrFormat
		}
		mix = append(mix, shared...)
	}
	return bind(mix, o.message, answer), nil
}

// AnswerOffer is the responder's side. ErrFormat: the offer is none.
func AnswerOffer(rand io.Reader, offer []byte, hybrid bool) (answer, mix []byte, err error) {
	size := classicSize
	if hybrid {
		size = hybridOfferSize
	}
	if len(offer) != size {
		return nil, nil, ErrFormat
	}
	x, err := GenerateKey(rand)
	if err != nil {
		return nil, nil, err
	}
	if mix, err = curve25519.X25519(x[:], offer[:classicSize]); err != nil {
		return nil, nil, ErrFormat
	}
	public := x.Public()
	answer = public[:]
	if hybrid {
		kem, err := mlkem.NewEncapsulationKey768(offer[classicSize:])
		if err != nil {
			return nil, nil, ErrFormat
		}
		shared, ciphertext, err := encapsulate(rand, kem)
		if err != nil {
			return nil, nil, err
		}
		answer, mix = append(answer, ciphertext...), append(mix, shared...)
	}
	return answer, bind(mix, offer, answer), nil
}

// encapsulate is ML-KEM.Encaps of FIPS 203 with its 32 random bytes from rand. The standard library offers that under a name that
// warns of it, because who passes anything but fresh random bytes gives the secret away; but all randomness comes in here, in
// the handshake as well, and a run that can't be repeated can't be debugged. Where only FIPS 140 is allowed it refuses, and the
// system's randomness has to do.
func encapsulate(rand io.Reader, kem *mlkem.EncapsulationKey768) (shared, ciphertext []byte, err error) {
	var random [32]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		return nil, nil, err
	}
	if shared, ciphertext, err = mlkemtest.Encapsulate768(kem, random[:]); err != nil {
		shared, ciphertext = kem.Encapsulate()
	}
	return shared, ciphertext, nil
}

// bind ends a mix with what was said, so that both saw the same.
func bind(mix, offer, answer []byte) []byte {
	sum := blake2s.Sum256(append(append([]byte(nil), offer...), answer...))
	return append(mix, sum[:]...)
}
