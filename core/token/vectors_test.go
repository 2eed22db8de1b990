package token

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/samples/vectors.json anew")

const samples = "../../docs/samples/"

// vectors are what every implementation must agree on. Claims stand as they are signed.
type vectors struct {
	Now  int64             `json:"now"`
	Keys map[string]string `json:"keys"` // the secret of each kid
	Good []struct {
		Name   string          `json:"name"`
		Kid    string          `json:"kid"`
		Typ    string          `json:"typ"`
		Claims json.RawMessage `json:"claims"`
		Token  string          `json:"token"`
	} `json:"good"`
	Bad []struct {
		Name   string `json:"name"`
		Token  string `json:"token"`
		Reason string `json:"reason"`
	} `json:"bad"`
}

func (v *vectors) signer(t *testing.T, kid string) Signer {
	s, err := ParseSigner(v.Keys[kid])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compact undoes the file's indentation, which is for people.
func compact(claims json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Compact(&b, claims)
	return b.String()
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile(samples + "vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || len(v.Good) < 5 || len(v.Bad) < 10 {
		t.Fatalf("vectors.json: %v", err)
	}
	return v
}

// The vectors are what this package makes and judges.
func TestSharedVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	v := readVectors(t)
	now := time.Unix(v.Now, 0)
	keys := &Keys{}
	for _, kid := range []string{"studio", "old"} {
		s := v.signer(t, kid)
		if err := keys.Parse(s.ForServer()); err != nil {
			t.Fatal(err)
		}
	}
	app := v.signer(t, "studio")
	for _, g := range v.Good {
		s := v.signer(t, g.Kid)
		if made, err := s.Sign(g.Typ, []byte(compact(g.Claims))); err != nil || made != g.Token {
			t.Errorf("%s: made %s, %v", g.Name, made, err)
		}
		_, r := keys.Verify(now, []byte(g.Token))
		if g.Typ == typIdentity {
			_, r = VerifyIdentity(now, []byte(g.Token), [32]byte(app.Public()))
		}
		if r != OK {
			t.Errorf("%s: %s", g.Name, r)
		}
	}
	for _, b := range v.Bad {
		if _, r := keys.Verify(now, []byte(b.Token)); r.Name() != b.Reason {
			t.Errorf("%s: %s, want %s", b.Name, r.Name(), b.Reason)
		}
	}
}

// The samples in three languages make the vectors' tokens, as far as the languages are installed.
func TestSamples(t *testing.T) {
	v := readVectors(t)
	goSample := t.TempDir() + "/token"
	if out, err := exec.Command("go", "build", "-o", goSample, samples+"token.go").CombinedOutput(); err != nil {
		t.Fatalf("token.go: %v\n%s", err, out)
	}
	for name, command := range map[string][]string{
		"go": {goSample}, "node": {"node", samples + "token.mjs"}, "python": {"python3", samples + "token_sample.py"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skip(command[0] + " is not installed")
			}
			eddsa := name != "python" || exec.Command("python3", "-c", "import cryptography").Run() == nil
			args, want := command[1:len(command):len(command)], ""
			for _, g := range v.Good {
				if g.Kid != "studio" || eddsa {
					args, want = append(args, v.Keys[g.Kid], g.Typ, compact(g.Claims)), want+g.Token+"\n"
				}
			}
			if out, err := exec.Command(command[0], args...).CombinedOutput(); err != nil || strings.ReplaceAll(string(out), "\r", "") != want {
				t.Errorf("%v\n got %s\nwant %s", err, out, want)
			}
			if !eddsa {
				t.Skip("HS256 only: python3 has no package cryptography")
			}
		})
	}
}

