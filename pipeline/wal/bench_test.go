package wal

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"heed/schemas"
)

// typical is an event of about 300 bytes, as the collector makes them.
func typical() *schemas.Envelope {
	ev := event(1, 0)
	ev.Visitor, ev.View, ev.Record = ev.Id, ev.Id, ev.Id
	ev.Jurisdiction, ev.Notice, ev.Categories = "strictest", "0011aabb", 15
	ev.ReceivedMs, ev.TimeMs, ev.RetentionMonths = 1_790_000_000_000, 1_790_000_000_000, 13
	ev.Host, ev.Path, ev.ReferrerHost = "www.example.com", "/blog/"+strings.Repeat("post-", 12), "www.example.org"
	ev.Country, ev.Region, ev.Network, ev.NetworkOwner = "DE", "Hamburg", 3320, "Deutsche Telekom AG"
	ev.Browser, ev.Os, ev.Device = "Firefox", "Linux", "desktop"
	return ev
}

// BenchmarkAppend appends one event a call, each call waiting for its fsync.
func BenchmarkAppend(b *testing.B) {
	for _, goroutines := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			l := openLog(b, Config{Dir: b.TempDir(), MaxBytes: 1 << 40})
			evs := []*schemas.Envelope{typical()}
			b.SetBytes(int64(evs[0].SizeVT()))
			b.ReportAllocs()
			var wg sync.WaitGroup
			calls := make(chan struct{}, goroutines)
			b.ResetTimer()
			for range goroutines {
				wg.Go(func() {
					for range calls {
						if _, err := l.Append(b.Context(), evs); err != nil {
							b.Errorf("Append: %v", err)
						}
					}
				})
			}
			for range b.N {
				calls <- struct{}{}
			}
			close(calls)
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/float64(max(1, l.metrics.groups.Get())), "events/group")
		})
	}
}

// BenchmarkNext reads records of about a hundred events.
func BenchmarkNext(b *testing.B) {
	l := openLog(b, Config{Dir: b.TempDir()})
	evs := make([]*schemas.Envelope, 100)
	for i := range evs {
		evs[i] = typical()
	}
	for range 500 {
		if _, err := l.Append(b.Context(), evs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.SetBytes(int64((&schemas.Group{Events: evs}).SizeVT()))
	r, err := l.Reader(Pos{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if i%500 == 0 {
			r.Close()
			if r, err = l.Reader(Pos{}); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := r.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	r.Close()
}

// TestAppendAllocations: a lone event pays for its group and for measuring the file. With others it shares both.
func TestAppendAllocations(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	evs := []*schemas.Envelope{typical()}
	got := testing.AllocsPerRun(200, func() {
		if _, err := l.Append(t.Context(), evs); err != nil {
			t.Errorf("Append: %v", err)
		}
	})
	if budget := 8.0; got > budget {
		t.Errorf("Append allocates %v times, want at most %v (%s)", got, budget, runtime.Version())
	}
}
