package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/wal"
	"heed/schemas"
)

// The first and the longest pause between two tries while ClickHouse does not answer.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
)

// Config says how events are gathered into batches.
type Config struct {
	// MaxRows ends a batch; a batch exceeds it by at most one group of the log. Default 20,000.
	MaxRows int
	// MaxWait ends a batch that long after its first event was read. Default 500 ms.
	MaxWait time.Duration
	// RecentIDs is how many ids of loaded events are held in memory at most, about 60 bytes each. Default 4 million.
	RecentIDs int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate fills in defaults and reports every value that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, message string) {
		if !ok {
			errs = append(errs, errors.New(message))
		}
	}
	check(c.MaxRows >= 0 && c.MaxRows <= 1_000_000, "load.max_rows: must be between 1 and 1,000,000")
	check(c.MaxWait >= 0 && c.MaxWait <= time.Minute, "load.max_wait: must be between 1ms and 1m")
	check(c.RecentIDs >= 0 && c.RecentIDs <= 100_000_000, "load.recent_ids: must be between 1 and 100,000,000")
	if c.MaxRows == 0 {
		c.MaxRows = 20_000
	}
	if c.MaxWait == 0 {
		c.MaxWait = 500 * time.Millisecond
	}
	if c.RecentIDs == 0 {
		c.RecentIDs = 4_000_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return errors.Join(errs...)
}

// Store is where rows come to rest. *clickhouse.Store is one. Each method returns after the outcome is known, or
// with an error after which it is not.
type Store interface {
	// Insert stores rows of one partition in one block. The same token does not store twice.
	Insert(ctx context.Context, token string, rows []clickhouse.Row) error
	// InsertDead stores what cannot be a row. The same token does not store twice.
	InsertDead(ctx context.Context, token string, letters []clickhouse.DeadLetter) error
	// Present returns which rows of origin are stored at the positions from … to, at least; more do no harm.
	Present(ctx context.Context, origin string, from, to schemas.Source) ([]clickhouse.Stored, error)
	// HasIDs returns the positions of those events that are stored.
	HasIDs(ctx context.Context, keys []clickhouse.EventKey) (map[clickhouse.EventKey]schemas.Source, error)
	// RecentIDs yields at most limit events loaded since then, the newest first.
	RecentIDs(ctx context.Context, since time.Time, limit int,
		yield func(key clickhouse.EventKey, source schemas.Source, loaded time.Time) error) error
}

var _ Store = (*clickhouse.Store)(nil)

// ErrFenced means that another Loader has taken over: this one has to stop at once and may not insert any more.
var ErrFenced = errors.New("another loader has taken over the log")

// Parts are what a Loader works with.
type Parts struct {
	// Log is what is loaded.
	Log Log
	// Plans keeps the plan of this log.
	Plans Plans
	// Store is where rows go.
	Store Store
}

// Loader moves events from one log, or one partition of it, into a store. It is the only one to do so as long as its
// Plans say so.
type Loader struct {
	cfg     Config
	log     Log
	plans   Plans
	store   Store
	logger  *slog.Logger
	metrics *loadMetrics
	now     func() time.Time

	plan    Plan
	recent  *recentIDs
	ends    ends          // of the batch in hand
	stamped time.Time     // the latest time of load that any row has
	done    chan struct{} // closed when Run has returned

	progress atomic.Pointer[Progress]
	oldest   atomic.Int64 // ms, receipt of the first event of the batch in hand; 0 when there is none
}

// Open reads the plan that an earlier Loader has left. Run does the work.
func Open(ctx context.Context, cfg Config, parts Parts, logger *slog.Logger) (*Loader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := parts.Plans.Read(ctx)
	if err != nil {
		return nil, err
	}
	if p.Since.IsZero() {
		p.Since = cfg.Now().UTC() // where nothing has been counted yet, counting begins now
	}
	if p.Log != parts.Log.ID() { // none, or of another log: all of this one is to be read
		p = Plan{Log: parts.Log.ID(), Since: p.Since, Sites: p.Sites}
	}
	l := &Loader{
		cfg:     cfg,
		log:     parts.Log,
		plans:   parts.Plans,
		store:   parts.Store,
		logger:  logger.With("component", "load"),
		metrics: newMetrics(),
		now:     cfg.Now,
		plan:    p,
		recent:  newRecentIDs(cfg.RecentIDs, cfg.Now()),
		done:    make(chan struct{}),
	}
	l.progress.Store(&Progress{Pos: p.From, Since: p.Since, Sites: p.Sites})
	return l, nil
}

