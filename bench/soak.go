package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// What a soak does, and what it calls flat and stuck.
const (
	soakShare    = 0.8 // of the maximum
	soakProbe    = 20 * time.Second
	soakInterval = 10 * time.Second
	standstill   = time.Minute // without a row, and the loader counts as stuck
	flatGrowth   = 0.05        // of the memory in the middle, by which it may have grown at the end
)

// soak runs the whole program for long near its limit: memory must be flat, and ClickHouse must hold every
// acknowledged event once.
func (b bench) soak(ctx context.Context, program string, long time.Duration) (err error) {
	text, err := describe(b.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "# Soak\n\nWritten by `make soak`; README.md says how it is done. Seed %d.\n\n%s\n", b.seed, text)
	data := filepath.Join(b.dir, "data")
	w, err := startWhole(ctx, program, data)
	if err != nil {
		return err
	}
	s := &soaking{bench: b, whole: w}
	err = s.run(ctx, long)
	if err = errors.Join(err, w.stop()); err != nil {
		return err
	}
	held, err := readStored(ctx, filepath.Join(data, "clickhouse"))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "- %d requests were refused by 429 or 503 and sent again\n", s.refused.Load())
	fmt.Fprintf(b.out, "- %d events acknowledged, %d stored, %d of them different, %d dead letters\n",
		s.acked.events.Load(), held.events, held.different, held.dead)
	if err := held.compare(&s.acked); err != nil {
		return err
	}
	fmt.Fprintln(b.out, "- **nothing lost, nothing doubled**: the ids in ClickHouse are those that were acknowledged, each once")
	return s.checkMemory()
}

// soaking is a soak under way.
type soaking struct {
	bench
	whole   *whole
	acked   tally
	refused atomic.Int64 // requests that were answered 429 or 503, and sent again
	rss     []float64    // MB, one for each interval
}

func (s *soaking) run(ctx context.Context, long time.Duration) error {
	t, err := s.whole.target(&s.acked)
	if err != nil {
		return err
	}
	l := load{target: t, connections: s.connections, events: 1, seed: s.seed, acked: s.acked.add, latency: &histogram{}, refused: &s.refused}
	most, err := s.probe(ctx, l, min(soakProbe, long/2))
	if err != nil {
		return err
	}
	l.seed++
	l.rate, l.duration = soakShare*most, long
	fmt.Fprintf(s.out, "The most that it brings to rest in ClickHouse is %.0f events/s; %.0f for %v, one a request.\n\n"+
		"| after | events/s | p50 ms | p99 ms | p99.9 ms | RSS MB | log MB | not yet in ClickHouse |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|--:|\n", most, l.rate, long)
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	var watched error
	watcher.Go(func() { watched = s.watch(watching, l.latency) })
	_, err = l.send(ctx)
	stop()
	watcher.Wait()
	if err := errors.Join(err, watched); err != nil {
		return err
	}
	if err := s.awaitLoaded(ctx); err != nil {
		return err
	}
	return s.checkLedger()
}

// probe finds the most that the program brings to rest: events per second from the first request to the moment when
// the last event is in ClickHouse, since what only piles up in the log would not last.
func (s *soaking) probe(ctx context.Context, l load, d time.Duration) (most float64, err error) {
	fmt.Fprintf(s.progress, "looking for the maximum, %v\n", d)
	l.duration, l.latency = d, nil
	start := time.Now()
	out, err := l.send(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.awaitLoaded(ctx); err != nil {
		return 0, err
	}
	return float64(out.requests) / time.Since(start).Seconds(), nil
}

// pending is how many events are in the log and not yet in ClickHouse.
func pending(m map[string]float64) float64 {
	return m["heed_wal_appended_events_total"] - m["heed_load_rows_total"] - m["heed_load_duplicates_total"] - m["heed_load_dead_letters_total"]
}

// awaitLoaded waits until every event is in ClickHouse.
func (s *soaking) awaitLoaded(ctx context.Context) error {
	least, moved := math.Inf(1), time.Now()
	for {
		m, err := s.whole.metrics()
		if err != nil {
			return err
		}
		left := pending(m)
		if left == 0 {
			return nil
		}
		if left < least {
			least, moved = left, time.Now()
		}
		if time.Since(moved) > standstill {
			return fmt.Errorf("%.0f events do not reach ClickHouse; %.0f segments of the log were found damaged", left,
				m["heed_wal_quarantined_segments_total"])
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// watch prints a row for each interval until ctx ends.
func (s *soaking) watch(ctx context.Context, latency *histogram) error {
	start, before := time.Now(), s.acked.events.Load()
	tick := time.NewTicker(soakInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		memory, err := s.whole.memory()
		if err != nil {
			return err
		}
		m, err := s.whole.metrics()
		if err != nil {
			return err
		}
		now := s.acked.events.Load()
		p50, p99, p999 := latency.take().milliseconds()
		s.rss = append(s.rss, float64(memory.resident)/(1<<20))
		fmt.Fprintf(s.out, "| %v | %.0f | %.2f | %.2f | %.2f | %d | %.0f | %.0f |\n", time.Since(start).Round(time.Second),
			float64(now-before)/soakInterval.Seconds(), p50, p99, p999, memory.resident>>20, m["heed_wal_size_bytes"]/(1<<20), pending(m))
		before = now
	}
}

// checkMemory prints how fast memory grew in the second half, when caches are full, and fails when that is not flat.
func (s *soaking) checkMemory() error {
	half := s.rss[len(s.rss)/2:]
	if len(half) < 2 {
		fmt.Fprintln(s.out, "- too short to say whether memory is flat")
		return nil
	}
	perInterval, middle := line(half)
	growth := perInterval * float64(len(half)-1)
	fmt.Fprintf(s.out, "- memory in the second half: %.0f MB, with a slope of %+.2f MB a minute\n",
		middle, perInterval*float64(time.Minute)/float64(soakInterval))
	if growth > flatGrowth*middle {
		return fmt.Errorf("memory is not flat: it grew by %.0f MB in the second half", growth)
	}
	return nil
}

// line fits a straight line through values and returns its slope per step and its middle: the medians of the slopes between
// all pairs and of the values (P. K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, 1968). A moment's
// merge in ClickHouse may take 300 MB; what grows does so between most pairs.
func line(values []float64) (slope, middle float64) {
	var slopes []float64
	for i, v := range values {
		for j, w := range values[i+1:] {
			slopes = append(slopes, (w-v)/float64(j+1))
		}
	}
	return median(slopes), median(values)
}
