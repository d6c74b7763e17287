package records

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
)

// quietTime is how long after a Loader has lost its log an insert of it may still arrive: the minute after which the
// table refuses it, and what the clocks of a cluster's servers may differ.
const quietTime = 70 * time.Second

// rest brings the planned batch to rest, in as many attempts as that takes.
func (l *Loader) rest(ctx context.Context, b *batch) error {
	return l.retry(ctx, "chain records", func() error {
		err := l.attempt(ctx, b)
		if l.begun = l.begun && err == nil; !l.begun {
			clear(l.chains) // rows may have arrived after their chain was read
		}
		return err
	})
}

// attempt is one attempt, in the order that doc.go argues from.
func (l *Loader) attempt(ctx context.Context, b *batch) error {
	now, err := l.Store.Now(ctx)
	if err != nil {
		return err
	}
	if err := l.prove(ctx); err != nil {
		return err
	}
	rest, err := l.chain(ctx, b)
	if err != nil {
		return err
	}
	if err := l.bury(ctx, append(rest.dead, b.dead...)); err != nil {
		return err
	}
	b.dead = nil // buried once is enough
	if err := l.insert(ctx, rest.rows, now); err != nil {
		return err
	}
	if err := l.Store.PutWithdrawn(ctx, rest.withdrawn); err != nil {
		return fmt.Errorf("store what was withdrawn: %w", err)
	}
	l.metrics.rested(b, rest)
	return nil
}

// chained is what becomes of a batch.
type chained struct {
	rows      []clickhouse.ConsentRow // to be inserted
	doubles   int                     // stored before
	dead      []letter
	withdrawn []clickhouse.Withdrawal // of rows and doubles
}

