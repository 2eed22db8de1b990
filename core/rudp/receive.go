package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// HandlePacket takes the opened frames of one authenticated packet that came on the peer's path rx. frames is borrowed.
// An error means that the peer broke the protocol; the caller closes with its code.
func (c *Conn) HandlePacket(now time.Time, rx wire.PathID, number uint64, frames []byte) error {
	c.tick(now)
	switch {
	case int(rx) >= dataPaths:
		return errPath
	case c.state == stateEnded || c.state == stateDraining:
		return nil
	}
	c.heard()
	a := &c.acks[rx]
	if a.numbers.Contains(number) {
		c.stats.Duplicates++
		return nil
	}
	if c.state == stateClosing {
		return c.packetWhileClosing(rx, frames)
	}
	c.meters.packetHeard(c.now, a, number, len(frames)+packetOverhead)
	// While the owner leaves events lying, messages are not taken: the packet stays unacknowledged and comes again.
	// ACK and CREDIT still count, so that two such ends don't hold each other up.
	refuse := c.events.Len() >= maxReady
	c.inbox.held.now, c.inbox.numbered = wire.Switch{}, false
	wants, refused, err := c.handleFrames(frames, rx, number, refuse)
	if err != nil || c.state >= stateDraining {
		return err
	}
	if refused {
		c.stats.Refused++
	} else {
		c.stats.Received++
		a.received(c.now, number, wants)
		if a.repair != nil {
			err = c.keepBlock(rx, number)
		}
		c.checkHeld()
	}
	if c.state == stateLingering {
		c.lingerDone()
	}
	return err
}

// handleFrames takes one packet's frames in order; it stops at the first that is malformed, and at CLOSE.
func (c *Conn) handleFrames(frames []byte, rx wire.PathID, number uint64, refuse bool) (wants demand, refused bool, err error) {
	r := wire.NewReader(frames)
	if r.Len() == 0 {
		return noAck, false, errFrame
	}
	repair := c.acks[rx].repair
	if repair != nil {
		repair.stage, repair.full = 0, false
	}
	var acks, repaired pathSet
	for r.Len() > 0 {
		start := len(frames) - r.Len()
		t := wire.FrameType(r.U8())
		wants = max(wants, demandOf(t))
		switch {
		case t.IsMessage():
			m := wire.ReadMessage(&r, t)
			if refused = refused || refuse; !r.Err() && !refuse {
				err = c.handleMessage(&m)
				if repair != nil && !m.Fragment && api.Mode(m.Mode).Reliable() {
					repair.add(frames[start : len(frames)-r.Len()])
				}
			}
		case t == wire.FrameAck:
			if wire.ReadAck(&r, &c.ackScratch); !r.Err() && acks.add(c.ackScratch.Path) {
				err = c.handleAck(&c.ackScratch)
			}
		case t == wire.FrameCredit:
			if total := r.Varint(); !r.Err() {
				c.credit.granted(total)
			}
		case t == wire.FrameSuspend:
			if f := wire.ReadSuspend(&r); !r.Err() { // it makes events, so it waits for the owner as messages do
				if refused = refused || refuse; !refuse {
					c.handleSuspend(f)
				}
			}
		case t == wire.FrameClose:
			if f := wire.ReadClose(&r); !r.Err() {
				c.peerClosed(rx, f)
				return wants, refused, nil
			}
		case t == wire.FrameSwitch:
			if f := wire.ReadSwitch(&r); !r.Err() {
				c.handleSwitch(f)
			}
		case t == wire.FrameRepair:
			if f := wire.ReadRepair(&r); !r.Err() && !refuse {
				err = c.handleRepair(rx, number, &f)
			}
		case t == wire.FrameRepaired:
			if f := wire.ReadRepaired(&r); !r.Err() && repaired.add(f.Path) {
				err = c.handleRepaired(f)
			}
		case t == wire.FrameCrypto:
			if f := wire.ReadCrypto(&r); !r.Err() {
				err = c.handleCrypto(&f)
			}
		case t == wire.FrameNumber:
			if f := wire.ReadNumber(&r); !r.Err() {
				c.handleNumber(f)
			}
		case t == wire.FramePadding, t == wire.FramePing:
		default:
			return wants, refused, errFrame
		}
		if r.Err() {
			return wants, refused, errFrame
		}
		if err != nil {
			return wants, refused, err
		}
	}
	return wants, refused, nil
}

// pathSet remembers which paths were told of in a packet. A sender tells once of each; who fills packets with such frames
// wants us to look through our books for each of them.
type pathSet uint8

// add reports whether the path is new to the set.
func (s *pathSet) add(id wire.PathID) bool {
	bit := pathSet(1) << (id % 8)
	known := *s&bit != 0
	*s |= bit
	return !known
}

func (c *Conn) handleMessage(m *wire.Message) error {
	limit := c.cfg.maxReliable()
	if !api.Mode(m.Mode).Reliable() {
		limit = c.cfg.maxUnreliable()
	}
	switch {
	case int64(m.Size) > int64(limit):
		return errSize
	case api.Mode(m.Mode).Reliable():
		return c.handleReliable(m)
	}
	c.handleUnreliable(m)
	return nil
}
