package relay

import (
	"container/heap"
	"time"
)

// expiry is a session's entry in the heap: when to look at it again. A session that ended before leaves its entry, whose age is another one's. Traffic moves the deadline without touching the
// heap; an entry that comes up early goes back, so its cost is one look per session and IdleTime.
type expiry struct {
	at      int64 // ns since Server.base
	session uint32
	age     uint32
}

type expiryHeap []expiry

func (h expiryHeap) Len() int      { return len(h) }
func (h expiryHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h expiryHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].session < h[j].session
}
func (h *expiryHeap) Push(x any) { *h = append(*h, x.(expiry)) }
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// NextTimeout is when HandleTimeout may have something to do.
func (s *Server) NextTimeout() time.Time {
	if len(s.expiry) == 0 {
		return time.Time{}
	}
	at := s.expiry[0].at
	if len(s.retired) > 0 {
		at = min(at, s.retired[0].at)
	}
	return s.base.Add(time.Duration(at))
}

// Lively appends the places of sessions of which a player was heard since then, in their order.
func (s *Server) Lively(since time.Time, dst []uint32) []uint32 {
	at := int64(since.Sub(s.base))
	for i := range s.sessions {
		if n := uint32(i); s.sessions[i].live && max(s.table.Heard(2*n), s.table.Heard(2*n+1)) >= at {
			dst = append(dst, n)
		}
	}
	return dst
}

// HandleTimeout ends sessions of which a leg is idle or were never completed.
func (s *Server) HandleTimeout(now time.Time) {
	t := s.clock(now)
	s.retire(t)
	for len(s.expiry) > 0 && s.expiry[0].at <= t {
		i := s.expiry[0].session
		if !s.sessions[i].live || s.sessions[i].age != s.expiry[0].age {
			heap.Pop(&s.expiry)
			continue
		}
		if at := s.deadline(i); at > t {
			s.expiry[0].at = at
			heap.Fix(&s.expiry, 0)
			continue
		}
		heap.Pop(&s.expiry)
		s.release(i)
	}
}

func (s *Server) release(i uint32) {
	delete(s.byID, s.sessions[i].id)
	if key := pairKey(s.sessions[i].clients[0], s.sessions[i].clients[1]); s.pairs[key] == i {
		delete(s.pairs, key)
	}
	for k := 2 * i; k <= 2*i+1; k++ {
		s.table.Clear(k)
		delete(s.waiting, k)
		delete(s.bridges, k)
		if s.legs[k].bound {
			s.stats.Bound--
		}
		s.legs[k] = leg{}
	}
	s.sessions[i] = session{age: s.sessions[i].age}
	s.free = append(s.free, i)
}
