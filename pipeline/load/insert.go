package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/wal"
	"heed/schemas"
)

// leaseAge is how long after a proof of ownership, and after a look at what is stored, a row may still be stamped with a
// time of load. See doc.go for what it is good for.
const leaseAge = 10 * time.Second

// quietTime is how long after a Loader has lost its plan an insert of it may still arrive: leaseAge and the minute of
// Store.RefuseStale.
const quietTime = leaseAge + time.Minute

// errOldLook means that too much may have been stored or withdrawn since the look at it.
var errOldLook = errors.New("it took too long since the store was asked")

// insert stores a block. When the outcome is unknown it goes on as after a crash.
func (l *Loader) insert(ctx context.Context, b *block) error {
	l.looked = time.Time{} // nobody has sent any of it before
	err := l.screen(ctx, b)
	if err == nil {
		err = l.send(ctx, l.token(b), b, b.Rows)
	}
	if err == nil || errors.Is(err, ErrFenced) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.disturbed = true
	l.metrics.failures.Inc()
	l.logger.Warn("insert has an unknown outcome, will settle it", "rows", len(b.Rows), "err", err)
	return l.settleAll(ctx, b)
}

// settleAll brings a block to rest that may be stored, in part or not at all. Its rows are read back, those missing go
// in under the tokens of the first try, so that an insert still under way, also that of another Loader, is not joined by
// a second one. A token can be remembered without its part (2 of 370 kills): when rows are missing after an insert that
// succeeded, further ones carry further tokens, once nothing sent under the first can arrive any more.
func (l *Loader) settleAll(ctx context.Context, b *block) error {
	return l.retry(ctx, "settle batch", func() error {
		there, err := l.look(ctx, b)
		if err != nil {
			return err
		}
		if missing, _ := b.missing(b.Rows, there); missing == 0 {
			return nil
		}
		if err := l.settle(ctx, l.token(b), b, b.Rows, there); err != nil {
			return err
		}
		if there, err = l.look(ctx, b); err != nil {
			return err
		}
		if missing, _ := b.missing(b.Rows, there); missing > 0 {
			if err := l.giveUpTokens(ctx); err != nil {
				return err
			}
			return fmt.Errorf("%d of %d rows are not there after their insert", missing, len(b.Rows))
		}
		return nil
	})
}

// giveUpTokens goes over to further tokens. The plan says so before the first of them is sent: a successor that went back to
// the old ones could not tell an insert of ours that is still under way.
func (l *Loader) giveUpTokens(ctx context.Context) error {
	if err := l.quiet(ctx); err != nil {
		return err
	}
	l.plan.Again++
	return l.write(ctx, l.plan.From, l.plan.To)
}

// quiet waits until no insert sent before can arrive. A Loader with a log of its own need not: nobody else sends, and the
// kill that made a token worthless has ended its own inserts as well.
func (l *Loader) quiet(ctx context.Context) error {
	if !l.cfg.OnePartition {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(quietTime):
		return nil
	}
}

// settle sends what is missing of rows, in the pieces that send makes of a block: a piece of which a part is there was
// halved, since an insert stores all its rows or none.
func (l *Loader) settle(ctx context.Context, token string, b *block, rows []clickhouse.Row, there map[clickhouse.Stored]bool) error {
	switch missing, absent := b.missing(rows, there); {
	case missing == 0:
		return nil
	case absent == len(rows) && !b.halved[token]:
		return l.send(ctx, token, b, rows)
	}
	half := len(rows) / 2
	if err := l.settle(ctx, token+"/0", b, rows[:half], there); err != nil {
		return err
	}
	return l.settle(ctx, token+"/1", b, rows[half:], there)
}

// there reads the plan's range back.
func (l *Loader) there(ctx context.Context) (map[clickhouse.Stored]bool, error) {
	l.looked = l.now()
	return l.present(ctx, l.plan.From, l.plan.To)
}

// present reads a range back. Position and event id identify a row.
func (l *Loader) present(ctx context.Context, from, to wal.Pos) (map[clickhouse.Stored]bool, error) {
	first, end := l.span(from, to)
	stored, err := l.Store.Present(ctx, first.Origin, first, end)
	if err != nil {
		return nil, err
	}
	there := make(map[clickhouse.Stored]bool, len(stored))
	for _, s := range stored {
		there[s] = true
	}
	return there, nil
}

