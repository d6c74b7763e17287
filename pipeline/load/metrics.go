package load

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"heed/pipeline/clickhouse"
)

// loadMetrics are the loader's counters.
type loadMetrics struct {
	set        *metrics.Set
	rows       *metrics.Counter           // rows stored in ClickHouse
	doubles    *metrics.Counter           // events dropped because they were stored already
	withdrawn  *metrics.Counter           // events dropped because the visitor had ended their consent record
	dead       map[fault]*metrics.Counter // events stored as dead letters, by what was wrong with them
	batches    *metrics.Counter           // batches brought to rest
	failures   *metrics.Counter           // steps of ClickHouse, or writes of the plan, that failed and were tried again
	recoveries *metrics.Counter           // planned batches settled after a start
	fenced     *metrics.Counter           // times that another loader had taken over
	pending    atomic.Int64               // rows of the batch in hand
	lag        atomic.Int64               // ms from receipt to rest of the first row of the last block
}

func newMetrics() *loadMetrics {
	set := metrics.NewSet()
	m := &loadMetrics{
		set:        set,
		rows:       set.NewCounter("heed_load_rows_total"),
		doubles:    set.NewCounter("heed_load_duplicates_total"),
		withdrawn:  set.NewCounter("heed_load_withdrawn_total"),
		dead:       map[fault]*metrics.Counter{},
		batches:    set.NewCounter("heed_load_batches_total"),
		failures:   set.NewCounter("heed_load_store_errors_total"),
		recoveries: set.NewCounter("heed_load_recoveries_total"),
		fenced:     set.NewCounter("heed_load_fenced_total"),
	}
	for _, fault := range []fault{damaged, invalid, refused} {
		m.dead[fault] = set.NewCounter(fmt.Sprintf("heed_load_dead_letters_total{fault=%q}", string(fault)))
	}
	set.NewGauge("heed_load_pending_rows", func() float64 { return float64(m.pending.Load()) })
	set.NewGauge("heed_load_lag_seconds", func() float64 { return float64(m.lag.Load()) / 1000 })
	return m
}

// deadTotal counts dead letters of all faults.
func (m *loadMetrics) deadTotal() (n uint64) {
	for _, counter := range m.dead {
		n += counter.Get()
	}
	return n
}

// observeLag notes how long the oldest of rows took from receipt to rest.
func (m *loadMetrics) observeLag(rows []clickhouse.Row, now time.Time) {
	if len(rows) > 0 {
		m.lag.Store(now.UnixMilli() - rows[0].Envelope.ReceivedMs)
	}
}
