//go:build cgo

package main

import "encoding/binary"

// Report answers musubi_dump: it runs write when the game has asked since, and shows what that wrote.
func (h *host) Report(write func(dst []byte) []byte) {
	asked := h.s.reportAsked.Load()
	if asked == h.s.reportDone.Load() {
		return
	}
	h.report = write(h.report[:0])
	h.s.reportSeq.Add(1)
	h.s.reportSize.Store(uint32(len(h.report)))
	text := h.report[:min(len(h.report), 8*reportWords)]
	for i := 0; i < len(text); i += 8 {
		var word [8]byte
		copy(word[:], text[i:])
		h.s.report[i/8].Store(binary.NativeEndian.Uint64(word[:]))
	}
	h.s.reportSeq.Add(1)
	h.s.reportDone.Store(asked)
	futexWake(&h.s.reportDone)
}
