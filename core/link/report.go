package link

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

var stateWords = [...]string{idle: "not wanted", trying: "trying", waiting: "waiting to try again", up: "up", closing: "closing"}

// AppendReport writes down how the link stands, for people.
func (c *Client) AppendReport(dst []byte, now time.Time) []byte {
	dst = fmt.Appendf(dst, "link: %s", stateWords[c.state])
	if c.remote.IsValid() {
		dst = fmt.Appendf(dst, ", server at %s port %d", wire.Network(c.remote.Addr()), c.remote.Port())
	}
	if c.carrier.on {
		dst = append(dst, " over TCP"...)
	}
	if c.pipe != nil && c.state == up {
		if rtt := c.RTT(); rtt > 0 {
			dst = fmt.Appendf(dst, ", round trip %v", rtt.Round(time.Microsecond))
		}
		if !c.pipe.asked.IsZero() {
			dst = fmt.Appendf(dst, ", an answer is waited for since %v", now.Sub(c.pipe.asked).Round(time.Millisecond))
		}
	} else if c.state == trying || c.state == waiting {
		dst = fmt.Appendf(dst, ", %d handshake datagrams in %v to %d addresses", c.sent, now.Sub(c.begun).Round(time.Millisecond), len(c.cfg.Servers))
	}
	if c.why != api.OK {
		dst = fmt.Appendf(dst, "; the server refused: %v", c.why)
	}
	if c.carrier.why != "" {
		dst = fmt.Appendf(dst, "; over TCP: %s", c.carrier.why)
	}
	return append(dst, '\n')
}
