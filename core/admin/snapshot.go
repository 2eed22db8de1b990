package admin

import "time"

// Snapshot is a server at one moment. Counters run from its start; what is not called a count is what lives now.
type Snapshot struct {
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"`
	Version string    `json:"version"`
	Node    string    `json:"node"`
	Region  string    `json:"region"`

	Links         int `json:"links"`
	Rooms         int `json:"rooms"`
	Members       int `json:"members"`
	Introductions int `json:"introductions"` // under way
	RelaySessions int `json:"relay_sessions"`
	RelayLegs     int `json:"relay_legs"`

	Handshakes   uint64 `json:"handshakes_count"`
	Resumed      uint64 `json:"resumed_count"`
	Introduced   uint64 `json:"introduced_count"`
	Refused      uint64 `json:"refused_count"`
	RelayPackets uint64 `json:"relay_packets_count"`
	RelayBytes   uint64 `json:"relay_bytes_count"`

	Received  uint64 `json:"datagrams_received_count"`
	Sent      uint64 `json:"datagrams_sent_count"`
	SendFull  uint64 `json:"send_full_count"`  // the kernel had no room
	SendError uint64 `json:"send_error_count"` // the kernel refused
	Streams   int    `json:"streams"`          // open, for players whose network blocks UDP

	Outcomes []Outcome `json:"outcomes"`
	Drops    []Count   `json:"drops"`
	Failures []Failure `json:"failures"` // the latest first
	// Connections by TCP that were refused, or ended for a fault of the other side's.
	Connections []Count  `json:"connections"`
	Nodes       []Node   `json:"nodes"` // of the cluster, this one among them
	Extra       []Metric `json:"-"`     // further metrics that no page shows
}

// Outcome counts pairs of players by the classes of their NATs.
type Outcome struct {
	A       string `json:"a"`
	B       string `json:"b"`
	Direct  uint64 `json:"direct"`
	Relayed uint64 `json:"relayed"`
}

// Count is a counter with a reason.
type Count struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// Failure is one thing that went wrong for somebody.
type Failure struct {
	Time time.Time `json:"time"`
	Code int32     `json:"code"`
	Text string    `json:"text"`
}

// Node is one server of a cluster, as this one knows it.
type Node struct {
	Name   string  `json:"name"`
	Region string  `json:"region"`
	State  string  `json:"state"` // up, draining, lost
	Links  int     `json:"links"`
	Rooms  int     `json:"rooms"`
	Age    float64 `json:"age_s"` // since it was heard
}

// Metric is a counter or gauge by its whole name.
type Metric struct {
	Name, Help string
	Counter    bool
	Value      float64
}
