package clickhouse

import (
	"errors"
	"io"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// storeMetrics are what a store counts about itself:
//
//	heed_clickhouse_rows_inserted_total          rows of blocks that were acknowledged, repeats included
//	heed_clickhouse_insert_seconds               how long an insert takes, encoding and fsync included
//	heed_clickhouse_insert_errors_total{kind=…}  inserts that failed: refused (the data is at
//	                                             fault), busy (no room: parts, memory, disk, queries) or outage
//	heed_clickhouse_dead_letters_total           dead letters written
//	heed_clickhouse_served_total{result=…}       requests to the engine's Handler: run, busy (503) or denied (403)
type storeMetrics struct {
	set      *metrics.Set
	rows     *metrics.Counter
	seconds  *metrics.Histogram
	refused  *metrics.Counter
	crowded  *metrics.Counter
	outages  *metrics.Counter
	deadRows *metrics.Counter

	served, busy, denied *metrics.Counter
}

func newStoreMetrics() storeMetrics {
	set := metrics.NewSet()
	return storeMetrics{
		set:      set,
		rows:     set.NewCounter("heed_clickhouse_rows_inserted_total"),
		seconds:  set.NewHistogram("heed_clickhouse_insert_seconds"),
		refused:  set.NewCounter(`heed_clickhouse_insert_errors_total{kind="refused"}`),
		crowded:  set.NewCounter(`heed_clickhouse_insert_errors_total{kind="busy"}`),
		outages:  set.NewCounter(`heed_clickhouse_insert_errors_total{kind="outage"}`),
		deadRows: set.NewCounter("heed_clickhouse_dead_letters_total"),
		served:   set.NewCounter(`heed_clickhouse_served_total{result="run"}`),
		busy:     set.NewCounter(`heed_clickhouse_served_total{result="busy"}`),
		denied:   set.NewCounter(`heed_clickhouse_served_total{result="denied"}`),
	}
}

// inserted notes the end of an insert that began at start.
func (m storeMetrics) inserted(rows *metrics.Counter, n int, start time.Time, err error) {
	m.seconds.UpdateDuration(start)
	switch {
	case err == nil:
		rows.Add(n)
	case errors.Is(err, ErrRefused):
		m.refused.Inc()
	case errors.Is(err, ErrBusy):
		m.crowded.Inc()
	default:
		m.outages.Inc()
	}
}

// WriteMetrics writes the store's metrics in Prometheus' text format.
func (s *Store) WriteMetrics(w io.Writer) { s.metrics.set.WritePrometheus(w) }