// span is a range of the log as sources have it.
func (l *Loader) span(from, to wal.Pos) (first, end schemas.Source) {
	id := l.Log.ID()
	return schemas.Source{Origin: id, Partition: from.Segment, Offset: from.Record},
		schemas.Source{Origin: id, Partition: to.Segment, Offset: to.Record}
}

// missing counts those of rows that are absent, neither there nor buried, and of these the missing ones, which are to be
// sent.
func (b *block) missing(rows []clickhouse.Row, there map[clickhouse.Stored]bool) (missing, absent int) {
	for _, row := range rows {
		if there[storedAs(row)] || b.buried[row.Source] || b.late[row.Source] {
			continue
		}
		if absent++; !b.gone[row.Source] {
			missing++
		}
	}
	return missing, absent
}

// storedAs is what a row reads back as.
func storedAs(row clickhouse.Row) clickhouse.Stored {
	return clickhouse.Stored{Source: row.Source, ID: [16]byte(row.Envelope.Id), Site: row.Envelope.Site}
}

// stamp returns the time of load for one insert: later than that of every insert before, whatever the clock does.
// Reports draw their line by it: what is loaded later has a later time. Nothing is stamped without a fresh proof that
// the plan is still this Loader's, a fresh answer as to what was withdrawn and, when some of it may be stored, a fresh
// look at that. The look of a Loader with a log of its own is good until the next one, however long it took: nobody else
// sends, and tokens are remembered for longer.
func (l *Loader) stamp(ctx context.Context, b *block) (time.Time, error) {
	now := l.now()
	for !fresh(l.proved, now) {
		if err := l.write(ctx, l.plan.From, l.plan.To); err != nil {
			return time.Time{}, err
		}
		now = l.now()
	}
	if l.cfg.OnePartition && !l.looked.IsZero() && !fresh(l.looked, now) || !fresh(b.asked, now) {
		return time.Time{}, errOldLook
	}
	now = now.UTC().Truncate(time.Millisecond) // the same now, since the process may stand still here; as exact as the column
	if !now.After(l.stamped) {
		now = l.stamped.Add(time.Millisecond)
	}
	l.stamped = now
	return now, nil
}

// fresh goes by the clock on the wall, since the other one stands still while a machine is suspended. After a step back
// nothing is fresh.
func fresh(at, now time.Time) bool {
	age := now.Round(0).Sub(at.Round(0))
	return age >= 0 && age < leaseAge
}

// send inserts rows of b, without those whose record was ended. Rows that ClickHouse refuses are found by halving and
// become dead letters; the others are stored.
func (l *Loader) send(ctx context.Context, token string, b *block, rows []clickhouse.Row) error {
	kept := b.kept(rows)
	if len(kept) == 0 {
		return nil
	}
	now, err := l.stamp(ctx, b)
	if err != nil {
		return err
	}
	for i := range kept {
		kept[i].Loaded = now
	}
	piece := b.Block
	if len(kept) < len(b.Rows) {
		piece = &clickhouse.Block{Rows: kept}
	}
	err = l.Store.InsertBlock(ctx, token, piece)
	if err == nil {
		l.added += uint64(len(kept))
		return nil
	}
	if !errors.Is(err, clickhouse.ErrRefused) {
		return err
	}
	if len(rows) == 1 {
		return l.refuse(ctx, b, rows[0], err)
	}
	if b.halved == nil {
		b.halved = map[string]bool{}
	}
	b.halved[token] = true
	half := len(rows) / 2
	if err := l.send(ctx, token+"/0", b, rows[:half]); err != nil {
		return err
	}
	return l.send(ctx, token+"/1", b, rows[half:])
}

// token names a block after its plan: the same plan and block, the same token.
func (l *Loader) token(b *block) string {
	from, to := l.plan.From, l.plan.To
	token := fmt.Sprintf("%s/%d-%d/%d-%d/%s", l.plan.Log, from.Segment, from.Record, to.Segment, to.Record, b.name)
	if l.plan.Again > 0 {
		token += "/again" + strconv.Itoa(l.plan.Again)
	}
	return token
}
