package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// Config says how records are gathered into batches. The zero value works.
type Config struct {
	// MaxRecords ends a batch; a batch exceeds it by at most one group of the log. Default 2,000.
	MaxRecords int
	// MaxBytes ends a batch by the size of its records, likewise. Default 16 MiB.
	MaxBytes int
	// MaxWait ends a batch that long after its first record was read. Default 500 ms.
	MaxWait time.Duration
	// Shared says that other processes may take the log over, as in a consumer group.
	Shared bool
}

// Validate fills in defaults and reports every value that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, message string) {
		if !ok {
			errs = append(errs, errors.New(message))
		}
	}
	check(c.MaxRecords >= 0 && c.MaxRecords <= 100_000, "records: batches hold between 1 and 100,000 records")
	check(c.MaxBytes >= 0 && c.MaxBytes <= 1<<30, "records: batches hold between 1 byte and 1 GiB")
	check(c.MaxWait >= 0 && c.MaxWait <= time.Minute, "records: batches wait between 1ms and 1m")
	if c.MaxRecords == 0 {
		c.MaxRecords = 2000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 16 << 20
	}
	if c.MaxWait == 0 {
		c.MaxWait = 500 * time.Millisecond
	}
	return errors.Join(errs...)
}

// Chains is what chains are read from. *clickhouse.Store is one. What one process has inserted any other reads at once.
type Chains interface {
	// Records yields the rows of a site from an index on, in the order of their index.
	Records(ctx context.Context, site string, from uint64) iter.Seq2[clickhouse.ConsentRow, error]
	// Roots returns the roots of a site, the smallest first, or of all sites when site is empty.
	Roots(ctx context.Context, site string) ([]clickhouse.Root, error)
}

// Store is where records come to rest. *clickhouse.Store is one. After an error the outcome is not known.
type Store interface {
	Chains
	// Now is the store's clock.
	Now(ctx context.Context) (time.Time, error)
	// RecordsByID returns the rows of a site that hold one of the records.
	RecordsByID(ctx context.Context, site string, ids []record.ID) (map[record.ID]record.Row, error)
	// InsertRecords stores all rows or none. The same token does not store twice; 10,000 at least are remembered. Rows
	// whose Loaded is over a minute old when they arrive are refused.
	InsertRecords(ctx context.Context, token string, rows []clickhouse.ConsentRow) error
	// PutWithdrawn stores what was withdrawn. To put it again changes nothing.
	PutWithdrawn(ctx context.Context, withdrawn []clickhouse.Withdrawal) error
}

// Parts are what a Loader works with.
type Parts struct {
	Log   load.Log      // consent records and nothing else
	Plans load.Plans    // keeps the plan of this log
	Store Store         // where rows go
	Dead  load.DeadSink // where those go that cannot be rows
}

// Loader chains the records of one log, or one partition of it. It is the only one to do so as long as its Plans say so.
type Loader struct {
	Parts
	cfg     Config
	logger  *slog.Logger
	metrics *loaderMetrics

	plan      load.Plan
	inherited bool                     // the plan in hand was begun by another Loader, which may still be sending
	begun     bool                     // the plan in hand was begun by this Loader, and nothing has failed since
	burnt     int                      // tokens of the plan in hand that are remembered without their part
	chains    map[string]*record.Chain // by site: those that nothing has failed with
	done      chan struct{}            // closed when Run has returned
}

// Open reads the plan that an earlier Loader has left. Run does the work.
func Open(ctx context.Context, cfg Config, parts Parts, logger *slog.Logger) (*Loader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	plan, err := parts.Plans.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read plan of consent records: %w", err)
	}
	if plan.Log != parts.Log.ID() { // none, or of another log: all of this one is to be read
		plan = load.Plan{Log: parts.Log.ID()}
	}
	return &Loader{
		Parts: parts, cfg: cfg, logger: logger.With("component", "records"), metrics: newLoaderMetrics(),
		plan: plan, inherited: cfg.Shared && plan.From != plan.To, chains: map[string]*record.Chain{}, done: make(chan struct{}),
	}, nil
}

// Run chains until the log is closed and read to its end, which returns nil, or until ctx ends. A log that is closed before
// a batch that was planned earlier could be read again also returns nil, and leaves the plan to whoever comes next. Only a record of a newer
// version (schemas.ErrTooNew, record.ErrTooNew) and a successor (load.ErrFenced) stop it otherwise: the store may be away,
// and the disk full, for as long as they like. Run is called once.
func (l *Loader) Run(ctx context.Context) error {
	defer close(l.done)
	err := l.run(ctx)
	if errors.Is(err, load.ErrFenced) {
		l.metrics.fenced.Inc()
	}
	return err
}

func (l *Loader) run(ctx context.Context) error {
	if l.plan.From != l.plan.To {
		b, err := l.reread(ctx)
		if errors.Is(err, wal.ErrClosed) {
			return nil // stopped before the planned batch could be read: it stays planned, for whoever comes next
		}
		if err != nil {
			return err
		}
		if err := l.rest(ctx, b); err != nil {
			return err
		}
	}
	reader, err := l.Log.Reader(l.plan.To)
	if err != nil {
		return fmt.Errorf("read consent log: %w", err)
	}
	defer reader.Close()
	for {
		b, err := l.gather(ctx, reader)
		if b != nil {
			l.plan = load.Plan{Log: l.Log.ID(), From: b.from, To: b.to}
			l.inherited, l.begun, l.burnt = false, true, 0
			if err := l.rest(ctx, b); err != nil {
				return err
			}
		}
		if errors.Is(err, wal.ErrClosed) {
			return l.finish(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// finish writes down that nothing is planned any more and lets go of the log.
func (l *Loader) finish(ctx context.Context) error {
	if l.plan.From == l.plan.To {
		return nil
	}
	l.plan.From = l.plan.To
	return l.retry(ctx, "write plan", func() error { return l.prove(ctx) })
}

// prove writes the plan, which only its owner can, and lets go of the log before it. That failing costs disk, not data.
func (l *Loader) prove(ctx context.Context) error {
	if err := l.Plans.Write(ctx, l.plan); err != nil {
		return err
	}
	if err := l.Log.Trim(l.plan.From); err != nil {
		l.logger.Warn("trim consent log", "err", err)
	}
	return nil
}

// Wait returns when Run has, or with ctx's error.
func (l *Loader) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WriteMetrics writes the loader's metrics in Prometheus text format.
func (l *Loader) WriteMetrics(w io.Writer) { l.metrics.set.WritePrometheus(w) }
