//go:build linux

package wan

import (
	"math/rand/v2"
	"testing"
	"time"
)

// arrivals sends n packets a millisecond apart through a shaped direction and lists them as they come out.
func arrivals(shape Shape, seed uint64, n int) (list []byte, late time.Duration) {
	r := &Router{flows: make(map[Flow]Count)}
	for i, prefix := range []string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"} {
		r.links[i].Prefix = mustPrefix(prefix)
	}
	r.paths[A][B] = path{shape: shape, rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range n {
		p := new(packet)
		p.data = append(p.buf[:0], udp(addrA, addrB, 64, string([]byte{byte(i)}))...)
		r.forward(time.Duration(i)*time.Millisecond, A, p)
	}
	for {
		p, _ := r.queue.next(1 << 62)
		if p == nil {
			return list, late
		}
		i := p.data[ipHeader+udpHeader]
		late = max(late, p.due-time.Duration(i)*time.Millisecond)
		list = append(list, i)
	}
}

func TestShapes(t *testing.T) {
	const n, delay = 200, 20 * time.Millisecond
	for _, c := range []struct {
		name                       string
		shape                      Shape
		ordered, complete, doubled bool
		latest                     time.Duration
	}{
		{"plain", Shape{Delay: delay}, true, true, false, delay},
		{"jitter keeps the order", Shape{Delay: delay, Jitter: 30 * time.Millisecond}, true, true, false, 50 * time.Millisecond},
		{"loss", Shape{Delay: delay, Loss: 0.1}, true, false, false, delay},
		{"duplicates", Shape{Delay: delay, Duplicate: 0.2}, true, true, true, delay},
		{"reordering", Shape{Delay: delay, Reorder: 0.1}, false, true, false, 30 * time.Millisecond},
	} {
		list, late := arrivals(c.shape, 5, n)
		ordered, seen := true, map[byte]int{}
		for i, b := range list {
			ordered = ordered && (i == 0 || b >= list[i-1])
			seen[b]++
		}
		if ordered != c.ordered || (len(seen) == n) != c.complete || (len(list) > len(seen)) != c.doubled || late > c.latest {
			t.Errorf("%s: ordered %v, %d of %d different, %d in all, latest %v", c.name, ordered, len(seen), n, len(list), late)
		}
		again, _ := arrivals(c.shape, 5, n)
		if string(again) != string(list) {
			t.Errorf("%s: the same seed gave another result", c.name)
		}
	}
}

// The queue gives back packets by due time, and first come first served at equal times.
func TestQueueOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q queue
	for range 1000 {
		q.put(&packet{due: time.Duration(rng.IntN(50))})
	}
	if _, wait := q.next(-1); wait <= 0 {
		t.Errorf("wait %v", wait)
	}
	var last *packet
	for n := 0; ; n++ {
		p, wait := q.next(50)
		if p == nil {
			if n != 1000 || wait != -1 {
				t.Errorf("%d packets, wait %v", n, wait)
			}
			return
		}
		if last != nil && p.before(last) {
			t.Fatal("out of order")
		}
		last = p
	}
}
