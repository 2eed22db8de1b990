package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Config is what one connection is told at its start. Zero fields take the default. The ends may differ, except that a
// RecvBudget below 4 MiB must be the same on both: it is the credit that each takes as granted at the start. A larger one is
// announced by the first packet.
type Config struct {
	SendBudget  int           // api.Cost of what was accepted and is not yet acknowledged or dropped; default 4 MiB
	RecvBudget  int           // bytes of reliable payload received and not yet consumed; default 4 MiB
	IdleTimeout time.Duration // silence that ends the connection; default 10 s
	KeepAlive   time.Duration // silence after which a PING is sent; default 2.5 s, and at most a quarter of IdleTimeout

	// LongestPTO bounds the time between probes of a path that answers none; default 1 s.
	LongestPTO time.Duration

	Crypto bool // both ends take CRYPTO frames: SendCrypto, TakeCrypto

	NoRedundancy bool // never send REPAIR frames; the peer's are taken all the same
}

const (
	defaultIdleTimeout = 10 * time.Second
	defaultKeepAlive   = 2500 * time.Millisecond
	minBudget          = 16 << 10 // bytes; smaller budgets can't carry a signal
)

func (cfg Config) withDefaults() Config {
	if cfg.SendBudget <= 0 {
		cfg.SendBudget = api.DefaultSendBytes
	}
	if cfg.RecvBudget <= 0 {
		cfg.RecvBudget = api.DefaultSendBytes
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = defaultIdleTimeout
	}
	if cfg.KeepAlive <= 0 {
		cfg.KeepAlive = min(defaultKeepAlive, cfg.IdleTimeout/4)
	}
	if cfg.LongestPTO <= 0 {
		cfg.LongestPTO = maxPTO
	}
	cfg.SendBudget, cfg.RecvBudget = max(cfg.SendBudget, minBudget), max(cfg.RecvBudget, minBudget)
	return cfg
}

// firstCredit is what both ends take as granted before any CREDIT.
func (cfg *Config) firstCredit() int { return min(cfg.RecvBudget, api.DefaultSendBytes) }

// maxReliable is the largest reliable message, in bytes, the same on both ends. It stays below three quarters of the
// credit: the receiver may hold back an announcement of up to a quarter, and a message that never fits into the credit
// would never complete.
func (cfg *Config) maxReliable() int { return min(api.MaxReliable, cfg.firstCredit()/4*3) }

// maxUnreliable is the largest unreliable message, in bytes.
func (cfg *Config) maxUnreliable() int { return min(api.MaxUnreliable, cfg.RecvBudget) }

// unreliableReady bounds the payload of unreliable messages that the owner has not taken.
func (cfg *Config) unreliableReady() int {
	return max(min(cfg.RecvBudget/4, 1<<20), cfg.maxUnreliable())
}

// unreliableAssembly bounds the memory of unreliable messages under reassembly.
func (cfg *Config) unreliableAssembly() int { return min(cfg.RecvBudget, 8*api.MaxUnreliable) }

// interruptAfter is the silence reported as an interruption: two keepalives went unanswered.
func (cfg *Config) interruptAfter() time.Duration {
	if after := 2 * cfg.KeepAlive; after < cfg.IdleTimeout {
		return after
	}
	return cfg.IdleTimeout / 2
}

// Numbers both ends must agree on; docs/PROTOCOL.md.
const (
	// maxOutstanding bounds the reliable messages of all channels between the oldest one not acknowledged and the
	// newest one sent. It bounds what a receiver must remember of messages that came early.
	maxOutstanding = 1 << 16
	// maxHoles bounds the separate runs of one reliable message under reassembly.
	maxHoles = 2048
)

// Numbers of this implementation.
const (
	dataPaths = int(wire.PathDirectLast) + 1 // PathProbe carries no rudp packets

	maxReady       = maxOutstanding // events waiting for the owner before messages are refused
	minFrameRoom   = 256            // bytes of frames a path must carry
	minFragment    = 128            // bytes; smaller leftovers of a packet are not filled
	packetOverhead = wire.BaseDatagram - wire.MaxFrames
)

// moment is a time of the connection in nanoseconds since its epoch. Zero means "nothing scheduled" or "never".
type moment int64

func (m moment) add(d time.Duration) moment { return m + moment(d) }

func (m moment) since(earlier moment) time.Duration { return time.Duration(m - earlier) }

// earliest is the earlier of two deadlines of which zero means none.
func earliest(a, b moment) moment {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
