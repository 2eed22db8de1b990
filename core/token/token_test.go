package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

var (
	now    = time.Unix(1_767_323_045, 0)
	studio = Signer{Kid: "studio", Alg: EdDSA, Secret: bytes.Repeat([]byte{1}, 32)}
	old    = Signer{Kid: "old", Alg: HS256, Secret: bytes.Repeat([]byte{2}, 32)}
	other  = Signer{Kid: "other", Alg: EdDSA, Secret: bytes.Repeat([]byte{3}, 32)} // may sign for one app
)

func operatorKeys(t testing.TB) *Keys {
	t.Helper()
	k := &Keys{}
	for _, s := range []*Signer{&studio, &old, &other} {
		text := s.Kid + "=" + s.Alg + ":" + base64.RawURLEncoding.EncodeToString(s.Public())
		if s == &other {
			text += ":chess"
		}
		if err := k.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func player() Access {
	return Access{App: "racer", User: "ユーザー-17", Expires: now.Unix() + 3600, Perms: wire.PermAll}
}

func mint(t testing.TB, s *Signer, a Access) []byte {
	t.Helper()
	text, err := s.Mint(&a)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

func TestGoodTokens(t *testing.T) {
	keys := operatorKeys(t)
	for _, s := range []*Signer{&studio, &old} {
		full := player()
		full.Issued, full.Begins = now.Unix(), now.Unix()-5
		full.Room, full.Perms, full.Relay, full.Privacy = "EAB*", wire.PermJoin|wire.PermList, 500, api.PrivacyRelayOnly
		full.Confirm = bytes.Repeat([]byte{9}, 32)
		for _, want := range []Access{player(), full} {
			got, r := keys.Verify(now, mint(t, s, want))
			want.Key = s.Kid
			if r != OK || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v\n got %+v\nwant %+v", s.Alg, r, got, want)
			}
		}
		if g := full.Grant(); g != (wire.Grant{Expires: uint64(full.Expires), Perms: full.Perms, Privacy: api.PrivacyRelayOnly, Relay: 8, Room: "EAB*"}) {
			t.Errorf("grant %+v", g)
		}
	}
}

// Every bad kind has its own reason, and nothing bad passes.
func TestBadTokens(t *testing.T) {
	keys := operatorKeys(t)
	good := mint(t, &studio, player())
	claims := func(change func(*Access)) []byte {
		a := player()
		change(&a)
		return mint(t, &studio, a)
	}
	// raw signs a header and claims of any kind with the studio's key.
	raw := func(header, claims string) []byte {
		signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
		return []byte(signed + "." + b64.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(studio.Secret), []byte(signed))))
	}
	body := fmt.Sprintf(`{"app":"racer","sub":"u","exp":%d}`, now.Unix()+60)
	with := func(more string) []byte {
		return raw(`{"alg":"EdDSA","kid":"studio"}`, body[:len(body)-1]+","+more+"}")
	}
	public := ed25519.NewKeyFromSeed(studio.Secret).Public().(ed25519.PublicKey)
	confused := Signer{Kid: "studio", Alg: HS256, Secret: public} // the public key as an HMAC secret: the classic
	dot := bytes.LastIndexByte(good, '.')
	admin := claims(func(a *Access) { a.User = "admin" })
	if _, r := keys.Verify(now, raw(`{"alg":"EdDSA","kid":"studio"}`, body)); r != OK {
		t.Fatal("the raw token is not even good:", r)
	}
	for name, c := range map[string]struct {
		token []byte
		want  Reason
	}{
		"none sent":           {nil, Missing},
		"too large":           {claims(func(a *Access) { a.App = strings.Repeat("x", MaxSize) }), TooLarge},
		"two parts":           {good[:dot], Malformed},
		"four parts":          {append(good[:len(good):len(good)], ".x"...), Malformed},
		"line break":          {append(good[:len(good):len(good)], '\n'), Malformed},
		"padding":             {append(good[:len(good):len(good)], '='), Malformed},
		"not JSON":            {raw(`{"alg":"EdDSA","kid":"studio"}`, `app=racer`), Malformed},
		"trailing JSON":       {raw(`{"alg":"EdDSA","kid":"studio"}`, body+body), Malformed},
		"duplicate claim":     {with(`"sub":"admin"`), Malformed},
		"escaped duplicate":   {with(`"s\u0075b":"admin"`), Malformed},
		"duplicate header":    {raw(`{"alg":"EdDSA","kid":"studio","alg":"EdDSA"}`, body), Malformed},
		"nested claim":        {with(`"admin":{"sub":"x"}`), Malformed},
		"none":                {[]byte(b64.EncodeToString([]byte(`{"alg":"none","kid":"studio"}`)) + "." + b64.EncodeToString([]byte(body)) + "."), Algorithm},
		"none, upper case":    {raw(`{"alg":"NONE","kid":"studio"}`, body), Algorithm},
		"no alg":              {raw(`{"kid":"studio"}`, body), Algorithm},
		"alg confusion":       {mint(t, &confused, player()), Algorithm},
		"RS256":               {raw(`{"alg":"RS256","kid":"studio"}`, body), Algorithm},
		"jku":                 {raw(`{"alg":"EdDSA","kid":"studio","jku":"https://evil.example/keys"}`, body), Header},
		"jwk":                 {raw(`{"alg":"EdDSA","kid":"studio","jwk":"x"}`, body), Header},
		"crit":                {raw(`{"alg":"EdDSA","kid":"studio","crit":["exp"]}`, body), Header},
		"b64":                 {raw(`{"alg":"EdDSA","kid":"studio","b64":false}`, body), Header},
		"kid a number":        {raw(`{"alg":"EdDSA","kid":1}`, body), Header},
		"identity as access":  {raw(`{"alg":"EdDSA","kid":"studio","typ":"musubi-id"}`, body), Type},
		"unknown kid":         {raw(`{"alg":"EdDSA","kid":"nobody"}`, body), UnknownKey},
		"no kid":              {raw(`{"alg":"EdDSA"}`, body), UnknownKey},
		"kid by case":         {raw(`{"alg":"EdDSA","kid":"Studio"}`, body), UnknownKey},
		"changed claims":      {append(bytes.Clone(admin[:bytes.LastIndexByte(admin, '.')]), good[dot:]...), Signature},
		"another key":         {mint(t, &Signer{Kid: "studio", Alg: EdDSA, Secret: other.Secret}, player()), Signature},
		"no signature":        {append(good[:dot:dot], '.'), Signature},
		"no exp":              {claims(func(a *Access) { a.Expires = 0 }), NoExpiry},
		"exp a text":          {raw(`{"alg":"EdDSA","kid":"studio"}`, `{"app":"racer","sub":"u","exp":"1767329999"}`), Claim},
		"exp a fraction":      {raw(`{"alg":"EdDSA","kid":"studio"}`, `{"app":"racer","sub":"u","exp":1767329999.5}`), Claim},
		"expired now":         {claims(func(a *Access) { a.Expires = now.Unix() }), Expired},
		"over a day":          {claims(func(a *Access) { a.Expires = now.Unix() + MaxLife + Leeway + 1 }), TooLong},
		"not yet":             {claims(func(a *Access) { a.Begins = now.Unix() + Leeway + 1 }), NotYet},
		"made in future":      {claims(func(a *Access) { a.Issued = now.Unix() + Leeway + 1 }), NotYet},
		"no app":              {raw(`{"alg":"EdDSA","kid":"studio"}`, fmt.Sprintf(`{"sub":"u","exp":%d}`, now.Unix()+60)), App},
		"key of another app":  {mint(t, &other, player()), App},
		"no sub":              {raw(`{"alg":"EdDSA","kid":"studio"}`, fmt.Sprintf(`{"app":"racer","exp":%d}`, now.Unix()+60)), User},
		"sub too long":        {claims(func(a *Access) { a.User = strings.Repeat("u", 65) }), User},
		"sub with a newline":  {claims(func(a *Access) { a.User = "a\nb" }), User},
		"sub of open auth":    {claims(func(a *Access) { a.User = "anon-0011223344556677" }), User},
		"sub a number":        {raw(`{"alg":"EdDSA","kid":"studio"}`, fmt.Sprintf(`{"app":"racer","sub":7,"exp":%d}`, now.Unix()+60)), User},
		"room":                {with(`"room":"E B"`), Claim},
		"perm":                {with(`"perm":["fly"]`), Claim},
		"perm no list":        {with(`"perm":"join"`), Claim},
		"relay zero":          {with(`"relay":0`), Claim},
		"relay negative":      {with(`"relay":-5`), Claim},
		"relay too much":      {with(`"relay":99999999`), Claim},
		"priv":                {with(`"priv":"public"`), Claim},
		"cnf":                 {with(`"cnf":"AAAA"`), Claim},
		"invalid UTF-8":       {with("\"x\":\"\xff\""), Malformed},
		"half a surrogate":    {with(`"x":"\ud800"`), Malformed},
		"too many members":    {with(strings.TrimSuffix(strings.Repeat(`"x%d":1,`, 40), ",")), Malformed},
		"control character":   {with("\"x\":\"a\x01\""), Malformed},
		"number like an hour": {with(`"x":012`), Malformed},
	} {
		if _, r := keys.Verify(now, c.token); r != c.want {
			t.Errorf("%s: %q, want %q", name, r.Name(), c.want.Name())
		}
	}
	// What other libraries add is let be.
	if _, r := keys.Verify(now, with(`"iss":"https:\/\/game.example","aud":["a","b"],"jti":"\u65e5\ud83d\ude00","x":1.5e3,"y":null,"z":true`)); r != OK {
		t.Error("usual claims:", r)
	}
}

