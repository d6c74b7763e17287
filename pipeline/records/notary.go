package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
)

// tick is how often a Notary looks whether a day is over and whether roots can be sent.
const tick = time.Minute

// NotaryConfig says who signs, where roots go, and how long records are kept.
type NotaryConfig struct {
	// Signer signs the roots. Required.
	Signer *record.Signer
	// SendTo is where they go.
	SendTo Destinations
	// ProofYears is how long records are kept at least after their choice has ended, 1 to 100; 5 when 0.
	ProofYears int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate fills in defaults and reports every value that cannot be used.
func (c *NotaryConfig) Validate() error {
	var errs []error
	if c.Signer == nil {
		errs = append(errs, errors.New("records: nobody signs the roots"))
	}
	if c.ProofYears < 0 || c.ProofYears > 100 {
		errs = append(errs, fmt.Errorf("records.proof_years: %d is not between 1 and 100", c.ProofYears))
	}
	if c.ProofYears == 0 {
		c.ProofYears = 5
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return errors.Join(append(errs, c.SendTo.Validate())...)
}

// NotaryStore is what a Notary works on. *clickhouse.Store is one.
type NotaryStore interface {
	Chains
	// ChainStates lists the chains that have rows.
	ChainStates(ctx context.Context) ([]clickhouse.ChainState, error)
	// NewestRecord returns the time of the newest record that ends a chain, among those stored before a given time of the
	// store's clock; one long ago when there is none.
	NewestRecord(ctx context.Context, before time.Time) (time.Time, error)
	// PutRoot keeps a root, in place of an earlier state of the same.
	PutRoot(ctx context.Context, root clickhouse.Root) error
	// UnsentRoots returns roots that are not sent, the oldest first; the first some thousand do.
	UnsentRoots(ctx context.Context) ([]clickhouse.Root, error)
	// DropRecords removes the rows of a site before an index for good.
	DropRecords(ctx context.Context, site string, before uint64) error
}

var _ NotaryStore = (*clickhouse.Store)(nil)

// Notary signs the chains once a day, sends the roots away and removes what has been kept for long enough. Several may
// work on one store: they make the same roots, and send them more than once.
type Notary struct {
	cfg     NotaryConfig
	store   NotaryStore
	logger  *slog.Logger
	metrics *notaryMetrics

	clock   clock
	held    bool   // it was told that rows stay because of the clock
	closed  string // the last UTC day that all chains were looked at on
	sender  *sender
	pause   time.Duration // before roots that could not be sent are tried again; 0 when there is no such
	resting time.Duration // how long they have waited
}

// NewNotary prepares a Notary. Run does the work.
func NewNotary(cfg NotaryConfig, store NotaryStore, logger *slog.Logger) (*Notary, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Notary{
		cfg: cfg, store: store, logger: logger.With("component", "records"), metrics: newNotaryMetrics(), sender: newSender(cfg.SendTo),
		clock: newClock(cfg.Now()),
	}, nil
}

// Run works until ctx ends, and returns nil then; it may be called again, as where the work goes from process to process.
// The store may be away for as long as it likes.
func (n *Notary) Run(ctx context.Context) error {
	n.closed = "" // what it was told of the chains may no longer be so
	defer n.metrics.forget()
	if n.cfg.SendTo == (Destinations{}) {
		n.logger.Info("signed roots of consent records stay on this machine: records.send_roots_to is empty")
	}
	for {
		if err := n.round(ctx); err != nil && ctx.Err() == nil {
			n.metrics.errors.Inc()
			n.logger.Warn("consent records could not all be looked after, will try again", "err", err)
		}
		if sleep(ctx, tick) != nil {
			return nil
		}
	}
}

// round does what is due.
func (n *Notary) round(ctx context.Context) error {
	var errs []error
	if today := n.today(); today != n.closed {
		if err := n.lookAfter(ctx); err != nil {
			errs = append(errs, err)
		} else {
			n.closed = today
		}
		n.pause = 0
	}
	return errors.Join(append(errs, n.sendLater(ctx))...)
}

func (n *Notary) today() string { return n.cfg.Now().UTC().Format(time.DateOnly) }

// lookAfter closes the days that are over, and removes what has been kept for long enough. A chain that is broken is told
// and passed over: only a person can know more. Whatever is wrong with one chain, the others are looked after.
func (n *Notary) lookAfter(ctx context.Context) error {
	chains, err := n.store.ChainStates(ctx)
	if err != nil {
		return err
	}
	broken, errs := 0, []error(nil)
	for _, chain := range chains {
		_, err := n.close(ctx, chain, false)
		if err == nil {
			err = n.expire(ctx, chain)
		}
		var found *record.Break
		if errors.As(err, &found) {
			broken++
			n.logger.Error("a chain of consent records is broken; heed consent verify says more",
				"site", found.Site, "row", found.Index, "what", string(found.What))
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	n.metrics.broken.Store(int64(broken))
	return errors.Join(errs...)
}

// Close signs the chains as they are now, also of a day that is not over, sends what is not sent, and returns the roots
// that it made. A chain that cannot be signed keeps no other from that. It is for a person who does not want to wait.
func (n *Notary) Close(ctx context.Context) (made []clickhouse.Root, err error) {
	chains, err := n.store.ChainStates(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, chain := range chains {
		root, err := n.close(ctx, chain, true)
		if err != nil {
			errs = append(errs, err)
		} else if root != nil {
			made = append(made, *root)
		}
	}
	return made, errors.Join(append(errs, n.send(ctx))...)
}

// close makes the root of a chain that has grown; nil when there is none to be made. Unless it is asked to, it leaves a
// chain alone whose new rows begin today: of a later day a clock was wrong, and nobody may wait for that day. The root is of
// the day of the last record that it covers.
func (n *Notary) close(ctx context.Context, state clickhouse.ChainState, unfinished bool) (*clickhouse.Root, error) {
	if state.Size <= state.Closed {
		return nil, nil
	}
	chain, err := lastRoot(ctx, n.store, state.Site)
	if err != nil {
		return nil, err
	}
	var day time.Time
	for row, err := range n.store.Records(ctx, state.Site, chain.Size()) {
		if err == nil {
			err = chain.Follow(row.Row)
		}
		if err != nil {
			return nil, fmt.Errorf("close the day of site %q: %w", state.Site, err)
		}
		first := day.IsZero()
		day = time.UnixMilli(row.Columns.TimeMS).UTC()
		if first && !unfinished && day.Format(time.DateOnly) == n.today() {
			return nil, nil
		}
	}
	if day.IsZero() {
		return nil, nil
	}
	return n.sign(ctx, chain, day)
}

// sign makes a chain's root and stores it.
func (n *Notary) sign(ctx context.Context, chain *record.Chain, day time.Time) (*clickhouse.Root, error) {
	checkpoint, err := chain.Checkpoint(day)
	if err != nil {
		return nil, fmt.Errorf("close the day of site %q: %w", chain.Site(), err)
	}
	note, err := n.cfg.Signer.Sign(checkpoint)
	if err != nil {
		return nil, err
	}
	root := &clickhouse.Root{
		Site: checkpoint.Site, Size: checkpoint.Size, Day: checkpoint.Day, Note: note, Key: n.cfg.Signer.PublicKey(),
		Made: n.cfg.Now().UTC(),
	}
	if err := n.store.PutRoot(ctx, *root); err != nil {
		return nil, err
	}
	n.metrics.roots.Inc()
	return root, nil
}

// expire removes the rows of a chain whose choices ended before the proof period, up to the largest root that covers none
// but such and is old enough for an Auditor to see that (provedSince).
func (n *Notary) expire(ctx context.Context, state clickhouse.ChainState) error {
	roots, err := n.store.Roots(ctx, state.Site)
	if err != nil {
		return err
	}
	base := expiredBefore(roots)
	due, err := n.due(ctx, state.Site, roots, base)
	if err != nil {
		return fmt.Errorf("expire records of site %q: %w", state.Site, err)
	}
	if due == nil && state.First >= base {
		return nil
	}
	believed, err := n.believed(ctx)
	if err != nil {
		return err
	}
	if !believed {
		n.holdBack()
		return nil
	}
	if due != nil {
		due.Expired = true
		if err := n.store.PutRoot(ctx, *due); err != nil { // first the mark: readers begin behind it
			return err
		}
		base = due.Size
		n.metrics.expired.Inc()
		n.logger.Info("consent records have expired", "site", state.Site, "rows_before", base, "root_of", due.Day)
	}
	return n.store.DropRecords(ctx, state.Site, base)
}

// holdBack tells once that rows stay which would have expired by a clock that is not believed.
func (n *Notary) holdBack() {
	if n.held {
		return
	}
	n.held = true
	n.logger.Warn("consent records that would expire stay for now: the clock is over a month ahead of the newest record of before this "+
		"start; set it right, or leave it if it is, and they go once it has gone evenly for a day", "clock", n.today())
}

// due returns the largest root whose rows may all go; nil when there is none.
func (n *Notary) due(ctx context.Context, site string, roots []clickhouse.Root, base uint64) (due *clickhouse.Root, err error) {
	now := n.cfg.Now()
	day := provedSince(now, n.cfg.ProofYears)
	old := func(root clickhouse.Root) bool { return root.Size > base && root.Day < day }
	if !slices.ContainsFunc(roots, old) {
		return nil, nil
	}
	ended := now.UTC().AddDate(-n.cfg.ProofYears, 0, 0)
	size, err := record.Expirable(site, bare(n.store.Records(ctx, site, base)), base, ended)
	if err != nil {
		return nil, err
	}
	for i, root := range roots {
		if old(root) && root.Size <= size {
			due = &roots[i]
		}
	}
	return due, nil
}

// provedSince returns the first day whose root has to keep its rows. A root tells the day of its last record; the proof
// period begins when that choice ends, a choice's life later at most. By the longest an Auditor can tell from a root alone
// that nothing went too early.
func provedSince(now time.Time, proofYears int) string {
	return now.UTC().AddDate(-proofYears, 0, 0).Add(-record.MaxChoiceLife).Format(time.DateOnly)
}

// expiredBefore returns the index of the first row that is still kept.
func expiredBefore(roots []clickhouse.Root) (first uint64) {
	for _, root := range roots {
		if root.Expired {
			first = max(first, root.Size)
		}
	}
	return first
}

// WriteMetrics writes the notary's metrics in Prometheus text format.
func (n *Notary) WriteMetrics(w io.Writer) { n.metrics.set.WritePrometheus(w) }
