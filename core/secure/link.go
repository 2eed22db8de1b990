package secure

import (
	"io"

	"github.com/flynn/noise"

	"github.com/musubi-p2p/musubi/core/wire"
)

// LinkConfig is one side of a handshake between client and server: IK for a new link (the server's key is known), or
// NNpsk0 for a resumed one (a ticket names the client, the secret behind it proves it).
type LinkConfig struct {
	Rand     io.Reader
	Static   PrivateKey // own key; IK only
	Own      *StaticKey // Static made ready; nil: that is done here
	Server   PublicKey  // the key pinned in the server's address; IK initiator only
	Secret   [32]byte   // the resume secret of the session that the ticket came from; NNpsk0 only
	Prologue []byte     // wire.AppendHelloPrologue of the Hello that carries message 1
}

// LinkHandshake is the client's side, waiting for message 2.
type LinkHandshake struct {
	hs     *handshake
	connID uint32
	flags  uint32
}

func (c *LinkConfig) noise(resume, initiator bool) (*handshake, error) {
	n := noiseConfig{rand: c.Rand, pattern: noise.HandshakeIK, initiator: initiator, prologue: c.Prologue, static: c.Own}
	if n.static == nil && !resume {
		n.static = NewStaticKey(c.Static)
	}
	if initiator {
		n.remote = &c.Server
	}
	if resume {
		n.pattern, n.psk, n.static, n.remote = noise.HandshakeNN, c.Secret[:], nil, nil
	}
	return newNoise(n)
}

// NewLinkInitiator starts a new link. connID is the one in the Hello: what the server will write to us.
func NewLinkInitiator(cfg LinkConfig, connID uint32, info *wire.ClientInfo) (*LinkHandshake, []byte, error) {
	return newLinkInitiator(cfg, false, connID, info)
}

// NewResumeInitiator starts the resumption of a link.
func NewResumeInitiator(cfg LinkConfig, connID uint32, info *wire.ClientInfo) (*LinkHandshake, []byte, error) {
	return newLinkInitiator(cfg, true, connID, info)
}

func newLinkInitiator(cfg LinkConfig, resume bool, connID uint32, info *wire.ClientInfo) (*LinkHandshake, []byte, error) {
	hs, err := cfg.noise(resume, true)
	if err != nil {
		return nil, nil, err
	}
	msg1, _, _, err := hs.WriteMessage(nil, wire.AppendClientInfo(nil, info))
	if err != nil {
		return nil, nil, err // the pinned key has low order
	}
	return &LinkHandshake{hs: hs, connID: connID, flags: info.Flags}, msg1, nil
}

// Finish reads message 2. resume is the secret behind every ticket that the server gives out over this session. After
// an error the handshake still waits: a forgery does not end it.
func (h *LinkHandshake) Finish(msg2 []byte) (s *Session, info wire.ServerInfo, resume [32]byte, err error) {
	if h.hs == nil {
		return nil, info, resume, ErrReplay // finished already
	}
	payload, k1, k2, err := readSecond(h.hs, msg2)
	if err != nil {
		return nil, info, resume, err
	}
	info, ok := wire.ParseServerInfo(payload)
	if !ok {
		return nil, wire.ServerInfo{}, resume, ErrFormat
	}
	s, resume = finish(h.hs, k1, k2, true, h.flags&info.Flags&wire.FlagAES != 0, h.connID, info.ConnID)
	h.hs = nil
	return s, info, resume, nil
}

// LinkAnswer is the server's side: message 1 is authentic, and the server decides whether to Reply.
type LinkAnswer struct {
	Client PublicKey       // proven; zero for a resumption, where the ticket names the client
	Info   wire.ClientInfo // Token is the answer's own memory
	hs     *handshake
}

// AnswerLink reads message 1 of a new link. ErrAuth means that the client expects another server key, or a forgery.
func AnswerLink(cfg LinkConfig, msg1 []byte) (*LinkAnswer, error) {
	return answerLink(cfg, false, msg1)
}

// AnswerResume reads message 1 of a resumption. ErrAuth means that the sender does not know the ticket's secret.
func AnswerResume(cfg LinkConfig, msg1 []byte) (*LinkAnswer, error) {
	return answerLink(cfg, true, msg1)
}

func answerLink(cfg LinkConfig, resume bool, msg1 []byte) (*LinkAnswer, error) {
	hs, err := cfg.noise(resume, false)
	if err != nil {
		return nil, err
	}
	payload, _, _, err := hs.ReadMessage(nil, msg1)
	if err != nil {
		return nil, ErrAuth
	}
	info, ok := wire.ParseClientInfo(payload)
	if !ok {
		return nil, ErrFormat
	}
	a := &LinkAnswer{Info: info, hs: hs}
	copy(a.Client[:], hs.PeerStatic())
	return a, nil
}

// Reply makes message 2 and the session. connID is the client's, from its Hello; info.ConnID ours. Call it once.
func (a *LinkAnswer) Reply(connID uint32, info *wire.ServerInfo) (msg2 []byte, s *Session, resume [32]byte, err error) {
	if a.hs == nil {
		return nil, nil, resume, ErrReplay
	}
	msg2, k1, k2, err := a.hs.WriteMessage(nil, wire.AppendServerInfo(nil, info))
	if err != nil {
		return nil, nil, resume, err
	}
	s, resume = finish(a.hs, k1, k2, false, a.Info.Flags&info.Flags&wire.FlagAES != 0, info.ConnID, connID)
	a.hs = nil
	return msg2, s, resume, nil
}
