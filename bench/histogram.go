package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Times are counted in buckets of µs, exact below 128 µs and within 1.6 % above: each doubling has 64 of them.
const (
	exactBits   = 7
	bucketCount = (40 - exactBits + 2) << (exactBits - 1) // up to 2^40 µs, which is 12 days
)

// histogram counts times. It may be written and read by several goroutines.
type histogram struct {
	counts [bucketCount]atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d.Microseconds(), 0)))].Add(1)
}

func bucketOf(µs uint64) int {
	shift := max(bits.Len64(µs)-exactBits, 0)
	return min(shift<<(exactBits-1)+int(µs>>shift), bucketCount-1)
}

// upper is the largest time of a bucket.
func upper(bucket int) time.Duration {
	shift := max(bucket>>(exactBits-1)-1, 0)
	first := uint64(bucket-shift<<(exactBits-1)) << shift
	return time.Duration(first+1<<shift-1) * time.Microsecond
}

// quantile is the time within which a share q of all were; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	var total int64
	for i := range h.counts {
		total += h.counts[i].Load()
	}
	rank := int64(q*float64(total-1)) + 1
	var seen int64
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank && total > 0 {
			return upper(i)
		}
	}
	return 0
}

// take moves what was counted into a histogram of its own, so that an interval can be looked at.
func (h *histogram) take() *histogram {
	taken := &histogram{}
	for i := range h.counts {
		taken.counts[i].Store(h.counts[i].Swap(0))
	}
	return taken
}
