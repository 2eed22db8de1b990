package secure

import (
	"encoding/binary"
	"io"

	"github.com/flynn/noise"

	"github.com/musubi-p2p/musubi/core/wire"
)

// PeerConfig is one side of the handshake between two players, Noise KKpsk0. The callee of an introduction is the
// initiator: message 1 travels in its ACCEPT, message 2 in the caller's ANSWER, so the caller has keys after one
// signalling round trip.
type PeerConfig struct {
	Rand     io.Reader
	Static   PrivateKey
	Remote   PublicKey     // the other player's key, from the introduction
	PSK      [32]byte      // from the introduction
	Prologue []byte        // PeerPrologue: what both must have been told alike
	Info     wire.PeerInfo // ours; ConnID is what the other side writes to us, Flags may offer AES
}

// PeerPrologue is what both players must agree on: any difference in what the server told them fails the handshake.
// features are those both offered.
//
//	+----------------------------+-----------+----------+-----------+------------+-------------+-------------+--------------+
//	| "musubi peer" version (16) | app: len8 | room(64) | epoch(32)| intro(128) | caller(256) | callee(256) | features(32) |
//	+----------------------------+-----------+----------+-----------+------------+-------------+-------------+--------------+
func PeerPrologue(app string, room uint64, epoch uint32, intro wire.IntroID, caller, callee PublicKey, features uint32) []byte {
	be := binary.BigEndian
	b := be.AppendUint16([]byte("musubi peer"), wire.Version)
	b = wire.AppendBytes8(b, []byte(app))
	b = be.AppendUint32(be.AppendUint64(b, room), epoch)
	b = append(append(append(b, intro[:]...), caller[:]...), callee[:]...)
	return be.AppendUint32(b, features)
}

// PeerHandshake waits for message 2.
type PeerHandshake struct {
	hs   *handshake
	info wire.PeerInfo
}

func (c *PeerConfig) noise(initiator bool) (*handshake, error) {
	return newNoise(noiseConfig{
		rand: c.Rand, pattern: noise.HandshakeKK, initiator: initiator, prologue: c.Prologue,
		psk: c.PSK[:], static: NewStaticKey(c.Static), remote: &c.Remote,
	})
}

// NewPeerInitiator starts the handshake as the callee of an introduction. msg1 may be sent again verbatim.
func NewPeerInitiator(cfg PeerConfig) (h *PeerHandshake, msg1 []byte, err error) {
	hs, err := cfg.noise(true)
	if err != nil {
		return nil, nil, err
	}
	msg1, _, _, err = hs.WriteMessage(nil, wire.AppendPeerInfo(nil, &cfg.Info))
	if err != nil {
		return nil, nil, err // a remote key of low order
	}
	return &PeerHandshake{hs: hs, info: cfg.Info}, msg1, nil
}

// Finish reads message 2. After an error the handshake still waits: a forgery does not end it.
func (h *PeerHandshake) Finish(msg2 []byte) (*Session, wire.PeerInfo, error) {
	if h.hs == nil {
		return nil, wire.PeerInfo{}, ErrReplay // finished already
	}
	payload, k1, k2, err := readSecond(h.hs, msg2)
	if err != nil {
		return nil, wire.PeerInfo{}, err
	}
	info, ok := wire.ParsePeerInfo(payload)
	if !ok {
		return nil, wire.PeerInfo{}, ErrFormat
	}
	both := h.info.Flags & info.Flags
	s, _ := finish(h.hs, k1, k2, true, both&wire.FlagAES != 0, h.info.ConnID, info.ConnID)
	if both&wire.FlagRekey != 0 {
		s.renew(k1.UnsafeKey(), k2.UnsafeKey(), true)
	}
	h.hs = nil
	return s, info, nil
}

// AnswerPeer answers message 1 as the caller of an introduction. The caller of this function keeps msg2 and sends it
// again verbatim for a repeated msg1: answering twice would make two sessions.
func AnswerPeer(cfg PeerConfig, msg1 []byte) (msg2 []byte, s *Session, info wire.PeerInfo, err error) {
	hs, err := cfg.noise(false)
	if err != nil {
		return nil, nil, info, err
	}
	payload, _, _, err := hs.ReadMessage(nil, msg1)
	if err != nil {
		return nil, nil, info, ErrAuth
	}
	info, ok := wire.ParsePeerInfo(payload)
	if !ok {
		return nil, nil, wire.PeerInfo{}, ErrFormat
	}
	msg2, k1, k2, err := hs.WriteMessage(nil, wire.AppendPeerInfo(nil, &cfg.Info))
	if err != nil {
		return nil, nil, wire.PeerInfo{}, err
	}
	both := cfg.Info.Flags & info.Flags
	s, _ = finish(hs, k1, k2, false, both&wire.FlagAES != 0, cfg.Info.ConnID, info.ConnID)
	if both&wire.FlagRekey != 0 {
		s.renew(k2.UnsafeKey(), k1.UnsafeKey(), false)
	}
	return msg2, s, info, nil
}
