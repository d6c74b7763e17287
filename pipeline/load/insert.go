package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// insert stores a block. When the outcome is unknown it goes on as after a crash.
func (l *Loader) insert(ctx context.Context, b *block) error {
	err := l.send(ctx, l.token(b), b, b.rows)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.metrics.failures.Inc()
	l.logger.Warn("insert has an unknown outcome, will settle it", "rows", len(b.rows), "err", err)
	return l.settle(ctx, b)
}

// settle brings a block to rest that may be stored, in part or not at all. The first insert carries the plan's token
// again, so that one still under way is not joined by another; a token can be remembered without its part (2 of 370
// kills), so the rows are read back, and those missing go in under a new one.
func (l *Loader) settle(ctx context.Context, b *block) error {
	token := l.token(b)
	return l.retry(ctx, "settle batch", func() error {
		missing, err := l.missing(ctx, b)
		if err != nil || len(missing) == 0 {
			return err
		}
		if len(missing) < len(b.rows) {
			token = l.token(b) + "/" + rand.Text()
		}
		if err := l.send(ctx, token, b, missing); err != nil {
			return err
		}
		token = l.token(b) + "/" + rand.Text()
		if missing, err = l.missing(ctx, b); err == nil && len(missing) > 0 {
			err = fmt.Errorf("%d of %d rows are not there after their insert", len(missing), len(b.rows))
		}
		return err
	})
}

// missing reads the plan's range back and returns the rows of b that are not stored. Position and event id must both
// agree.
func (l *Loader) missing(ctx context.Context, b *block) ([]clickhouse.Row, error) {
	from := schemas.Source{Origin: l.plan.Log, Partition: l.plan.From.Segment, Offset: l.plan.From.Record}
	to := schemas.Source{Origin: l.plan.Log, Partition: l.plan.To.Segment, Offset: l.plan.To.Record}
	stored, err := l.store.Present(ctx, l.plan.Log, from, to)
	if err != nil {
		return nil, err
	}
	there := make(map[clickhouse.Stored]bool, len(stored))
	for _, s := range stored {
		there[s] = true
	}
	var missing []clickhouse.Row
	for _, row := range b.rows {
		key := clickhouse.Stored{Source: row.Source, ID: [16]byte(row.Envelope.Id), Site: row.Envelope.Site}
		if !there[key] {
			missing = append(missing, row)
		}
	}
	return missing, nil
}

// stamp returns the time of load for one insert: later than that of every insert before, whatever the clock does.
// Reports draw their line by it: what is loaded later has a later time.
func (l *Loader) stamp() time.Time {
	now := l.now().UTC().Truncate(time.Millisecond) // as exact as the column
	if !now.After(l.stamped) {
		now = l.stamped.Add(time.Millisecond)
	}
	l.stamped = now
	return now
}

// send inserts rows of b. Rows that ClickHouse refuses are found by halving, become dead letters and leave b; the
// others are stored.
func (l *Loader) send(ctx context.Context, token string, b *block, rows []clickhouse.Row) error {
	now := l.stamp()
	for i := range rows {
		rows[i].Loaded = now
	}
	err := l.store.Insert(ctx, token, rows)
	if err == nil || !errors.Is(err, clickhouse.ErrRefused) {
		return err
	}
	if len(rows) == 1 {
		return l.refused(ctx, b, rows[0], err)
	}
	half := len(rows) / 2
	if err := l.send(ctx, token+"/0", b, rows[:half]); err != nil {
		return err
	}
	return l.send(ctx, token+"/1", b, rows[half:])
}

func (l *Loader) refused(ctx context.Context, b *block, row clickhouse.Row, refusal error) error {
	raw, err := row.Envelope.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode refused event: %w", err)
	}
	letter := clickhouse.DeadLetter{Reason: refusal.Error(), Source: row.Source, Envelope: raw}
	if err := l.bury(ctx, []clickhouse.DeadLetter{letter}); err != nil {
		return err
	}
	b.rows = slices.DeleteFunc(slices.Clone(b.rows), func(r clickhouse.Row) bool { return r.Source == row.Source })
	return nil
}

// bury stores what cannot be rows, until ClickHouse takes it or ctx ends. All get one time: an insert of dead letters
// may not span two months.
func (l *Loader) bury(ctx context.Context, letters []clickhouse.DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	now, first := l.now(), letters[0].Source
	for i := range letters {
		letters[i].Time = now
	}
	token := fmt.Sprintf("%s/dead/%d-%d-%d", first.Origin, first.Partition, first.Offset, first.Event)
	err := l.retry(ctx, "store dead letters", func() error { return l.store.InsertDead(ctx, token, letters) })
	if err != nil {
		return err
	}
	l.ends.buried(letters)
	l.metrics.dead.Add(len(letters))
	l.logger.Error("events could not be rows and went to dead_letters", "count", len(letters), "reason", letters[0].Reason)
	return nil
}

// token names a block after its plan: the same plan and partition, the same token.
func (l *Loader) token(b *block) string {
	from, to := l.plan.From, l.plan.To
	return fmt.Sprintf("%s/%d-%d/%d-%d/%d/%d", l.plan.Log, from.Segment, from.Record, to.Segment, to.Record, b.retention, b.month)
}