// Run loads until the log is closed and read to its end, which returns nil, or until ctx ends. Only an envelope from
// a newer program and a successor (ErrFenced) stop it otherwise: ClickHouse may be away, and the disk full, for as long as they like. Run is
// called once.
func (l *Loader) Run(ctx context.Context) error {
	defer close(l.done)
	if err := l.recover(ctx); err != nil {
		return err
	}
	reader, err := l.log.Reader(l.plan.To)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer reader.Close()
	for {
		batch, err := l.gather(ctx, reader)
		if batch != nil {
			if err := l.load(ctx, batch); err != nil {
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

// Wait returns when Run has, or with ctx's error.
func (l *Loader) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Totals says what a loader has done since Open.
type Totals struct {
	Loaded  uint64 // rows that ClickHouse has now
	Doubles uint64 // events that it had already
	Dead    uint64 // events that could not be rows
}

// Totals returns what has been done since Open.
func (l *Loader) Totals() Totals {
	return Totals{
		Loaded:  l.metrics.rows.Get(),
		Doubles: l.metrics.doubles.Get(),
		Dead:    l.metrics.dead.Get(),
	}
}

// WriteMetrics writes the loader's metrics in Prometheus text format.
func (l *Loader) WriteMetrics(w io.Writer) { l.metrics.set.WritePrometheus(w) }

// load brings one batch to rest: plan, insert, and only then let go of the log before it.
func (l *Loader) load(ctx context.Context, b *batch) error {
	if err := l.write(ctx, b.from, b.to); err != nil {
		return err
	}
	l.trim()
	return l.rest(ctx, b, l.insert)
}

// write makes a plan durable, with the counts of what has ended before it. It tries until the disk takes it or ctx
// ends: a full disk must not stop the loader, whose trimming of the log is what makes room.
func (l *Loader) write(ctx context.Context, from, to wal.Pos) error {
	last := l.Progress()
	l.plan = Plan{Version: planVersion, Log: l.log.ID(), From: from, To: to, Since: last.Since, Sites: last.Sites}
	return l.retry(ctx, "write plan", func() error { return l.plans.Write(ctx, l.plan) })
}

// recover settles what the plan of an earlier process had begun.
func (l *Loader) recover(ctx context.Context) error {
	err := l.retry(ctx, "read recent ids", func() error {
		l.recent = newRecentIDs(l.cfg.RecentIDs, l.now())
		return l.recent.rebuild(ctx, l.store, l.now(), l.planned)
	})
	l.stamped = l.recent.newest
	if err != nil || !l.plan.pending() {
		return err
	}
	b, err := l.reread(ctx)
	if err != nil {
		return err
	}
	l.metrics.recoveries.Inc()
	return l.rest(ctx, b, l.settle)
}

// rest stores a batch's dead letters and, block by block, the rows that are no doubles. Only then its events count as
// ended.
func (l *Loader) rest(ctx context.Context, b *batch, store func(context.Context, *block) error) error {
	l.ends = ends{}
	if err := l.bury(ctx, b.dead); err != nil {
		return err
	}
	rows, err := l.dropDoubles(ctx, b)
	if err != nil {
		return err
	}
	for _, block := range blocks(rows) {
		if err := store(ctx, block); err != nil {
			return err
		}
		l.ends.stored(block.rows)
		l.metrics.rows.Add(len(block.rows))
		l.metrics.observeLag(block.rows, l.now())
	}
	l.metrics.batches.Inc()
	l.advance()
	return nil
}

// finish writes down that nothing is planned any more and lets go of the log.
func (l *Loader) finish(ctx context.Context) error {
	if err := l.write(ctx, l.plan.To, l.plan.To); err != nil {
		return err
	}
	l.trim()
	return nil
}

// trim lets go of the log before the plan. Failing costs disk, not data, and the next batch tries again.
func (l *Loader) trim() {
	if err := l.log.Trim(l.plan.From); err != nil {
		l.logger.Warn("trim log", "err", err)
	}
}

// planned reports whether a position lies in the range of the current plan.
func (l *Loader) planned(s schemas.Source) bool {
	if s.Origin != l.plan.Log {
		return false
	}
	at := wal.Pos{Segment: s.Partition, Record: s.Offset}
	return !at.Before(l.plan.From) && at.Before(l.plan.To)
}

// retry calls try until it succeeds, with growing pauses. It gives up only when ctx ends.
func (l *Loader) retry(ctx context.Context, what string, try func() error) error {
	for pause := firstPause; ; pause = min(pause*2, maxPause) {
		err := try()
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrFenced) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.metrics.failures.Inc()
		l.logger.Warn("a step did not succeed, will try again", "step", what, "pause", pause, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}
