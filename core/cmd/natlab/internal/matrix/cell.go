// Package matrix is what both laboratories, simulated and kernel, report: one cell for each pair of NAT types, the goals
// that a cell is measured by (docs/NAT.md, "Goals"), and the ways to show them: JSON, tables, a heat map.
package matrix

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// Types are the NAT types of the matrix in its order; Blocked is the row below.
var Types = []string{"PUB", "FW", "FC", "AR", "PR", "PRx", "SA", "SS", "SB", "SR"}

// Blocked is a network without UDP.
const Blocked = "BLOCKED"

// Cell is a pair's line in the JSON output; its keys are a promise to whoever reads it. Percentiles are over the meetings
// in which the thing happened, null if it never did. Times are milliseconds.
type Cell struct {
	A            string   `json:"a"`
	B            string   `json:"b"`
	Trials       int      `json:"trials"`
	Direct       int      `json:"direct"` // stayed direct for 2 s with data both ways
	Relay        int      `json:"relay"`
	Failed       int      `json:"failed"`       // no connection, or the route did not settle
	ProbeP50     *float64 `json:"ms_probe_p50"` // keys on both sides until the later first direct answer
	ProbeP95     *float64 `json:"ms_probe_p95"`
	RouteP50     *float64 `json:"ms_route_p50"` // the same until the later first direct route
	RouteP95     *float64 `json:"ms_route_p95"`
	FirstByteP50 *float64 `json:"first_byte_ms_p50"` // keys at the sender until its first message is there, the slower direction
	FirstByteP95 *float64 `json:"first_byte_ms_p95"`
	ConnectP50   *float64 `json:"connect_byte_ms_p50,omitempty"` // UDP blocked: in the room until both first messages are there
	ConnectP95   *float64 `json:"connect_byte_ms_p95,omitempty"`
	GaveUpMax    *float64 `json:"ms_gave_up_max"` // longest search of those that stayed on the relay
	Lost         int      `json:"lost"`
	Dup          int      `json:"dup"`
	Reordered    int      `json:"reordered"`
	Corrupt      int      `json:"corrupt"`
	Disturbed    int      `json:"disturbed,omitempty"` // kernel: meetings held again because the machine stood still
	Why          string   `json:"why,omitempty"`       // of the first meeting that failed or stayed on the relay
}

// Share is the part of the meetings that went direct, 0 to 1.
func (c *Cell) Share() float64 {
	if c.Trials == 0 {
		return 0
	}
	return float64(c.Direct) / float64(c.Trials)
}

// Whole reports whether every message came once, in order and as it was sent.
func (c *Cell) Whole() bool { return c.Lost+c.Dup+c.Reordered+c.Corrupt == 0 }

func (c *Cell) String() string { return c.A + " × " + c.B }

// Percentile takes the nearest rank, in milliseconds with one decimal; nil without values. Nothing is interpolated: each
// number in a report was measured once.
func Percentile(values []time.Duration, percent int) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*percent + 99) / 100
	ms := math.Round(float64(sorted[max(rank, 1)-1])/float64(time.Millisecond)*10) / 10
	return &ms
}

// WriteJSON writes one object per line, so that runs can be joined and searched without a parser.
func WriteJSON(name string, cells []Cell) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	enc := json.NewEncoder(f)
	for i := range cells {
		if err := enc.Encode(&cells[i]); err != nil {
			_ = f.Close()
			return fmt.Errorf("write the matrix to %s: %w", name, err)
		}
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the matrix to %s: %w", name, err)
	}
	return nil
}

// ReadJSON reads what a laboratory wrote; lines that are not cells are an error.
func ReadJSON(r io.Reader) (cells []Cell, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		var c Cell
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if c.A == "" || c.B == "" {
			return nil, fmt.Errorf("line %d names no pair", n)
		}
		cells = append(cells, c)
	}
	return cells, lines.Err()
}

// find looks for a pair in either order.
func find(cells []Cell, a, b string) *Cell {
	for i := range cells {
		if c := &cells[i]; c.A == a && c.B == b || c.A == b && c.B == a {
			return c
		}
	}
	return nil
}
