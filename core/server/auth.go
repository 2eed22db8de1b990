package server

import (
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/token"
)

// auth is who may use the server, understood.
type auth struct {
	keys    *token.Keys // nil: anybody
	privacy api.Privacy
	why     string // of an open server: why strangers could reach it; empty: they can't
}

// checkAuth understands what is said of access. Nothing said: tokens if there are keys, else anybody, but only where
// strangers can't come: an open relay on the internet is a decision, not a default.
func (c *Config) checkAuth(s *settings, local []netip.Addr) error {
	keys, err := c.authKeys()
	if err != nil {
		return err
	}
	public := publicReason(s.listen.Addr(), s.public, local)
	switch c.Auth {
	case "token":
		if keys == nil {
			return usage("--auth token needs the key of the game's backend: --auth-key KID=ALG:BASE64 or --auth-keys FILE; musubi token keygen makes one")
		}
	case "open":
		if keys != nil {
			return usage("--auth open asks for no tokens, but --auth-key or --auth-keys gives keys for them; leave one of them out")
		}
		s.auth.why = public
	case "":
		if keys == nil && public != "" {
			return usage("who may use this server? Strangers could reach it: %s. Say --auth-key KID=ALG:BASE64 for players with access tokens (musubi token keygen), or --auth open for anybody", public)
		}
	default:
		return usage("--auth %q is unknown; allowed are: open, token", c.Auth)
	}
	s.auth.keys = keys
	ok := true
	if c.Privacy != "" {
		s.auth.privacy, ok = api.ParsePrivacy(c.Privacy)
	}
	if !ok {
		return usage("--privacy %q is unknown; allowed are: direct, consent, relay-only", c.Privacy)
	}
	return nil
}

// authKeys reads the keys of both kinds of flags; none: nil.
func (c *Config) authKeys() (*token.Keys, error) {
	keys := &token.Keys{}
	for _, text := range c.AuthKeys {
		if err := keys.Parse(text); err != nil {
			return nil, usage("--auth-key: %v", err)
		}
	}
	if c.AuthKeyFile != "" {
		text, err := os.ReadFile(c.AuthKeyFile)
		if err != nil {
			return nil, usage("--auth-keys %s can't be read: %v", c.AuthKeyFile, err)
		}
		if err := keys.ParseFile(string(text)); err != nil {
			return nil, usage("--auth-keys %s, %v", c.AuthKeyFile, err)
		}
		if keys.Len() == 0 {
			return nil, usage("--auth-keys %s holds no key", c.AuthKeyFile)
		}
	}
	if keys.Len() == 0 {
		return nil, nil
	}
	return keys, nil
}

// tell logs who may come in.
func (a *auth) tell(log *slog.Logger) {
	switch {
	case a.keys != nil:
		log.Info("auth = token", "keys", strings.Join(a.keys.Names(), " "), "privacy", a.privacy.String())
	case a.why != "":
		log.Warn("auth = open: ANYBODY on the internet may use this server, relay included: " + a.why + "; --auth-key lets in only players with an access token")
	default:
		log.Warn("auth = open: anybody who has this server's address may use it, relay included; --auth-key lets in only players with an access token")
	}
}
