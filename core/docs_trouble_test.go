package core

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// docs/TROUBLESHOOTING.md explains what the programs really say: each verdict of the doctor, each reason why a pair stays relayed, each
// reason why a token is refused, in their words.
func TestTroubleshootingKnowsWhatIsSaid(t *testing.T) {
	text := markdown(t)["docs/TROUBLESHOOTING.md"]
	section := func(heading string) string {
		_, after, ok := strings.Cut(text, "\n## "+heading+"\n")
		if !ok {
			t.Fatalf("no section %q", heading)
		}
		before, _, _ := strings.Cut(after, "\n## ")
		return before
	}
	for _, c := range []struct{ section, source, until, said string }{ // until: where what follows is no sentence of its own
		{"What the doctor's verdict means", "cmd/musubi/doctor_verdict.go", "\n// adviceOn is", `(?:Verdict = |return )("[A-Z](?:[^"\\]|\\.)*")`},
		{"Relayed, never direct", "nat/reason.go", "\n// exhausted is", `return ("(?:both|sym|port|UDP|no |the other)(?:[^"\\]|\\.)*")`},
	} {
		source, err := os.ReadFile(c.source)
		if err != nil {
			t.Fatal(err)
		}
		var quoted []string
		for _, m := range regexp.MustCompile(`(?m)^\| ("[^|]*") \|`).FindAllStringSubmatch(section(c.section), -1) {
			for _, q := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(m[1], -1) {
				quoted = append(quoted, q[1])
			}
		}
		used := map[string]bool{}
		spoken, _, ok := strings.Cut(string(source), c.until)
		if !ok {
			t.Errorf("%s has no %q", c.source, c.until)
		}
		for _, m := range regexp.MustCompile(c.said).FindAllStringSubmatch(spoken, -1) {
			said, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, q := range quoted {
				if strings.HasPrefix(said, strings.TrimSuffix(q, " ")) {
					found, used[q] = true, true
				}
			}
			if !found && said != "The router forwards ports on request, which makes direct connections easy; name your server for the whole picture." {
				t.Errorf("%s: nothing about %q of %s", c.section, said, c.source)
			}
		}
		for _, q := range quoted {
			if !used[q] && !strings.HasPrefix(q, "privacy:") { // core/peer says that one
				t.Errorf("%s: nobody says %q", c.section, q)
			}
		}
		if len(used) < 6 {
			t.Errorf("%s: only %d sentences compared", c.section, len(used))
		}
	}
	tokens := section("Access tokens")
	for r := token.Reason(1); r < token.Reasons; r++ {
		if !strings.Contains(tokens, "\n| "+r.Name()+" | "+r.String()+" |") {
			t.Errorf("Access tokens: no row %s | %s", r.Name(), r)
		}
	}
	if !strings.Contains(text, "port "+strconv.Itoa(wire.LANPort)) {
		t.Errorf("port %d of the local network is not told", wire.LANPort)
	}
}
