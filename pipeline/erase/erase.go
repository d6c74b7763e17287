package erase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
)

const (
	// settled is how long a withdrawal must have been readable before it is acted upon; doc.go says why.
	settled = 5 * time.Minute
	// passEvery is how often the routine looks for withdrawals. A mutation writes whole parts, so it takes what has come
	// together.
	passEvery = 10 * time.Minute
	// lookEvery is how often it looks whether the replaced parts are gone, and how many withdrawals wait.
	lookEvery = 15 * time.Second
	// maxPass bounds the withdrawals of a pass, hence the length of a statement. More follow in the next pass at once.
	maxPass = 1000
	// maxNeedles bounds the record ids that dead letters are searched for at once.
	maxNeedles = 200
	// overdue is when somebody has to look why a withdrawal is not finished. A pass takes half of it on a good day.
	overdue = time.Hour
	// warnEvery is how often a warning of the same cause is repeated at most.
	warnEvery = 10 * time.Minute
)

// Store is where erasing happens. *clickhouse.Store is one, and says what each method promises.
type Store interface {
	Unerased(ctx context.Context, readable time.Duration, limit int) ([]clickhouse.Withdrawal, error)
	Backlog(ctx context.Context) (waiting uint64, oldest time.Duration, err error)
	EraseRows(ctx context.Context, keys []clickhouse.RecordKey) error
	EraseClickIDs(ctx context.Context, keys []clickhouse.RecordKey) error
	DeadWith(ctx context.Context, records [][16]byte, yield func(clickhouse.DeadLetter) error) error
	Now(ctx context.Context) (time.Time, error)
	Lingering(ctx context.Context, replaced time.Time) (parts uint64, err error)
	MarkErased(ctx context.Context, withdrawals []clickhouse.Withdrawal, at time.Time) error
	ErasedTotals(ctx context.Context, origins ...string) (map[string]uint64, error)
}

var _ Store = (*clickhouse.Store)(nil)

// Letters are the dead letters. *load.DeadLetters is one.
type Letters interface {
	// Withdraw takes the bytes of a letter away when it carries one of the records, and says whether it does.
	Withdraw(ctx context.Context, letter clickhouse.DeadLetter, records map[clickhouse.RecordKey]bool) (bool, error)
}

var _ Letters = (*load.DeadLetters)(nil)

// Routine takes out of the store what visitors have withdrawn.
type Routine struct {
	store   Store
	letters Letters
	logger  *slog.Logger
	metrics *routineMetrics
	warned  time.Time
}

// New makes a routine. Run does the work. Letters are those of the store; nil where they lie in Kafka, which alone ends
// them.
func New(store Store, letters Letters, logger *slog.Logger) *Routine {
	return &Routine{store: store, letters: letters, logger: logger.With("component", "erase"), metrics: newMetrics()}
}

// Totals returns how many rows were erased by site, in all time and by whomever, as of the last pass of this routine; nil
// before the first. What it returns is not changed afterwards.
func (r *Routine) Totals() map[string]uint64 {
	if totals := r.metrics.totals.Load(); totals != nil {
		return *totals
	}
	return nil
}

// WriteMetrics writes the routine's metrics in Prometheus text format.
func (r *Routine) WriteMetrics(w io.Writer) { r.metrics.set.WritePrometheus(w) }

// Run erases until ctx ends, which it returns nil for. What fails is tried again: the store may be away for as long as it
// likes.
func (r *Routine) Run(ctx context.Context) error {
	for {
		more, err := r.Pass(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.metrics.failures.Inc()
			r.warn("erasing did not succeed, will try again", "err", err)
		case more:
			continue
		}
		if r.rest(ctx) != nil {
			return nil
		}
	}
}

