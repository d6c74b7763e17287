package records

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// fault says at which step a consent record turned out not to be a row.
type fault string

// All faults, as the metric has them.
const (
	damaged     fault = "damaged"     // its bytes are no envelope
	invalid     fault = "invalid"     // its bytes are no record
	conflicting fault = "conflicting" // another record with its id is chained
)

// loaderMetrics are the loader's counters.
type loaderMetrics struct {
	set       *metrics.Set
	rows      *metrics.Counter           // consent records chained
	doubles   *metrics.Counter           // consent records that were chained before
	withdrawn *metrics.Counter           // withdrawals of earlier grants among them
	dead      map[fault]*metrics.Counter // consent records stored as dead letters, by what was wrong with them
	failures  *metrics.Counter           // attempts that failed and were made again
	fenced    *metrics.Counter           // times that another loader had taken over
	lag       atomic.Int64               // ms from receipt to rest of the first record of the last batch
}

func newLoaderMetrics() *loaderMetrics {
	set := metrics.NewSet()
	m := &loaderMetrics{
		set:       set,
		rows:      set.NewCounter("heed_records_rows_total"),
		doubles:   set.NewCounter("heed_records_duplicates_total"),
		withdrawn: set.NewCounter("heed_records_withdrawals_total"),
		dead:      map[fault]*metrics.Counter{},
		failures:  set.NewCounter("heed_records_store_errors_total"),
		fenced:    set.NewCounter("heed_records_fenced_total"),
	}
	for _, fault := range []fault{damaged, invalid, conflicting} {
		m.dead[fault] = set.NewCounter(fmt.Sprintf("heed_records_dead_letters_total{fault=%q}", string(fault)))
	}
	set.NewGauge("heed_records_lag_seconds", func() float64 { return float64(m.lag.Load()) / 1000 })
	return m
}

// rested counts a batch that is at rest.
func (m *loaderMetrics) rested(b *batch, c chained) {
	m.rows.Add(len(c.rows))
	m.doubles.Add(c.doubles)
	m.withdrawn.Add(len(c.withdrawn))
	if len(b.records) > 0 {
		m.lag.Store(time.Now().UnixMilli() - b.records[0].record.TimeMS)
	}
}

// notaryMetrics are the notary's counters.
type notaryMetrics struct {
	set      *metrics.Set
	roots    *metrics.Counter // roots signed
	sent     *metrics.Counter // roots that every destination has
	failures *metrics.Counter // tries to send a root that failed
	errors   *metrics.Counter // rounds over all chains that failed and were made again
	expired  *metrics.Counter // times that the rows before a root were removed
	unsent   atomic.Int64     // roots that some destination does not have yet
	broken   atomic.Int64     // chains that did not hold when they were read last
}

func newNotaryMetrics() *notaryMetrics {
	set := metrics.NewSet()
	m := &notaryMetrics{
		set:      set,
		roots:    set.NewCounter("heed_records_roots_total"),
		sent:     set.NewCounter("heed_records_roots_sent_total"),
		failures: set.NewCounter("heed_records_send_errors_total"),
		errors:   set.NewCounter("heed_records_notary_errors_total"),
		expired:  set.NewCounter("heed_records_expiries_total"),
	}
	set.NewGauge("heed_records_roots_unsent", func() float64 { return float64(m.unsent.Load()) })
	set.NewGauge("heed_records_chains_broken", func() float64 { return float64(m.broken.Load()) })
	return m
}

// forget says nothing any more of what another process may by now look after.
func (m *notaryMetrics) forget() {
	m.unsent.Store(0)
	m.broken.Store(0)
}
