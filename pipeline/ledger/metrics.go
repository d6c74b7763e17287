package ledger

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// errorCounts are the errors since Open.
type errorCounts struct {
	flush   atomic.Uint64
	follow  atomic.Uint64
	publish atomic.Uint64
}

// WriteMetrics writes the accounts in Prometheus text format. Labels are sites and codes, both closed sets; counters
// go on where the process before this one left them.
//
//	heed_ledger_arrived_total{site}            well-framed events; a refused body counts once
//	heed_ledger_rejected_total{site,code}      of those, refused
//	heed_ledger_accepted_total{site}           of those, durable: the sum of the five below
//	heed_ledger_stored_total{site}             rows in ClickHouse; goes down when stored rows are erased
//	heed_ledger_duplicates_total{site}         sent again; another copy is stored
//	heed_ledger_withdrawn_total{site}          not stored, or erased: the visitor has withdrawn
//	heed_ledger_dead_letters_total{site}       could not be stored
//	heed_ledger_pending_events{site}           in the log, on their way
//	heed_ledger_oldest_undelivered_seconds     since the oldest pending event was received; 0 when none is pending
//	heed_ledger_flush_errors_total             times the rejected events could not be written down
//	heed_ledger_follow_errors_total            times the log could not be read
func (l *Ledger) WriteMetrics(w io.Writer) {
	for _, a := range l.Accounts() {
		counter := func(name string, n uint64) {
			metrics.WriteCounterUint64(w, fmt.Sprintf("heed_ledger_%s_total{site=%q}", name, a.Site), n)
		}
		counter("arrived", a.Arrived)
		for _, code := range slices.Sorted(maps.Keys(a.Rejected.Codes)) {
			name := fmt.Sprintf("heed_ledger_rejected_total{site=%q,code=%q}", a.Site, code)
			metrics.WriteCounterUint64(w, name, a.Rejected.Codes[code])
		}
		counter("accepted", a.Accepted.Total)
		counter("stored", a.Accepted.Stored)
		counter("duplicates", a.Accepted.Duplicate)
		counter("withdrawn", a.Accepted.Withdrawn)
		counter("dead_letters", a.Accepted.Dead)
		metrics.WriteGaugeUint64(w, fmt.Sprintf("heed_ledger_pending_events{site=%q}", a.Site), a.Accepted.Pending)
	}
	age := 0.0
	if received, ok := l.Oldest(); ok {
		age = max(0, l.cfg.Now().Sub(received).Seconds())
	}
	metrics.WriteGaugeFloat64(w, "heed_ledger_oldest_undelivered_seconds", age)
	metrics.WriteCounterUint64(w, "heed_ledger_flush_errors_total", l.errors.flush.Load())
	metrics.WriteCounterUint64(w, "heed_ledger_follow_errors_total", l.errors.follow.Load())
}
