package api

// Allocation is how a NAT chooses outer ports for new mappings (RFC 4787, 4.2, and what hard NATs do).
type Allocation uint8

const (
	AllocUnknown    Allocation = 0
	AllocPreserved  Allocation = 1 // the inner port, while it is free
	AllocSequential Allocation = 2 // a constant step from one mapping to the next
	AllocBlock      Allocation = 3 // any port of a small range, as carrier-grade NATs give each customer
	AllocRandom     Allocation = 4 // any port at all
	allocationCount            = 5
)

// Valid reports whether a is one of the values above.
func (a Allocation) Valid() bool { return a < allocationCount }

// String is the word used in logs and by the harness.
func (a Allocation) String() string {
	return [...]string{"unknown", "preserved", "sequential", "block", "random"}[min(a, allocationCount-1)]
}

// Answer is the result of a test that may not have been possible.
type Answer uint8

const (
	AnswerUnknown Answer = 0
	AnswerNo      Answer = 1
	AnswerYes     Answer = 2
)

func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[min(a, 2)] }

// Aggressiveness is how far port prediction goes against hard NATs.
type Aggressiveness uint8

const (
	PunchNormal         Aggressiveness = 0
	PunchOff            Aggressiveness = 1 // known addresses only
	PunchMax            Aggressiveness = 2 // 1000 packets/s
	AggressivenessCount                = 3
)

// NATInfo is what the profile found. Zero values mean "not known yet".
type NATInfo struct {
	Mapping   Behaviour
	Filtering Behaviour
	// Public is the address the server saw, as text ("203.0.113.7:40000"), empty when unknown.
	Public string
	// Certain: the mapping was compared over two addresses of the server. Without it endpoint-independent may be
	// address-dependent.
	Certain    bool
	Allocation Allocation
	PortStep   int8   // sequential: from one outer port to the next
	PortLow    uint16 // block, random: the outer ports to expect
	PortHigh   uint16
	Poisonable Answer // a stranger's packet moves our own flow to another port (docs/NAT.md, fact 4)
	OpenerTTL  uint8  // least TTL that opens the outermost NAT; 0 unknown
}
