package nat

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// maxReported bounds the pairs of a report; a covering has hundreds that say the same.
const maxReported = 16

var (
	stateWords  = [...]string{pairWaiting: "no answer", pairChecking: "answers, being checked", pairValid: "valid", pairSuspect: "was valid, silent now"}
	methodWords = [...]string{methodNone: "known addresses", methodBracket: "bracket", methodCrossing: "crossing", methodBirthday: "birthday", methodCover: "covering"}
)

// AppendReport writes down what was tried, for people: a line for the search, one for each address. Addresses are cut to their
// networks.
func (a *Agent) AppendReport(dst []byte, now time.Time) []byte {
	dst = fmt.Appendf(dst, "  search: this side %s, other side %s; ", describe(a.cfg.Local), describe(a.cfg.Remote))
	switch {
	case a.quit:
		dst = append(dst, "given up for good"...)
	case !a.started:
		dst = append(dst, "not begun"...)
	case a.selected != nil:
		dst = append(dst, "direct"...)
	case a.endAt.IsZero():
		dst = append(dst, "at rest"...)
	default:
		dst = fmt.Appendf(dst, "under way, %v left", a.endAt.Sub(now).Round(time.Millisecond))
	}
	dst = fmt.Appendf(dst, "; %d probes", a.spent)
	if h := &a.hunt; h.plan.method != methodNone || h.sent > 0 {
		dst = fmt.Appendf(dst, "; port prediction: %s, %d attempts, %d probes", methodWords[h.plan.method], h.tries, h.sent)
	}
	if a.hunt.why != "" {
		dst = append(append(dst, ", "...), a.hunt.why...)
	}
	dst = append(dst, '\n')
	for i, p := range a.pairs {
		if i == maxReported {
			return fmt.Appendf(dst, "    and %d more\n", len(a.pairs)-i)
		}
		dst = p.appendReport(dst, now, p == a.selected)
	}
	return dst
}

func (p *pair) appendReport(dst []byte, now time.Time, selected bool) []byte {
	from := "told by the other player"
	switch {
	case p.attested:
		from = "told by the server"
	case p.reflexive:
		from = "learnt from a probe"
	}
	dst = fmt.Appendf(dst, "    socket %d to %s port %d (%v, %s): %s, %d probes", p.socket, wire.Network(p.addr.Addr()), p.addr.Port(), p.route, from, stateWords[p.state], p.sent)
	if p.rtt > 0 {
		dst = fmt.Appendf(dst, ", round trip %v", p.rtt.Round(time.Microsecond))
	}
	if last := p.checks[(p.sent+len(p.checks)-1)%len(p.checks)]; p.sent > 0 && !last.sentAt.IsZero() {
		dst = fmt.Appendf(dst, ", the last %v ago", now.Sub(last.sentAt).Round(time.Millisecond))
	}
	if selected {
		dst = append(dst, ", in use"...)
	}
	return append(dst, '\n')
}
