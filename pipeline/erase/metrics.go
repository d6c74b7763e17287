package erase

import (
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// routineMetrics are what a routine counts about itself:
//
//	heed_erase_withdrawals_total         withdrawals of which nothing is left
//	heed_erase_waiting_withdrawals       withdrawals that are not finished, also those of the last minutes
//	heed_erase_oldest_waiting_seconds    for how long the oldest of them has been known; above an hour somebody must look
//	heed_erase_rows                      rows taken out of events, in all time and by all processes
//	heed_erase_dead_letters_total        dead letters whose bytes were taken away
//	heed_erase_errors_total              passes that failed and are repeated
type routineMetrics struct {
	set      *metrics.Set
	finished *metrics.Counter
	letters  *metrics.Counter
	failures *metrics.Counter
	waiting  atomic.Int64
	oldest   atomic.Int64 // seconds
	totals   atomic.Pointer[map[string]uint64]
}

func newMetrics() *routineMetrics {
	set := metrics.NewSet()
	m := &routineMetrics{
		set:      set,
		finished: set.NewCounter("heed_erase_withdrawals_total"),
		letters:  set.NewCounter("heed_erase_dead_letters_total"),
		failures: set.NewCounter("heed_erase_errors_total"),
	}
	set.NewGauge("heed_erase_waiting_withdrawals", func() float64 { return float64(m.waiting.Load()) })
	set.NewGauge("heed_erase_oldest_waiting_seconds", func() float64 { return float64(m.oldest.Load()) })
	set.NewGauge("heed_erase_rows", func() (sum float64) {
		if totals := m.totals.Load(); totals != nil {
			for _, n := range *totals {
				sum += float64(n)
			}
		}
		return sum
	})
	return m
}
