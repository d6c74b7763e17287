package load

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"heed/pipeline/wal"
	"heed/schemas"
)

// ErrFenced means that another Loader has taken over: this one has to stop at once and may not insert any more.
var ErrFenced = errors.New("another loader has taken over the log")

// Config says how events are gathered into batches.
type Config struct {
	// MaxRows ends a batch; a batch exceeds it by at most one group of the log. Default 20,000.
	MaxRows int
	// MaxBytes ends a batch by the size of its events, so that memory stays bounded; a batch exceeds it by at most one
	// group of the log, and there are two at a time. Default 64 MiB.
	MaxBytes int
	// MaxWait ends a batch that long after its first event was read. While an insert takes more than half of that, the
	// gathering takes twice as long as the insert: the slower ClickHouse is, the fewer and larger the inserts, with a
	// pause between them. Default 500 ms.
	MaxWait time.Duration
	// RecentIDs is how many ids of loaded events a Loader holds in memory at most, about 40 bytes each. Default 4 million.
	RecentIDs int
	// OnePartition says that the log is one of several partitions of its origin, loaded by several Loaders, and that all
	// copies of an event stand in the same: then ids of the others are not kept, and the store is told to refuse what
	// comes too late from a Loader that stood still.
	OnePartition bool
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
	check(c.MaxBytes >= 0 && c.MaxBytes <= 1<<30, "load.max_bytes: must be between 1 and 1 GiB")
	check(c.MaxWait >= 0 && c.MaxWait <= time.Minute, "load.max_wait: must be between 1ms and 1m")
	check(c.RecentIDs >= 0 && c.RecentIDs <= 100_000_000, "load.recent_ids: must be between 1 and 100,000,000")
	if c.MaxRows == 0 {
		c.MaxRows = 20_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
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

// Parts are what a Loader works with.
type Parts struct {
	// Log is what is loaded.
	Log Log
	// Plans keeps the plan of this log.
	Plans Plans
	// Store is where rows go.
	Store Store
	// Dead is where those go that cannot be rows.
	Dead DeadSink
	// Ends takes the counts of each batch. When it is nil they are part of the plan.
	Ends EndsStore
	// Withdrawals knows the records whose events are not loaded. Nil means a memory of this Loader's own over Store.
	Withdrawals *Withdrawals
}

// Loader moves events from one log, or one partition of it, into a store. It is the only one to do so as long as its
// Plans say so.
type Loader struct {
	Parts
	cfg     Config
	logger  *slog.Logger
	metrics *loadMetrics
	now     func() time.Time

	plan       Plan
	proved     time.Time // when the plan was last known to be this Loader's
	looked     time.Time // when what is stored of the plan was read back last; zero when nobody has sent any of it
	recent     *recentIDs
	usual      int           // rows of the batch that was gathered last
	ends       ends          // of the batch in hand
	disturbed  bool          // the batch in hand did not come to rest at the first try, or not as rows alone
	stamped    time.Time     // the latest time of load that any row has
	recovering bool          // what is in hand may be stored by an earlier Loader
	replay     *replay       // nil but in a replay
	added      uint64        // rows sent and not refused
	took       time.Duration // what the last batch took to come to rest
	done       chan struct{} // closed when Run has returned

	progress atomic.Pointer[Progress]
	hand     hand
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
	if parts.Withdrawals == nil {
		parts.Withdrawals = NewWithdrawals(parts.Store, cfg.Now)
	}
	l := &Loader{
		Parts:   parts,
		cfg:     cfg,
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

// Run loads until the log is closed and read to its end, which returns nil, or until ctx ends. A log that is closed before a
// batch that was planned earlier could be read again also returns nil, and leaves the plan to whoever comes next. Only an envelope of a
// newer version (schemas.ErrTooNew) and a successor (ErrFenced) stop it otherwise: ClickHouse may be away, and the disk
// full, for as long as they like. Run is called once.
func (l *Loader) Run(ctx context.Context) error {
	defer close(l.done)
	err := l.run(ctx)
	if errors.Is(err, ErrFenced) {
		l.metrics.fenced.Inc()
	}
	return err
}

func (l *Loader) run(ctx context.Context) error {
	switch err := l.recover(ctx); {
	case errors.Is(err, wal.ErrClosed):
		return nil // stopped before the planned batch could be read: it stays planned, for whoever comes next
	case err != nil:
		return err
	}
	l.trim() // the process before this one may have left what it had loaded
	if err := l.follow(ctx, l.load); err != nil {
		return err
	}
	return l.finish(ctx)
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
	Loaded    uint64 // rows that ClickHouse has now
	Doubles   uint64 // events that it had already
	Withdrawn uint64 // events whose record was ended
	Dead      uint64 // events that could not be rows
}

// Totals returns what has been done since Open.
func (l *Loader) Totals() Totals {
	return Totals{
		Loaded:    l.metrics.rows.Get(),
		Doubles:   l.metrics.doubles.Get(),
		Withdrawn: l.metrics.withdrawn.Get(),
		Dead:      l.metrics.deadTotal(),
	}
}

// WriteMetrics writes the loader's metrics in Prometheus text format.
func (l *Loader) WriteMetrics(w io.Writer) { l.metrics.set.WritePrometheus(w) }

// load brings one batch to rest: plan, insert, and only then let go of the log before it.
func (l *Loader) load(ctx context.Context, b *batch) error {
	start := l.now()
	l.disturbed = false
	if err := l.write(ctx, b.from, b.to); err != nil {
		return err
	}
	l.trim()
	store := l.insert
	if l.recovering {
		store = l.settleAll
	}
	err := l.rest(ctx, b, store)
	l.took = l.now().Sub(start)
	return err
}

// write makes a plan durable, with the counts of what has ended before it. It tries until it is taken or ctx ends: a
// full disk must not stop the loader, whose trimming of the log is what makes room.
func (l *Loader) write(ctx context.Context, from, to wal.Pos) error {
	again := 0
	if from == l.plan.From && to == l.plan.To {
		again = l.plan.Again
	}
	l.plan = Plan{Version: planVersion, Log: l.Log.ID(), From: from, To: to, Again: again}
	if l.Ends == nil {
		last := l.Progress()
		l.plan.Since, l.plan.Sites = last.Since, last.Sites
	}
	return l.retry(ctx, "write plan", func() error {
		before := l.now()
		err := l.Plans.Write(ctx, l.plan)
		if err == nil {
			l.proved = before
		}
		return err
	})
}

// recover settles what the plan of an earlier Loader had begun.
func (l *Loader) recover(ctx context.Context) error {
	if err := l.share(ctx); err != nil {
		return err
	}
	err := l.retry(ctx, "read recent ids", func() error {
		l.recent = newRecentIDs(l.cfg.RecentIDs, l.now())
		return l.recent.rebuild(ctx, l.Store, l.now(), l.foreign)
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
	l.recovering = true
	defer func() { l.recovering = false }()
	if err := l.prepare(ctx, b); err != nil {
		return err
	}
	return l.rest(ctx, b, l.settleAll)
}

// share makes the store one that several Loaders can use.
func (l *Loader) share(ctx context.Context) error {
	if !l.cfg.OnePartition {
		return nil
	}
	return l.retry(ctx, "bound the age of rows", func() error { return l.Store.RefuseStale(ctx) })
}

// rest stores a batch's dead letters and, block by block, its rows. Only then its events count as ended.
func (l *Loader) rest(ctx context.Context, b *batch, store func(context.Context, *block) error) error {
	l.ends = b.ends
	l.metrics.pending.Store(int64(len(b.rows)))
	defer l.metrics.pending.Store(0)
	if err := l.bury(ctx, b.dead); err != nil {
		return err
	}
	for _, block := range b.blocks {
		if err := store(ctx, block); err != nil {
			return err
		}
		l.count(block)
	}
	if err := l.storeEnds(ctx); err != nil {
		return err
	}
	l.metrics.batches.Inc()
	l.advance()
	return nil
}

// finish writes down that nothing is planned any more and lets go of the log.
func (l *Loader) finish(ctx context.Context) error {
	if l.plan.pending() {
		if err := l.write(ctx, l.plan.To, l.plan.To); err != nil {
			return err
		}
	}
	l.trim()
	return nil
}

// trim lets go of the log before the plan. Failing costs disk, not data, and the next batch tries again.
func (l *Loader) trim() {
	if err := l.Log.Trim(l.plan.From); err != nil {
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

// foreign reports whether the id of a row at that position is not to be kept in memory: a row of the planned batch is
// decided again, exactly as the first time, and no copy of one of another partition can come along.
func (l *Loader) foreign(s schemas.Source) bool {
	elsewhere := l.cfg.OnePartition && l.plan.To != wal.Pos{} && s.Origin == l.plan.Log && s.Partition != l.plan.To.Segment
	return elsewhere || l.planned(s)
}
