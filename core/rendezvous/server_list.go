package rendezvous

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// list is an app's public rooms in the order of their metadata, so that a filter is a range and a page costs its own
// length, however many rooms there are.
type list struct{ rooms []*room }

// listKey is a room's place in every node's list: the first bytes of its metadata, then its id.
type listKey struct {
	prefix string // at most api.MaxListPrefix bytes
	id     uint64
}

func (k listKey) compare(o listKey) int {
	return cmp.Or(strings.Compare(k.prefix, o.prefix), cmp.Compare(k.id, o.id))
}

// cursor is the key as a client holds it between two pages: id(64), prefix.
func (k listKey) cursor() []byte {
	return append(binary.BigEndian.AppendUint64(nil, k.id), k.prefix...)
}

func parseCursor(b []byte) (k listKey, ok bool) {
	if len(b) < 8 || len(b) > api.MaxListCursor {
		return k, false
	}
	return listKey{string(b[8:]), binary.BigEndian.Uint64(b)}, true
}

func (l *list) search(k listKey) (int, bool) {
	return slices.BinarySearchFunc(l.rooms, k, func(r *room, k listKey) int { return r.listed.compare(k) })
}

// relist puts a room where it belongs now: into the list, elsewhere in it, or out of it.
func (s *Server) relist(r *room) {
	wanted := r.flags&(wire.RoomPublic|wire.RoomLocked) == wire.RoomPublic && len(r.members) > 0 && !r.closed
	key := listKey{string(r.data[:min(len(r.data), api.MaxListPrefix)]), r.id}
	if wanted == (r.listed != nil) && (!wanted || *r.listed == key) {
		return
	}
	l := s.lists[r.app]
	if r.listed != nil {
		if i, ok := l.search(*r.listed); ok {
			l.rooms = slices.Delete(l.rooms, i, i+1)
		}
		if r.listed = nil; len(l.rooms) == 0 && !wanted {
			delete(s.lists, r.app)
		}
	}
	if wanted {
		if l == nil {
			l = &list{}
			s.lists[r.app] = l
		}
		i, _ := l.search(key)
		r.listed = &key
		l.rooms = slices.Insert(l.rooms, i, r)
	}
}

// Listed is a public room with its place among those of all nodes.
type Listed struct {
	Cursor []byte
	Room   wire.RoomEntry
}

// page gives the rooms of an app behind a place whose metadata begins with prefix. more: there are others behind them.
func (s *Server) page(app string, prefix, after []byte, most int) (out []Listed, more bool) {
	l := s.lists[app]
	if l == nil {
		return nil, false
	}
	at := 0
	if k, ok := parseCursor(after); ok {
		i, found := l.search(k)
		if at = i; found {
			at++
		}
	}
	first, _ := l.search(listKey{prefix: string(prefix)})
	for _, r := range l.rooms[max(at, first):] {
		switch {
		case !strings.HasPrefix(r.listed.prefix, string(prefix)):
			return out, false
		case len(out) == most:
			return out, true
		}
		out = append(out, Listed{r.listed.cursor(), r.listing()})
	}
	return out, false
}

func (r *room) listing() wire.RoomEntry {
	return wire.RoomEntry{Code: r.code, Flags: r.flags, Members: uint8(len(r.members)), Max: r.max, Data: r.data[:min(len(r.data), wire.MaxListedData)]}
}

// list answers a List, after the other nodes were asked.
func (s *Server) list(now time.Time, m *member, sig *wire.Signal) {
	if !m.may(wire.PermList) {
		s.refuse(m, sig.Request, api.ErrUnauthorized, "the access token does not permit listing rooms")
		return
	}
	if _, ok := parseCursor(sig.After); len(sig.Data) > api.MaxListPrefix || len(sig.After) > 0 && !ok {
		s.refuse(m, sig.Request, api.ErrValue, "a list's prefix has at most 64 bytes, and it goes on where an earlier page ended")
		return
	}
	most := int(sig.Max)
	if most == 0 || most > api.MaxListPage {
		most = api.MaxListPage
	}
	q := Question{Kind: AskRooms, App: m.ref.App, Prefix: bytes.Clone(sig.Data), After: bytes.Clone(sig.After), Most: uint8(most)}
	s.gather(now, m, sig.Request, q)
}

// merge adds a node's rooms to what is known, in order.
func (a *Answer) merge(b *Answer, most int) {
	a.Rooms = append(a.Rooms, b.Rooms...)
	slices.SortStableFunc(a.Rooms, func(x, y Listed) int {
		kx, _ := parseCursor(x.Cursor)
		ky, _ := parseCursor(y.Cursor)
		return kx.compare(ky)
	})
	a.More = a.More || b.More || len(a.Rooms) > most
	a.Rooms = a.Rooms[:min(len(a.Rooms), most)]
}

// tellRooms is the answer to a List.
func (s *Server) tellRooms(m *member, request uint32, a *Answer) {
	sig := wire.Signal{Type: wire.SigRooms, Request: request}
	for i := range a.Rooms {
		sig.Rooms = append(sig.Rooms, a.Rooms[i].Room)
	}
	if n := len(a.Rooms); a.More && n > 0 {
		sig.After = a.Rooms[n-1].Cursor
	}
	s.send(m, sig)
}
