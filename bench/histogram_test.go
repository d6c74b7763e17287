package main

import (
	"testing"
	"time"
)

func TestBucketsFollowEachOther(t *testing.T) {
	last := time.Duration(-1)
	for bucket := range bucketCount {
		if got := bucketOf(uint64((last + time.Microsecond).Microseconds())); bucket > 0 && got != bucket {
			t.Fatalf("bucketOf(%v) = %d, want %d", last+time.Microsecond, got, bucket)
		}
		if got := bucketOf(uint64(upper(bucket).Microseconds())); got != bucket {
			t.Fatalf("bucketOf(upper(%d)) = %d", bucket, got)
		}
		last = upper(bucket).Truncate(time.Microsecond)
	}
}

func TestQuantile(t *testing.T) {
	f := func(times []time.Duration, q float64, want time.Duration) {
		t.Helper()
		var h histogram
		for _, d := range times {
			h.add(d)
		}
		got := h.quantile(q)
		if got < want || float64(got) > float64(want)*1.016 {
			t.Errorf("quantile(%v) of %d times = %v, want %v", q, len(times), got, want)
		}
	}
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*time.Millisecond)
	}
	f(nil, 0.5, 0)
	f([]time.Duration{-time.Second}, 0.5, 0) // a clock that stepped back
	f(hundred, 0, time.Millisecond)
	f(hundred, 0.5, 50*time.Millisecond)
	f(hundred, 0.99, 99*time.Millisecond)
	f(hundred, 1, 100*time.Millisecond)
	f([]time.Duration{1000 * time.Hour}, 0.5, upper(bucketCount-1)) // beyond the last bucket
}