// Any changed character of a token makes it a bad one.
func TestEveryCharacterCounts(t *testing.T) {
	keys := operatorKeys(t)
	for _, s := range []*Signer{&studio, &old} {
		good := mint(t, s, player())
		for i := range good {
			for _, c := range []byte{'A', 'B', 'z', '.', ' ', '\n', '='} {
				if good[i] == c {
					continue
				}
				bad := bytes.Clone(good)
				bad[i] = c
				if _, r := keys.Verify(now, bad); r == OK {
					t.Fatalf("%s: character %d changed to %q passes", s.Alg, i, c)
				}
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	public := [32]byte(studio.Public())
	id := Identity{App: "racer", User: "user-17", Key: [32]byte{5}, Expires: now.Unix() + 90*24*3600}
	text, err := studio.MintIdentity(&id)
	if err != nil {
		t.Fatal(err)
	}
	if got, r := VerifyIdentity(now, []byte(text), public); r != OK || got != id {
		t.Errorf("%v: %+v", r, got)
	}
	if len(text) > MaxCertificate {
		t.Errorf("%d bytes", len(text))
	}
	if _, r := VerifyIdentity(now, []byte(text), [32]byte(other.Public())); r != Signature {
		t.Error("another key:", r)
	}
	if _, r := VerifyIdentity(time.Unix(id.Expires, 0), []byte(text), public); r != Expired {
		t.Error("later:", r)
	}
	if _, r := VerifyIdentity(now, mint(t, &studio, player()), public); r != Type {
		t.Error("an access token as a certificate:", r)
	}
	hs := Signer{Alg: HS256, Secret: public[:]}
	text, _ = hs.MintIdentity(&id)
	if _, r := VerifyIdentity(now, []byte(text), public); r != Algorithm {
		t.Error("HS256 with the public key:", r)
	}
	text, _ = studio.Sign(typIdentity, fmt.Appendf(nil, `{"app":"racer","sub":"u","exp":%d}`, id.Expires))
	if _, r := VerifyIdentity(now, []byte(text), public); r != Confirm {
		t.Error("without cnf:", r)
	}
	if _, r := VerifyIdentity(now, nil, public); r != Missing {
		t.Error("none:", r)
	}
}

func TestReasonsTravelAsCodes(t *testing.T) {
	seen := map[string]bool{}
	for r := Missing; r < Reasons; r++ {
		if back, ok := ReasonOf(r.Code()); !ok || back != r || r.String() == "" || seen[r.Name()] {
			t.Errorf("reason %d: %d, %v", r, back, ok)
		}
		seen[r.Name()] = true
	}
	for _, c := range []api.Code{api.OK, api.ErrUnauthorized, api.ErrTokenExpired, api.ErrRejected, -330, -350} {
		if _, ok := ReasonOf(c); ok {
			t.Errorf("%d is no reason", c)
		}
	}
	if Expired.ForGame() != api.ErrTokenExpired || Signature.ForGame() != api.ErrUnauthorized {
		t.Error("codes for games")
	}
}

// An operator's mistakes are named, and the key itself is never in the sentence.
func TestKeyMistakes(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 32)) // with + or /
	der := base64.StdEncoding.EncodeToString(append(bytes.Clone(spki), studio.Public()...))
	for _, good := range []string{"a=HS256:" + secret, "b=EdDSA:" + der, "c.d-e_f=HS256:" + secret + ":racer"} {
		if err := new(Keys).Parse(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                               "KID=ALG:BASE64",
		"studio":                         "KID=ALG:BASE64",
		"=HS256:" + secret:               "a kid has",
		"a b=HS256:" + secret:            "a kid has",
		"a=RS256:" + secret:              `"RS256" is not one of`,
		"a=none:":                        `"none" is not one of`,
		"a=HS256:c2hvcnQ":                "32 to 512 bytes, this one 5",
		"a=EdDSA:" + secret[:20]:         "has 32 bytes",
		"a=HS256:" + secret[:40] + "!!!": "is not base64",
		"a=HS256:" + secret + ":":        "the app",
	} {
		err := new(Keys).Parse(bad)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	k := &Keys{}
	if err := k.ParseFile("# ours\n\na=HS256:" + secret + " # the old one\n"); err != nil || k.Len() != 1 {
		t.Error(err, k.Len())
	}
	if err := k.ParseFile("\na=HS256:" + secret); err == nil || !strings.Contains(err.Error(), `line 2: access key "a" is named twice`) {
		t.Error(err)
	}
}

func TestRoomPatterns(t *testing.T) {
	for pattern, rooms := range map[string][2]string{
		"":         {"EABCDEFG", ""},
		"*":        {"EABCDEFG", ""},
		"EABCDEFG": {"EABCDEFG", "EABCDEFH"},
		"EAB*":     {"EABCDEFG", "EACCDEFG"},
		"*FG":      {"EABCDEFG", "EABCDEFH"},
		"E*C*G":    {"EABCDEFG", "EABDDEFG"},
		"E*E*E*":   {"EAEAEAAA", "EABDDAFG"},
	} {
		g := wire.Grant{Room: pattern}
		if !g.Opens(rooms[0]) || rooms[1] != "" && g.Opens(rooms[1]) {
			t.Errorf("%q with %v", pattern, rooms)
		}
	}
}

// Whatever comes: no panic, and nothing is good but what a key signed.
func FuzzVerify(f *testing.F) {
	keys := operatorKeys(f)
	public := [32]byte(studio.Public())
	f.Add(mint(f, &studio, player()))
	f.Add(mint(f, &old, player()))
	f.Add([]byte(`{"alg":"EdDSA","kid":"\u0041"}`))
	f.Add([]byte(`{"a":[ "x" , "y" ],"b":-12.5e+7,"c":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, r := keys.Verify(now, b); r == OK && (a.Key == "" || a.App == "" || !goodUser(a.User) || a.Expires <= now.Unix()) {
			t.Errorf("%q is good: %+v", b, a)
		}
		VerifyIdentity(now, b, public)
		// The parsers behind the signature, which a fuzzer can't make.
		if m, ok := parseObject(b); ok && len(m) > maxMembers {
			t.Error("too many members")
		}
		var a Access
		if a.read(b) == OK && a.User != "" && !goodUser(a.User) {
			t.Errorf("user %q", a.User)
		}
		(&jws{}).header(b)
		new(Keys).ParseFile(string(b))
	})
}
