package endpoint

import (
	"bytes"
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// SetToken gives another access token, for the next link and, if one is up, for that: EventTokenSet tells what the server says.
func (e *Endpoint) SetToken(now time.Time, token []byte) error {
	now = e.tick(now)
	if err := e.link.SetToken(now, token); err != nil {
		return err
	}
	e.cfg.Token = bytes.Clone(token)
	e.drainLink(now)
	return nil
}

// SetCertificate gives the identity certificate that other players are shown, in connections from now on; empty: none. Where the
// app's key is known, one that the others would refuse is refused here.
func (e *Endpoint) SetCertificate(now time.Time, certificate []byte) error {
	now = e.tick(now)
	if len(certificate) > token.MaxCertificate {
		return api.NewError(api.ErrTooLarge, fmt.Sprintf("an identity certificate of %d bytes: at most %d", len(certificate), token.MaxCertificate))
	}
	if e.cfg.AppKey != nil && len(certificate) > 0 {
		if _, err := e.readCertificate(now, e.PublicKey(), certificate); err != nil {
			return err
		}
	}
	e.cfg.Certificate = bytes.Clone(certificate)
	return nil
}

// readCertificate checks a certificate for a key and tells whose it is.
func (e *Endpoint) readCertificate(now time.Time, key secure.PublicKey, certificate []byte) (user string, err error) {
	bad := func(text string) (string, error) {
		return "", api.NewError(api.ErrIdentity, "identity certificate: "+text)
	}
	id, reason := token.VerifyIdentity(now, certificate, *e.cfg.AppKey)
	switch {
	case reason == token.Missing:
		return bad("there is none")
	case reason != token.OK:
		return bad(reason.String())
	case id.App != e.cfg.App:
		return bad(fmt.Sprintf("it is for app %q", id.App))
	case id.Key != key:
		return bad("it is for another key: it was made for an earlier start of the game, or somebody intercepts the connection")
	}
	return id.User, nil
}

// verifyPeer is what a connection asks about the other side's certificate: does the app know the holder of this key by the
// name under which the server introduced it?
func (e *Endpoint) verifyPeer(now time.Time, key secure.PublicKey, certificate []byte) error {
	user, err := e.readCertificate(now, key, certificate)
	if err != nil {
		return err
	}
	for i := range e.slots.used {
		// A name made of the key, as auth = open gives them, claims nothing that the certificate could contradict.
		if s := &e.slots.list[i]; s.used && s.key == key && (s.user == user || s.user == secure.AnonymousUser(key)) {
			return nil
		}
	}
	return api.NewError(api.ErrIdentity, fmt.Sprintf("identity certificate: it is for user %q, but the server introduced another one", user))
}

// asks reports whether a request is the game's to answer.
func (e *Endpoint) asks(s *wire.Signal) bool {
	return e.cfg.ManualAccept || e.cfg.Privacy == api.PrivacyConsent || s.Flags&wire.RequestConsent != 0
}

// tokenNews passes on what the server says of this client's access token.
func (e *Endpoint) tokenNews(s *wire.Signal) {
	ev := api.Event{Kind: api.EventTokenEnding, Count: uint64(s.Request)}
	if s.Type == wire.SigTokenSet {
		ev = api.Event{Kind: api.EventTokenSet, Count: uint64(s.Request), Code: api.Code(s.Code), Text: s.Text}
	}
	e.push(ev)
}