// chain chains the records of a batch, site by site, each in the order of the log.
func (l *Loader) chain(ctx context.Context, b *batch) (all chained, err error) {
	sites := map[string][]sourced{}
	var order []string
	for _, r := range b.records {
		site := r.record.Site
		if sites[site] == nil {
			order = append(order, site)
		}
		sites[site] = append(sites[site], r)
	}
	for _, site := range order {
		if err := l.chainSite(ctx, site, sites[site], &all); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (l *Loader) chainSite(ctx context.Context, site string, list []sourced, all *chained) error {
	chain := l.chains[site]
	if chain == nil {
		var err error
		if chain, err = openChain(ctx, l.Store, site); err != nil {
			return err
		}
		l.chains[site] = chain
	}
	records, ids := make([]*record.Record, len(list)), make([]record.ID, len(list))
	for i, r := range list {
		records[i], ids[i] = r.record, r.record.ID
	}
	stored, err := l.Store.RecordsByID(ctx, site, ids)
	if err != nil {
		return err
	}
	outcomes, err := chain.Append(records, stored)
	if err != nil {
		return err
	}
	for i, outcome := range outcomes {
		all.add(list[i], outcome)
	}
	return nil
}

func (c *chained) add(r sourced, outcome record.Outcome) {
	switch {
	case outcome.Err != nil:
		c.dead = append(c.dead, letter{r.source, r.raw, conflicting, outcome.Err.Error()})
		return
	case outcome.Double:
		c.doubles++
	default:
		c.rows = append(c.rows, clickhouse.ConsentRow{Site: r.record.Site, Row: outcome.Row,
			Columns: clickhouse.NewConsentColumns(r.record), Source: r.source})
	}
	if w, ok := withdrawal(r.record); ok {
		c.withdrawn = append(c.withdrawn, w)
	}
}

// withdrawal returns what r takes away from the grant that it ends, and false when that is nothing that events carry.
func withdrawal(r *record.Record) (clickhouse.Withdrawal, bool) {
	keeps := r.Granted()
	if r.Ends == (record.ID{}) || keeps.Has(consent.Performance|consent.Advertising) {
		return clickhouse.Withdrawal{}, false
	}
	return clickhouse.Withdrawal{Site: r.Site, Record: r.Ends, Keeps: uint8(keeps), At: time.UnixMilli(r.TimeMS).UTC()}, true
}

// errInherited means that the Loader before may have had rows under way, which have arrived by now or never will.
var errInherited = errors.New("what the loader before has sent is waited for")

// errBurnt means that the store has dropped a block whose rows it does not have.
var errBurnt = errors.New("the store took the rows for a repeat, but does not have them")

// insert stores rows as one block. Where another Loader may have sent them, it first waits until nothing of that can
// arrive; where this one may have, it looks afterwards whether they are there.
func (l *Loader) insert(ctx context.Context, rows []clickhouse.ConsentRow, now time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	if l.inherited {
		if err := l.quiet(ctx); err != nil {
			return err
		}
		l.inherited = false
		return errInherited
	}
	for i := range rows {
		rows[i].Loaded = now
	}
	if err := l.Store.InsertRecords(ctx, l.token(), rows); err != nil || l.begun {
		return err
	}
	there, err := l.there(ctx, rows)
	if err != nil || there {
		return err
	}
	if err := l.quiet(ctx); err != nil {
		return err
	}
	l.burnt++
	return errBurnt
}

// token names the block of the planned batch: the same plan, the same token.
func (l *Loader) token() string {
	from, to := l.plan.From, l.plan.To
	token := fmt.Sprintf("%s/records/%d-%d/%d-%d", l.plan.Log, from.Segment, from.Record, to.Segment, to.Record)
	if l.burnt > 0 {
		token += fmt.Sprintf("/again%d", l.burnt)
	}
	return token
}

// there reports whether all rows are stored, each where it was chained. What was sent by somebody else is not: then the
// next attempt goes on from it.
func (l *Loader) there(ctx context.Context, rows []clickhouse.ConsentRow) (bool, error) {
	ids := map[string][]record.ID{}
	for _, row := range rows {
		ids[row.Site] = append(ids[row.Site], row.Columns.ID)
	}
	stored := map[string]map[record.ID]record.Row{}
	for site, list := range ids {
		var err error
		if stored[site], err = l.Store.RecordsByID(ctx, site, list); err != nil {
			return false, err
		}
	}
	for _, row := range rows {
		if stored[row.Site][row.Columns.ID].Hash != row.Row.Hash {
			return false, nil
		}
	}
	return true, nil
}

// quiet waits until nothing sent before can arrive. A process that has its log for itself need not: nobody else sends,
// and the kill that made a token worthless has ended what was under way.
func (l *Loader) quiet(ctx context.Context) error {
	if !l.cfg.Shared {
		return nil
	}
	return sleep(ctx, quietTime)
}

// openChain returns the chain of a site as it is stored. Its rows are checked from the last root on.
func openChain(ctx context.Context, store Chains, site string) (*record.Chain, error) {
	chain, err := lastRoot(ctx, store, site)
	if err != nil {
		return nil, err
	}
	for row, err := range store.Records(ctx, site, chain.Size()) {
		if err == nil {
			err = chain.Follow(row.Row)
		}
		if err != nil {
			return nil, fmt.Errorf("open chain of site %q: %w", site, unnamed(err))
		}
	}
	return chain, nil
}

// unnamed takes the record's id out of a break, for logs: with the id of a grant, one visitor's events can be found.
func unnamed(err error) error {
	if found := new(record.Break); errors.As(err, &found) {
		return fmt.Errorf("it is broken at row %d (%s); heed consent verify says more", found.Index, found.What)
	}
	return err
}

// lastRoot returns the chain of a site as it was at its last root that holds: one that was damaged is no reason to stand
// still. The rows before it need not be there.
func lastRoot(ctx context.Context, store Chains, site string) (*record.Chain, error) {
	roots, err := store.Roots(ctx, site)
	if err != nil {
		return nil, err
	}
	for _, root := range slices.Backward(roots) {
		if checkpoint, err := openRoot(root, root.Key); err == nil {
			return record.ChainAt(checkpoint, false)
		}
	}
	return record.NewChain(site, false), nil
}

// openRoot returns the checkpoint of a stored root, by a public key.
func openRoot(root clickhouse.Root, key string) (record.Checkpoint, error) {
	cp, err := record.OpenCheckpoint(root.Note, key)
	if err == nil && (cp.Site != root.Site || cp.Size != root.Size || cp.Day != root.Day) {
		err = errors.New("the note is of another site, day or size than its row says")
	}
	if err != nil {
		return cp, fmt.Errorf("root of %s of site %q: %w", root.Day, root.Site, err)
	}
	return cp, nil
}

// The first and the longest pause between two attempts.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
)

// retry tries until it succeeds, with growing pauses. It gives up only when ctx ends, or at once when another Loader has
// taken over.
func (l *Loader) retry(ctx context.Context, what string, try func() error) error {
	for pause := firstPause; ; pause = min(pause*2, maxPause) {
		err := try()
		if err == nil || errors.Is(err, load.ErrFenced) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.metrics.failures.Inc()
		l.logger.Warn("a step did not succeed, will try again", "step", what, "pause", pause, "err", err)
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
	}
}

// sleep waits for d, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
