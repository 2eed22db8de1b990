package api

// Privacy says which addresses of a player another one may learn. Of what app, room and the two players ask for, the
// strictest holds for a pair: a greater number is stricter.
type Privacy uint8

const (
	PrivacyDirect    Privacy = 0 // to whom it connects
	PrivacyConsent   Privacy = 1 // when both games themselves have agreed to the connection: nothing is accepted by itself
	PrivacyRelayOnly Privacy = 2 // to nobody: everything goes through a relay
)

var privacyNames = [...]string{"direct-ok", "consent", "relay-only"}

func (p Privacy) String() string {
	if int(p) < len(privacyNames) {
		return privacyNames[p]
	}
	return "unknown"
}

// ParsePrivacy reads what String writes; "direct" is short for "direct-ok".
func ParsePrivacy(s string) (p Privacy, ok bool) {
	if s == "direct" {
		return PrivacyDirect, true
	}
	for i, name := range privacyNames {
		if s == name {
			return Privacy(i), true
		}
	}
	return 0, false
}
