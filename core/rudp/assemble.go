package rudp

import (
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// assembly is a message on its way in: fragments being joined, or a whole one that waits for its turn. Its buffer has
// the full size from the start, so that fragments are copied once; what such buffers may sum up to is bounded before
// one is taken (store, makeRoom).
type assembly struct {
	buf      *buffer
	size     uint32
	got      uint32     // bytes present
	runs     seq.Ranges // which
	complete bool

	// Unreliable messages only, to find it again and to give it up.
	mode    uint8
	channel uint8
	number  uint64
	started moment
}

func (c *Conn) newAssembly(m *wire.Message) *assembly {
	a := c.pool.assemblies.get()
	runs := a.runs // empty, with its memory
	*a = assembly{size: m.Size, runs: runs, mode: m.Mode, channel: m.Channel, started: c.now}
	a.buf = c.pool.buffer(int(m.Size))
	return a
}

// add copies a frame of the same message in and returns how many of its bytes are new.
func (a *assembly) add(m *wire.Message) (fresh uint32) {
	copy(a.buf.b[m.Offset:], m.Payload)
	if !m.Fragment {
		fresh = a.size - a.got
	} else {
		fresh = uint32(a.runs.Add(uint64(m.Offset), uint64(m.Offset)+uint64(len(m.Payload))))
	}
	a.got += fresh
	a.complete = a.got == a.size
	return fresh
}

// take hands the payload's buffer over.
func (a *assembly) take() *buffer {
	buf := a.buf
	a.buf = nil
	return buf
}

func (c *Conn) freeAssembly(a *assembly) {
	if a.buf != nil {
		c.pool.putBuffer(a.buf)
		a.buf = nil
	}
	a.runs.Clear()
	c.pool.assemblies.put(a)
}
