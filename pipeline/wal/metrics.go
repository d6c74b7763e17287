package wal

import (
	"errors"
	"io"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// counters are the log's metrics, each with what it means.
type counters struct {
	set *metrics.Set

	events      *metrics.Counter   // events made durable
	groups      *metrics.Counter   // records made durable, each with one write and one fsync
	bytes       *metrics.Counter   // encoded bytes of those events
	commit      *metrics.Histogram // seconds from a group's write to the end of its fsync
	full        *metrics.Counter   // appends and groups refused with ErrFull
	errors      *metrics.Counter   // groups and segment changes that the disk refused, for whatever reason
	quarantined *metrics.Counter   // segments found damaged
}

func newCounters(l *Log) *counters {
	s := metrics.NewSet()
	c := &counters{
		set:         s,
		events:      s.NewCounter("heed_wal_appended_events_total"),
		groups:      s.NewCounter("heed_wal_groups_total"),
		bytes:       s.NewCounter("heed_wal_appended_bytes_total"),
		commit:      s.NewHistogram("heed_wal_commit_duration_seconds"),
		full:        s.NewCounter("heed_wal_full_total"),
		errors:      s.NewCounter("heed_wal_errors_total"),
		quarantined: s.NewCounter("heed_wal_quarantined_segments_total"),
	}
	// 1 when the process before this one ended without closing the log.
	unclean := s.NewCounter("heed_wal_unclean_shutdowns_total")
	if l.unclean {
		unclean.Inc()
	}
	gauge := func(name string, f func() int64) {
		s.NewGauge(name, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return float64(f())
		})
	}
	gauge("heed_wal_waiting_bytes", func() int64 { return l.waiting })                     // appended, not yet durable
	gauge("heed_wal_size_bytes", l.bytesLocked)                                            // segments and waiting bytes
	gauge("heed_wal_limit_bytes", func() int64 { return l.cfg.MaxBytes })                  // Config.MaxBytes
	gauge("heed_wal_segment", func() int64 { return int64(l.tail.segment) })               // number of the segment being written
	gauge("heed_wal_segments", func() int64 { return int64(l.tail.segment-l.oldest) + 1 }) // segments on disk
	return c
}

func (c *counters) committed(g *group, took time.Duration) {
	c.events.AddInt64(int64(g.next))
	c.groups.Inc()
	c.bytes.AddInt64(int64(len(g.buf)))
	c.commit.Update(took.Seconds())
}

func (c *counters) failed(err error) {
	c.errors.Inc()
	if errors.Is(err, ErrFull) {
		c.full.Inc()
	}
}

// WriteMetrics writes the log's metrics in Prometheus text format.
func (l *Log) WriteMetrics(w io.Writer) { l.metrics.set.WritePrometheus(w) }
