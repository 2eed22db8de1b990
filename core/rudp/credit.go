package rudp

import "time"

// credit bounds what the receiver must hold: each side counts the unique payload bytes of reliable messages over the
// connection's life, and the sender stays below the total that the receiver granted last.
type credit struct {
	// As sender.
	limit uint64 // granted by the peer
	used  uint64 // payload bytes sent at least once
	// As receiver.
	advertised uint64 // the largest total we sent
	received   uint64 // unique payload bytes that arrived
	delivered  uint64 // payload bytes of messages handed to the owner
	consumed   uint64 // of these, taken by the game
	due        bool   // a CREDIT frame is wanted
}

// init takes what is granted at the start; a larger budget is announced at once.
func (k *credit) init(cfg *Config) {
	first := uint64(cfg.firstCredit())
	k.limit, k.advertised, k.due = first, first, uint64(cfg.RecvBudget) > first
}

// left is how many more payload bytes the peer lets us send.
func (k *credit) left() uint64 { return k.limit - k.used }

// granted takes the peer's CREDIT. Totals only grow; an older frame that comes late says nothing.
func (k *credit) granted(total uint64) { k.limit = max(k.limit, total) }

// arrived counts new payload bytes; false: the peer overdrew.
func (k *credit) arrived(bytes uint64) bool {
	if bytes > k.advertised-k.received {
		return false
	}
	k.received += bytes
	return true
}

// Consumed says that the game took n bytes of reliable payload, as delivered by events: they may be sent anew.
func (c *Conn) Consumed(now time.Time, n int) {
	c.tick(now)
	k := &c.credit
	if n <= 0 {
		return
	}
	k.consumed = min(k.consumed+uint64(n), k.delivered)
	// A quarter of the budget at a time: few frames, and the sender still has most of the budget to work with.
	if k.consumed+uint64(c.cfg.RecvBudget)-k.advertised >= uint64(c.cfg.RecvBudget)/4 {
		k.due = true
	}
}

// advertise is the total for a CREDIT frame that leaves now.
func (c *Conn) advertise() uint64 {
	c.credit.advertised = c.credit.consumed + uint64(c.cfg.RecvBudget)
	c.credit.due = false
	return c.credit.advertised
}