// rest waits for the next pass. Meanwhile it says how many withdrawals wait.
func (r *Routine) rest(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for waited := time.Duration(0); waited < passEvery; waited += lookEvery {
		r.look(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// look notes how many withdrawals wait, and for how long.
func (r *Routine) look(ctx context.Context) {
	waiting, oldest, err := r.store.Backlog(ctx)
	if err != nil {
		return // the pass that fails for the same reason says so
	}
	r.metrics.waiting.Store(int64(waiting))
	r.metrics.oldest.Store(int64(oldest / time.Second))
	if oldest >= overdue {
		r.warn("withdrawn events are not erased yet", "withdrawals", waiting, "oldest", oldest)
	}
}

// warn says something at most once in warnEvery.
func (r *Routine) warn(message string, args ...any) {
	if !r.warned.IsZero() && time.Since(r.warned) < warnEvery {
		return
	}
	r.warned = time.Now()
	r.logger.Warn(message, args...)
}

// Pass takes up the withdrawals that have settled and returns when nothing is left of them. It takes at least as long as
// the engine keeps replaced parts, when there are any. More says that others are waiting already.
func (r *Routine) Pass(ctx context.Context) (more bool, err error) {
	withdrawals, err := r.store.Unerased(ctx, settled, maxPass)
	if err != nil {
		return false, err
	}
	if len(withdrawals) > 0 {
		if err := r.erase(ctx, withdrawals); err != nil {
			return false, err
		}
	}
	return len(withdrawals) == maxPass, r.count(ctx)
}

// erase takes everything of the withdrawals away.
func (r *Routine) erase(ctx context.Context, withdrawals []clickhouse.Withdrawal) error {
	var gone, stripped []clickhouse.RecordKey
	for _, w := range withdrawals {
		if w.Keeps == 0 {
			gone = append(gone, w.Key())
		} else {
			stripped = append(stripped, w.Key())
		}
	}
	if err := r.store.EraseRows(ctx, gone); err != nil {
		return err
	}
	if err := r.store.EraseClickIDs(ctx, stripped); err != nil {
		return err
	}
	// A letter is a whole event, whose click id cannot be taken out of it: it goes with either.
	if err := r.eraseLetters(ctx, append(gone, stripped...)); err != nil {
		return err
	}
	if err := r.count(ctx); err != nil {
		return err
	}
	replaced, err := r.awaitDisk(ctx)
	if err != nil {
		return err
	}
	if err := r.store.MarkErased(ctx, withdrawals, replaced); err != nil {
		return err
	}
	r.metrics.finished.Add(len(withdrawals))
	return nil
}

// eraseLetters takes the bytes of the dead letters away that carry one of the records.
func (r *Routine) eraseLetters(ctx context.Context, keys []clickhouse.RecordKey) error {
	if r.letters == nil {
		return nil
	}
	records := make(map[clickhouse.RecordKey]bool, len(keys))
	for _, key := range keys {
		records[key] = true
	}
	for len(keys) > 0 {
		n := min(maxNeedles, len(keys))
		if err := r.searchLetters(ctx, keys[:n], records); err != nil {
			return fmt.Errorf("erase dead letters: %w", err)
		}
		keys = keys[n:]
	}
	return nil
}

func (r *Routine) searchLetters(ctx context.Context, keys []clickhouse.RecordKey, records map[clickhouse.RecordKey]bool) error {
	needles := make([][16]byte, len(keys))
	for i, key := range keys {
		needles[i] = key.Record
	}
	var found []clickhouse.DeadLetter // few: nothing may be changed while the store reads
	err := r.store.DeadWith(ctx, needles, func(letter clickhouse.DeadLetter) error {
		if found = append(found, letter); len(found) > maxPass {
			return errManyLetters
		}
		return nil
	})
	again := errors.Is(err, errManyLetters)
	if err != nil && !again {
		return err
	}
	erased := 0
	for _, letter := range found {
		did, err := r.letters.Withdraw(ctx, letter, records)
		if err != nil {
			return err
		}
		if did {
			erased++
		}
	}
	r.metrics.letters.Add(erased)
	if again && erased > 0 {
		return r.searchLetters(ctx, keys, records)
	}
	return nil
}

// errManyLetters ends a search whose results are dealt with before the next.
var errManyLetters = errors.New("many letters")

// awaitDisk returns when no part that has been replaced by now is on a disk, and what now was.
func (r *Routine) awaitDisk(ctx context.Context) (now time.Time, err error) {
	if now, err = r.store.Now(ctx); err != nil {
		return now, err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		parts, err := r.store.Lingering(ctx, now)
		if err != nil || parts == 0 {
			return now, err
		}
		r.look(ctx)
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-tick.C:
		}
	}
}

// count reads how many rows were erased in all time.
func (r *Routine) count(ctx context.Context) error {
	totals, err := r.store.ErasedTotals(ctx)
	if err != nil {
		return err
	}
	r.metrics.totals.Store(&totals)
	return nil
}
