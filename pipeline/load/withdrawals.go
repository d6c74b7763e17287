package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"heed/pipeline/clickhouse"
)

const (
	// maxWithdrawals is how many ended records are held in memory, about 60 bytes each. Where there are more, the store
	// is asked for the records of each batch instead.
	maxWithdrawals = 1_000_000
	// askEvery is how long an answer of the store serves further questions.
	askEvery = time.Second
)

// WithdrawnStore knows the consent records that were ended. *clickhouse.Store is one.
type WithdrawnStore interface {
	// Withdrawn returns those of the keys that were ended, and which categories remain to their events: 0, none, or that
	// of performance, and then it was the advertising one that was taken.
	Withdrawn(ctx context.Context, keys []clickhouse.RecordKey) (map[clickhouse.RecordKey]uint8, error)
	// WithdrawnSince yields what was ended in the last age, at least, or in all time when age is 0, limit records at
	// most. One that was ended twice may be yielded twice; what both have left remains.
	WithdrawnSince(ctx context.Context, age time.Duration, limit int, yield func(key clickhouse.RecordKey, keeps uint8) error) error
}

var _ WithdrawnStore = (*clickhouse.Store)(nil)

// Withdrawals remembers which consent records were ended. All Loaders of a process can share one: then the store is asked
// at most once in a second, and only for what is new. It may be used by several goroutines.
type Withdrawals struct {
	store WithdrawnStore
	now   func() time.Time
	limit int

	mu    sync.Mutex
	ended map[clickhouse.RecordKey]uint8 // nil before the first answer, and when there are more than limit
	asked time.Time                      // when the last question began that was answered
}

// NewWithdrawals opens the memory; now is the clock, nil for time.Now.
func NewWithdrawals(store WithdrawnStore, now func() time.Time) *Withdrawals {
	if now == nil {
		now = time.Now
	}
	return &Withdrawals{store: store, now: now, limit: maxWithdrawals}
}

// among returns those records of rows that were ended, with what remains to their events, and when the store was asked:
// what it could answer then is in it.
func (w *Withdrawals) among(ctx context.Context, rows []clickhouse.Row) (ended map[clickhouse.RecordKey]uint8, asked time.Time, err error) {
	if !slices.ContainsFunc(rows, func(row clickhouse.Row) bool { return len(row.Envelope.Record) > 0 }) {
		return nil, w.now(), nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refreshLocked(ctx); err != nil {
		return nil, asked, err
	}
	if w.ended == nil {
		asked = w.now()
		ended, err = w.store.Withdrawn(ctx, recordsOf(rows))
		return ended, asked, err
	}
	if len(w.ended) == 0 {
		return nil, w.asked, nil
	}
	ended = map[clickhouse.RecordKey]uint8{}
	for _, row := range rows {
		key, _ := recordOf(row.Envelope)
		if keeps, ok := w.ended[key]; ok {
			ended[key] = keeps
		}
	}
	return ended, w.asked, nil
}

// errTooMany ends the reading of more withdrawals than memory is to hold.
var errTooMany = errors.New("more withdrawals than are held in memory")

// refreshLocked asks for what was ended since the last question. It goes by the clock on the wall, since the other one
// stands still while a machine is suspended; after a step back everything is asked for anew.
func (w *Withdrawals) refreshLocked(ctx context.Context) error {
	now := w.now().Round(0)
	age := now.Sub(w.asked)
	switch {
	case !w.asked.IsZero() && w.ended == nil: // too many
		return nil
	case w.asked.IsZero() || age < 0:
		w.ended, age = map[clickhouse.RecordKey]uint8{}, 0
	case age < askEvery:
		return nil
	}
	err := w.store.WithdrawnSince(ctx, age, w.limit+1, func(key clickhouse.RecordKey, keeps uint8) error {
		if before, known := w.ended[key]; known {
			keeps &= before
		}
		if w.ended[key] = keeps; len(w.ended) > w.limit {
			return errTooMany
		}
		return nil
	})
	switch {
	case errors.Is(err, errTooMany):
		w.ended = nil
	case err != nil && w.asked.IsZero():
		w.ended = nil // half of it is nothing
		return err
	case err != nil:
		return err
	}
	w.asked = now
	return nil
}
