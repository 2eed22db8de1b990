package secure

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/flynn/noise"
)

// Published Noise test vectors (flynn/noise, vectors.txt) through our own construction of the three handshakes: pattern,
// suite, prologue, pre-shared key and injected randomness are what the standard says they are.
func TestNoiseVectors(t *testing.T) {
	const (
		iStatic  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		rStatic  = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
		iRandom  = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
		rRandom  = "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60"
		prologue = "6e6f74736563726574"
		psk      = "2176657279736563726574766572797365637265747665727973656372657421"
	)
	keyI, keyR := PrivateKey(unhex(iStatic)), PrivateKey(unhex(rStatic))
	pubI, pubR := keyI.Public(), keyR.Public()
	for _, v := range []struct {
		name     string
		i, r     noiseConfig
		messages [4]string // two of the handshake, one transport message each way
	}{
		{"NNpsk0",
			noiseConfig{pattern: noise.HandshakeNN, psk: unhex(psk)}, noiseConfig{pattern: noise.HandshakeNN, psk: unhex(psk)},
			[4]string{
				"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254b8766d12729c594966e9df5831055ca8c424d8ca8f3f2a6fbeac",
				"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846633188335572849c06f2123581c51160861c0049f3bb291bd9e3f",
				"45229f0fb23ccd92b0554c5be976ab8ccecf5f1e7503af4c5a1e4e45d35dd5",
				"fcf39b68313e893f9682801d60aee12337d52a64661af37a0366b7924d1657",
			}},
		{"KKpsk0",
			noiseConfig{pattern: noise.HandshakeKK, psk: unhex(psk), static: NewStaticKey(keyI), remote: &pubR},
			noiseConfig{pattern: noise.HandshakeKK, psk: unhex(psk), static: NewStaticKey(keyR), remote: &pubI},
			[4]string{
				"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254c98a7a53fef3f35c4755296b675ec07df2f17c802c6264ef8d4a",
				"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484666d587d79056823bbadec72c5647701d2468995235e0e2dfa6130",
				"42e238b4b6180654120bdb79734c6bbf8d47cc49f94689740b89443a5f809c",
				"556615110f73692755058a5f80d58f952a3eecccd14006edf6dcff48f44b5a",
			}},
		{"IK",
			noiseConfig{pattern: noise.HandshakeIK, static: NewStaticKey(keyI), remote: &pubR},
			noiseConfig{pattern: noise.HandshakeIK, static: NewStaticKey(keyR)},
			[4]string{
				"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254c9f0dff42c86abe5677abe74f6c87301577dbc1f3ffb2213827ca694a057fdbbacac81d639bfae65c7827558f90acd277316fcb3b0687be852fd7e392456bb6cbe070c749f1bd7c55fc2",
				"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484667f1d8bd2b9b659695f90e35beaf5a5f5f1e7c83aa3194a2430cd",
				"595694f9be48f03790f699455c84578b31d14a7baedfd736d73c53f66a5657",
				"621ae446b11fda3cf08e56102dac9324dee37a4e536cdc878e8b454d98bcf2",
			}},
	} {
		t.Run(v.name, func(t *testing.T) {
			v.i.initiator, v.i.prologue, v.r.prologue = true, unhex(prologue), unhex(prologue)
			v.i.rand, v.r.rand = bytes.NewReader(unhex(iRandom)), bytes.NewReader(unhex(rRandom))
			hsI, errI := newNoise(v.i)
			hsR, errR := newNoise(v.r)
			if errI != nil || errR != nil {
				t.Fatal(errI, errR)
			}
			m0, _, _, err := hsI.WriteMessage(nil, []byte("test_msg_0"))
			want(t, m0, v.messages[0], err)
			got, _, _, err := hsR.ReadMessage(nil, m0)
			want(t, got, hex.EncodeToString([]byte("test_msg_0")), err)
			m1, k1, k2, err := hsR.WriteMessage(nil, []byte("test_msg_1"))
			want(t, m1, v.messages[1], err)
			got, _, _, err = readSecond(hsI, m1)
			want(t, got, hex.EncodeToString([]byte("test_msg_1")), err)
			m2, err := k1.Encrypt(nil, nil, []byte("yellowsubmarine"))
			want(t, m2, v.messages[2], err)
			m3, err := k2.Encrypt(nil, nil, []byte("submarineyellow"))
			want(t, m3, v.messages[3], err)
		})
	}
}

func want(t *testing.T, got []byte, hexWant string, err error) {
	t.Helper()
	if err != nil || hex.EncodeToString(got) != hexWant {
		t.Fatalf("got %x (%v), want %s", got, err, hexWant)
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
