package wire

import "encoding/binary"

// ControlKind is what a PROBE_CTL frame says.
type ControlKind uint8

const (
	ControlHeard   ControlKind = 1 // the control of kind Flags and that attempt arrived
	ControlPunch   ControlKind = 2 // the sender begins to punch again: so should you
	ControlOpened  ControlKind = 3 // sockets of the sender have, or get, outer ports among Low..High by Step: probe them after Lead
	ControlSampled ControlKind = 4 // the sender's next outer port is about Low, it counts by Step and will open Count
	ControlFresh   ControlKind = 5 // a fresh socket of the sender has the outer port Low
	ControlEnded   ControlKind = 6 // the sender is through with that attempt
	controlCount               = 7
)

// Flags of a Control, but for ControlHeard.
const (
	ControlRandom = 1 // Opened: the ports are anywhere in the range: a birthday attack, else a bracket
	ControlMoved  = 1 // Punch: the sender may be on another network, where nothing that was valid is
	ControlCover  = 1 // Sampled: the sender covers most of its few ports; Low..High are those to aim at, 0 if it does not know yet
	ControlKnown  = 2 // Sampled, Fresh: the sender has the receiver's port, and opens its NAT
)

// Control is the word between the two sides of port prediction (docs/NAT.md). It names ports only: the address that they
// are on is what the server attested.
//
//	+------+---------+------------+----------+---------+----------+-----------+------------+----------+
//	| 0x08 | kind(8) | attempt(8) | flags(8) | low(16) | high(16) | count(16) | lead ms(16)| step (8) |
//	+------+---------+------------+----------+---------+----------+-----------+------------+----------+
//
// Only on PathProbe, and mostly through the relay: it is what is needed before a direct path works.
type Control struct {
	Kind       ControlKind
	Attempt    uint8
	Flags      uint8
	Low, High  uint16
	Count      uint16
	LeadMillis uint16
	Step       int8
}

// AppendControl writes the frame.
func AppendControl(b []byte, c *Control) []byte {
	be := binary.BigEndian
	b = append(b, uint8(FrameProbeControl), uint8(c.Kind), c.Attempt, c.Flags)
	b = be.AppendUint16(be.AppendUint16(b, c.Low), c.High)
	b = be.AppendUint16(be.AppendUint16(b, c.Count), c.LeadMillis)
	return append(b, uint8(c.Step))
}

// readControl reads the frame after its type byte.
func readControl(r *Reader) (c Control) {
	c.Kind, c.Attempt, c.Flags = ControlKind(r.U8()), r.U8(), r.U8()
	c.Low, c.High, c.Count, c.LeadMillis = r.U16(), r.U16(), r.U16(), r.U16()
	c.Step = int8(r.U8())
	if c.Kind == 0 || c.Kind >= controlCount {
		r.Fail()
	}
	return c
}
