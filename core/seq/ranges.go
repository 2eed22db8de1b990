package seq

// Range is the half-open run of numbers Low <= n < High.
type Range struct{ Low, High uint64 }

// Ranges is a set of numbers kept as ascending, disjoint, not adjacent ranges. The zero value is empty and usable; its
// memory is kept by Clear, so a pooled owner does not allocate again.
//
// Adding at the upper end, the usual case, costs O(1); elsewhere a binary search plus a move of the ranges above. A set
// that a peer can fill with holes must be bounded by its owner: KeepHighest where forgetting is allowed, a check of Len
// where it is not.
type Ranges struct{ list []Range }

// Len is the number of ranges.
func (s *Ranges) Len() int { return len(s.list) }

// At is the i-th range, ascending.
func (s *Ranges) At(i int) Range { return s.list[i] }

// Clear empties the set and keeps its memory.
func (s *Ranges) Clear() { s.list = s.list[:0] }

// search gives the index of the first range whose High is at least n: the first that n can lie in or touch.
func (s *Ranges) search(n uint64) int {
	end := len(s.list)
	if end == 0 || s.list[end-1].High < n {
		return end
	}
	if end == 1 || s.list[end-2].High < n {
		return end - 1
	}
	low, high := 0, end-1
	for low < high {
		mid := int(uint(low+high) >> 1)
		if s.list[mid].High < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Above gives the index of the first range that reaches past n, Len() if none does.
func (s *Ranges) Above(n uint64) int { return s.search(n + 1) }

// Contains reports whether n is in the set.
func (s *Ranges) Contains(n uint64) bool { return s.Covers(n, n+1) }

// Covers reports whether all of [low, high) is in the set. An empty run is covered.
func (s *Ranges) Covers(low, high uint64) bool {
	if low >= high {
		return true
	}
	i := s.Above(low)
	return i < len(s.list) && s.list[i].Low <= low && high <= s.list[i].High
}

// Add puts [low, high) into the set and returns how many of its numbers were not there before.
func (s *Ranges) Add(low, high uint64) (added uint64) {
	if low >= high {
		return 0
	}
	first := s.search(low)
	if first == len(s.list) {
		s.list = append(s.list, Range{low, high})
		return high - low
	}
	merged, added := Range{low, high}, high-low
	last := first
	for ; last < len(s.list) && s.list[last].Low <= high; last++ {
		r := s.list[last]
		if overlap := min(r.High, high); overlap > max(r.Low, low) {
			added -= overlap - max(r.Low, low)
		}
		merged.Low, merged.High = min(merged.Low, r.Low), max(merged.High, r.High)
	}
	s.replace(first, last, merged)
	return added
}

// replace puts r in place of list[first:last], which may be empty.
func (s *Ranges) replace(first, last int, r Range) {
	if first == last {
		s.list = append(s.list, Range{})
		copy(s.list[first+1:], s.list[first:])
	} else if last > first+1 {
		s.list = append(s.list[:first+1], s.list[last:]...)
	}
	s.list[first] = r
}

// Remove takes [low, high) out of the set.
func (s *Ranges) Remove(low, high uint64) {
	if low >= high {
		return
	}
	first := s.Above(low)
	if first == len(s.list) || s.list[first].Low >= high {
		return
	}
	if r := s.list[first]; r.Low < low && high < r.High { // a hole inside one range
		s.list[first].High = low
		s.replace(first+1, first+1, Range{high, r.High})
		return
	}
	if s.list[first].Low < low {
		s.list[first].High = low
		first++
	}
	last := first
	for last < len(s.list) && s.list[last].High <= high {
		last++
	}
	if last < len(s.list) && s.list[last].Low < high {
		s.list[last].Low = high
	}
	s.list = append(s.list[:first], s.list[last:]...)
}

// RemoveBelow takes out every number below n.
func (s *Ranges) RemoveBelow(n uint64) {
	if len(s.list) > 0 && s.list[0].Low < n {
		s.Remove(0, n)
	}
}

// KeepHighest forgets the lowest ranges until at most limit are left.
func (s *Ranges) KeepHighest(limit int) {
	if drop := len(s.list) - limit; drop > 0 {
		s.list = append(s.list[:0], s.list[drop:]...)
	}
}
