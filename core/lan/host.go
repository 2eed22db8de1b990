// Package lan finds players in the local network who host a game, without any server on the internet. A host runs a
// small server of its own (node does, on a hub); this package only makes it found:
//
//	browser ── query, to a multicast group and the broadcast address ──▶ host
//	browser ◀── announcement: port, key, members, data ──────────────── host
//
// Then the browser's client links to that server as to any other, and everything else is as always: a room by join code,
// introductions, direct paths. Announcements are not secret and not authentic by themselves: what a player joins is
// proven by a tag that only somebody who knows the join code can make.
package lan

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Tag makes the MAC of an announcement under a join code; see wire.LANAnnouncement. It comes from the owner, because keys
// are secure's.
type Tag func(announcement []byte) [wire.LANTagSize]byte

const (
	hostRate  = 50  // answers a second, whoever asks
	hostBurst = 100 //
)

// Host answers queries for one LAN server.
type Host struct {
	show wire.LANAnnouncement
	tag  Tag

	allowance float64
	at        time.Time
}

// NewHost makes a host that shows nothing yet. session is random; show holds what does not change: port, key, app.
func NewHost(now time.Time, show wire.LANAnnouncement) *Host {
	return &Host{show: show, allowance: hostBurst, at: now}
}

// Show tells what browsers may see: members, data, and the tag of the room's join code. A nil tag hides the host.
func (h *Host) Show(members, most uint8, data []byte, tag Tag) {
	h.show.Members, h.show.Max, h.tag = members, most, tag
	h.show.Data = append(h.show.Data[:0], data[:min(len(data), api.MaxLANData)]...)
}

// AppendAnswer appends the answer to a query of our game, if b is one; it goes back to where the query came from.
func (h *Host) AppendAnswer(now time.Time, from netip.AddrPort, b, dst []byte) (out []byte, ok bool) {
	q, ok := wire.ParseLANQuery(b)
	if !ok || h.tag == nil || q.App != h.show.App || !from.IsValid() || from.Port() == 0 || !h.allowed(now) {
		return dst, false
	}
	h.show.Nonce = q.Nonce
	start := len(dst)
	dst = wire.AppendLANAnnouncement(dst, &h.show)
	tag := h.tag(dst[start:])
	return append(dst, tag[:]...), true
}

func (h *Host) allowed(now time.Time) bool {
	if now.After(h.at) {
		h.allowance = min(h.allowance+hostRate*now.Sub(h.at).Seconds(), hostBurst)
		h.at = now
	}
	if h.allowance < 1 {
		return false
	}
	h.allowance--
	return true
}
