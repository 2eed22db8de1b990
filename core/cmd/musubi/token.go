package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/server"
	"github.com/musubi-p2p/musubi/core/token"
)

// tokenCommand makes and reads access tokens and identity certificates. In production a game's backend makes them
// (docs/samples has it in three languages); this is for trying out, and for finding out why one was refused.
type tokenCommand struct {
	Keygen  keygenCommand  `cmd:"" help:"Make a key pair: a secret for the backend, a line for the server."`
	Mint    mintCommand    `cmd:"" help:"Make an access token, or an identity certificate."`
	Inspect inspectCommand `cmd:"" help:"Show what a token says, and why a server would refuse it."`
}

type keygenCommand struct {
	Kid string `help:"The key's name." default:"backend"`
	Alg string `help:"EdDSA (the server can't make tokens) or HS256 (it could)." enum:"EdDSA,HS256" default:"EdDSA"`
}

func (c *keygenCommand) Run(std streams) error {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: it ends the process instead
	s := token.Signer{Kid: c.Kid, Alg: c.Alg, Secret: secret}
	if err := new(token.Keys).Parse(s.ForServer()); err != nil {
		return &server.UsageError{Text: err.Error()}
	}
	fmt.Fprintf(std.out, "secret %s\n", &s)
	fmt.Fprintf(std.out, "server %s\n", s.ForServer())
	if c.Alg == token.EdDSA { // musubi_config.app_key, to check identity certificates with
		fmt.Fprintf(std.out, "game   %x\n", s.Public())
	}
	return nil
}

type mintCommand struct {
	Key      string        `help:"File with the secret line of musubi token keygen; - for stdin." required:"" placeholder:"FILE"`
	App      string        `help:"The game's app id." default:"default"`
	Sub      string        `help:"The user id, at most 64 bytes." required:""`
	Life     time.Duration `help:"How long the token is good for, at most 24h." default:"1h"`
	Room     string        `help:"Join code of the only room to enter; * stands for anything." placeholder:"CODE"`
	Perm     string        `help:"Some of create,join,list; default: all." placeholder:"LIST"`
	Relay    int           `help:"kbit/s that each relay leg may carry, 1 to 16320; default: the server's." placeholder:"N"`
	Priv     string        `help:"direct-ok, consent or relay-only." default:"direct-ok"`
	Cnf      string        `help:"The client's public key (musubi_identity), base64url: nobody else can use the token." placeholder:"KEY"`
	Identity bool          `help:"Make an identity certificate for --cnf, to show to other players."`
}

func (c *mintCommand) Run(std streams) error {
	wrong := func(format string, args ...any) error { return &server.UsageError{Text: fmt.Sprintf(format, args...)} }
	signer, err := readSigner(c.Key)
	if err != nil {
		return err
	}
	now := time.Now()
	a := token.Access{App: c.App, User: c.Sub, Expires: now.Add(c.Life).Unix(), Issued: now.Unix(), Room: c.Room, Relay: c.Relay}
	ok := false
	if a.Perms, ok = token.ParsePerms(c.Perm); !ok {
		return wrong("--perm %q is not a list of create, join, list", c.Perm)
	}
	if a.Privacy, ok = api.ParsePrivacy(c.Priv); !ok {
		return wrong("--priv %q is not one of direct-ok, consent, relay-only", c.Priv)
	}
	if c.Cnf != "" {
		if a.Confirm, err = base64.RawURLEncoding.DecodeString(c.Cnf); err != nil || len(a.Confirm) != 32 {
			return wrong("--cnf %q is not a key: 43 letters, digits, - and _", c.Cnf)
		}
	}
	text, reason := "", token.OK
	if c.Identity {
		if a.Confirm == nil || signer.Alg != token.EdDSA {
			return wrong("--identity needs --cnf and an EdDSA key")
		}
		text, err = signer.MintIdentity(&token.Identity{App: c.App, User: c.Sub, Key: [32]byte(a.Confirm), Expires: a.Expires})
		_, reason = token.VerifyIdentity(now, []byte(text), [32]byte(signer.Public()))
	} else {
		text, err = signer.Mint(&a)
		keys := &token.Keys{}
		_ = keys.Parse(signer.ForServer())
		_, reason = keys.Verify(now, []byte(text))
	}
	switch {
	case err != nil:
		return err
	case reason != token.OK:
		return wrong("a server would refuse it: %s", reason)
	}
	fmt.Fprintln(std.out, text)
	return nil
}

// readSigner reads the first secret of a file, with or without the word "secret" before it.
func readSigner(path string) (s token.Signer, err error) {
	var text []byte
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<16))
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return s, &server.UsageError{Text: fmt.Sprintf("--key %s can't be read: %v", path, err)}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if s, err = token.ParseSigner(strings.TrimSpace(strings.TrimPrefix(line, "secret"))); err != nil {
		return s, &server.UsageError{Text: fmt.Sprintf("--key %s: %v", path, err)}
	}
	return s, nil
}

// readToken takes a token from the command line, or for - from stdin.
func readToken(given string) []byte {
	if given == "-" {
		text, _ := io.ReadAll(io.LimitReader(os.Stdin, 1<<16)) // what is cut off is refused
		given = string(text)
	}
	return []byte(strings.TrimSpace(given))
}

type inspectCommand struct {
	Token   string   `arg:"" help:"The token; - for stdin."`
	AuthKey []string `name:"auth-key" help:"As musubi server has it: checks the signature too." placeholder:"KID=ALG:BASE64[:APP]"`
}

func (c *inspectCommand) Run(std streams) error {
	text := readToken(c.Token)
	header, claims, ok := token.Parts(text)
	if !ok {
		return fmt.Errorf("%s", token.Malformed)
	}
	fmt.Fprintf(std.out, "header %q\nclaims %q\nsize   %d bytes\n", header, claims, len(text))
	keys := &token.Keys{}
	for _, k := range c.AuthKey {
		if err := keys.Parse(k); err != nil {
			return &server.UsageError{Text: "--auth-key: " + err.Error()}
		}
	}
	if keys.Len() == 0 {
		fmt.Fprintln(std.out, "not checked: give --auth-key")
		return nil
	}
	a, reason := keys.Verify(time.Now(), text)
	if reason != token.OK {
		return fmt.Errorf("a server would refuse it (%s): %s", reason.Name(), reason)
	}
	fmt.Fprintf(std.out, "good   for user %s of app %s, until %s\n", a.User, a.App, time.Unix(a.Expires, 0).UTC().Format(time.RFC3339))
	return nil
}
