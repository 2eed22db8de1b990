// Access tokens and identity certificates in a Go backend; the standard library is enough. Copy the two functions.
//
// The secret is what `musubi token keygen` prints: KID=ALG:BASE64. Keep it in the backend; the server gets the other half.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Claims of an access token. What is zero is left out, and means no restriction.
type Claims struct {
	App   string   `json:"app"`
	Sub   string   `json:"sub"` // user id
	Exp   int64    `json:"exp"` // Unix seconds, at most a day ahead
	Room  string   `json:"room,omitempty"`
	Perm  []string `json:"perm,omitempty"`
	Relay int      `json:"relay,omitempty"`
	Priv  string   `json:"priv,omitempty"`
	Cnf   string   `json:"cnf,omitempty"` // the client's key, base64url
}

// AccessToken lets a player use the server for a time.
func AccessToken(secret, app, user string, life time.Duration) (string, error) {
	claims, err := json.Marshal(Claims{App: app, Sub: user, Exp: time.Now().Add(life).Unix()})
	if err != nil {
		return "", err
	}
	return Sign(secret, "JWT", claims)
}

// Sign makes a JWS of claims in JSON; typ is "JWT" for a token, "musubi-id" for a certificate (app, sub, exp, cnf).
func Sign(secret, typ string, claims []byte) (string, error) {
	kid, rest, _ := strings.Cut(secret, "=")
	alg, coded, _ := strings.Cut(rest, ":")
	b64 := base64.RawURLEncoding
	key, err := b64.DecodeString(coded)
	if err != nil {
		return "", fmt.Errorf("the secret is not KID=ALG:BASE64")
	}
	header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, alg, kid, typ)
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(claims)
	var made []byte
	switch {
	case alg == "EdDSA" && len(key) == ed25519.SeedSize:
		made = ed25519.Sign(ed25519.NewKeyFromSeed(key), []byte(signed))
	case alg == "HS256":
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		made = mac.Sum(nil)
	default:
		return "", fmt.Errorf("the secret's algorithm is not one of EdDSA, HS256, or its key has a wrong size")
	}
	return signed + "." + b64.EncodeToString(made), nil
}

// go run token.go SECRET TYP CLAIMS [SECRET TYP CLAIMS …]: signs claims in JSON as they are.
func main() {
	for args := os.Args[1:]; len(args) >= 3; args = args[3:] {
		token, err := Sign(args[0], args[1], []byte(args[2]))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(token)
	}
}