// writeVectors makes the file, with bad tokens of every kind that a backend can make by mistake.
func writeVectors(t *testing.T) {
	v := vectors{Now: now.Unix(), Keys: map[string]string{"studio": studio.String(), "old": old.String()}}
	add := func(name string, s *Signer, typ, claims string) {
		made, err := s.Sign(typ, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		v.Good = append(v.Good, struct {
			Name   string          `json:"name"`
			Kid    string          `json:"kid"`
			Typ    string          `json:"typ"`
			Claims json.RawMessage `json:"claims"`
			Token  string          `json:"token"`
		}{name, s.Kid, typ, json.RawMessage(claims), made})
	}
	exp := now.Unix() + 3600
	cnf := b64.EncodeToString(bytes.Repeat([]byte{9}, 32))
	for _, s := range []*Signer{&studio, &old} {
		add("least", s, "JWT", fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":%d}`, exp))
		add("everything", s, "JWT", fmt.Sprintf(`{"app":"racer","sub":"user-17","iat":%d,"nbf":%d,"exp":%d,"room":"EAB*","perm":["create","join"],"relay":512,"priv":"relay-only","cnf":"%s"}`,
			now.Unix(), now.Unix()-10, exp, cnf))
		add("other scripts", s, "JWT", fmt.Sprintf(`{"app":"racer","sub":"ユーザー \"十七\" 🙂","exp":%d,"iss":"https://game.example"}`, exp))
	}
	add("certificate", &studio, typIdentity, fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":%d,"cnf":"%s"}`, exp, cnf))
	bad := func(name, token string, want Reason) {
		v.Bad = append(v.Bad, struct {
			Name   string `json:"name"`
			Token  string `json:"token"`
			Reason string `json:"reason"`
		}{name, token, want.Name()})
	}
	signed := func(s *Signer, typ, claims string) string {
		made, _ := s.Sign(typ, []byte(claims))
		return made
	}
	body := fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":%d}`, exp)
	good := signed(&studio, "JWT", body)
	part := func(s string) string { return b64.EncodeToString([]byte(s)) }
	bad("empty", "", Missing)
	bad("not a token", "hello", Malformed)
	bad("alg none", part(`{"alg":"none","kid":"studio"}`)+"."+part(body)+".", Algorithm)
	bad("public key as an HS256 secret", signed(&Signer{Kid: "studio", Alg: HS256, Secret: studio.Public()}, "JWT", body), Algorithm)
	bad("unknown kid", signed(&Signer{Kid: "nobody", Alg: HS256, Secret: old.Secret}, "JWT", body), UnknownKey)
	bad("changed claims", strings.Replace(good, part(body), part(strings.Replace(body, "17", "18", 1)), 1), Signature)
	bad("jku", part(`{"alg":"EdDSA","kid":"studio","jku":"https://evil.example/"}`)+"."+part(body)+".AA", Header)
	bad("crit", part(`{"alg":"EdDSA","kid":"studio","crit":["exp"]}`)+"."+part(body)+".AA", Header)
	bad("a certificate", signed(&studio, typIdentity, body), Type)
	bad("no exp", signed(&studio, "JWT", `{"app":"racer","sub":"user-17"}`), NoExpiry)
	bad("expired", signed(&studio, "JWT", fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":%d}`, now.Unix())), Expired)
	bad("exp in milliseconds", signed(&studio, "JWT", fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":%d}`, exp*1000)), TooLong)
	bad("exp a text", signed(&studio, "JWT", fmt.Sprintf(`{"app":"racer","sub":"user-17","exp":"%d"}`, exp)), Claim)
	bad("duplicate claim", signed(&studio, "JWT", body[:len(body)-1]+`,"sub":"admin"}`), Malformed)
	bad("no sub", signed(&studio, "JWT", fmt.Sprintf(`{"app":"racer","exp":%d}`, exp)), User)
	bad("unknown permission", signed(&studio, "JWT", body[:len(body)-1]+`,"perm":["fly"]}`), Claim)
	text, err := json.MarshalIndent(&v, "", "  ")
	if err == nil {
		err = os.WriteFile(samples+"vectors.json", append(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">")), '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
