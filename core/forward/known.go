package forward

import "sync/atomic"

// Known holds the connection ids of the hub's links, so that shards tell packets of links from packets that merely look so: a
// flood of those shares the strangers' ring and not the links'. The hub's goroutine writes, every shard reads.
//
// Ids are drawn at random by the hub, so that nobody can aim at a bucket. In the rare bucket that is full the surplus links
// are served as strangers, which is no worse than without the table.
type Known struct{ buckets []bucket }

// bucket is one cache line.
type bucket [bucketSize]atomic.Uint32 // 0: free

const (
	bucketSize   = 16
	knownBuckets = 1 << 14 // 1 MB; with 100,000 links six of sixteen places are taken, one bucket in 5,000 overflows
)

// NewKnown makes an empty table.
func NewKnown() *Known {
	k := new(Known)
	k.buckets = memory[bucket](knownBuckets, k)
	return k
}

func (k *Known) bucket(id uint32) *bucket { return &k.buckets[id%knownBuckets] }

// Add tells of a link.
func (k *Known) Add(id uint32) {
	b := k.bucket(id)
	for i := range b {
		if b[i].Load() == 0 {
			b[i].Store(id)
			return
		}
	}
}

// Remove tells of a link's end.
func (k *Known) Remove(id uint32) {
	b := k.bucket(id)
	for i := range b {
		if b[i].Load() == id {
			b[i].Store(0)
			return
		}
	}
}

// Has reports whether a link has this id.
func (k *Known) Has(id uint32) bool {
	b := k.bucket(id)
	for i := range b {
		if b[i].Load() == id {
			return id != 0
		}
	}
	return false
}
