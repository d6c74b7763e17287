package load

import (
	"context"
	"slices"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// advertising is the bit of consent.Advertising. Its value never changes.
const advertising = 8

// screened is what a block's rows were found to be when the store was asked which consent records were ended. Rows whose
// record was ended stay in their blocks, so that these are the same for every Loader that settles the plan; they are
// only not sent.
type screened struct {
	asked time.Time               // when the store was asked last; zero before
	gone  map[schemas.Source]bool // rows that are not sent
	late  map[schemas.Source]bool // those of gone that had been stored before that was known
	quiet bool                    // nothing of gone that was sent before can arrive any more
}

// screen asks which records of b's rows were ended, unless that was asked just now: events of those that leave nothing are
// not sent any more, and those that lost advertising alone lose their click ids.
func (l *Loader) screen(ctx context.Context, b *block) error {
	if fresh(b.asked, l.now()) {
		return nil
	}
	ended, asked, err := l.Withdrawals.among(ctx, b.Rows)
	if err != nil {
		return err
	}
	b.asked = asked
	if len(ended) == 0 {
		return nil
	}
	b.Block = &clickhouse.Block{Rows: b.Rows} // its columns may have been made before
	for _, row := range b.Rows {
		key, ok := recordOf(row.Envelope)
		keeps, over := ended[key]
		switch {
		case !ok || !over:
		case keeps != 0:
			strip(row.Envelope)
		case !b.gone[row.Source]:
			if b.gone == nil {
				b.gone, b.late = map[schemas.Source]bool{}, map[schemas.Source]bool{}
			}
			b.gone[row.Source], b.quiet = true, false
		}
	}
	return nil
}

// strip takes from an event what it had by a permission for advertising.
func strip(ev *schemas.Envelope) {
	ev.ClickId, ev.ClickIdKind = "", ""
	ev.Categories &^= advertising
}

// recordOf is the consent record that an event carries; false when it carries none.
func recordOf(ev *schemas.Envelope) (key clickhouse.RecordKey, ok bool) {
	if len(ev.Record) != len(key.Record) {
		return key, false
	}
	return clickhouse.RecordKey{Site: ev.Site, Record: [16]byte(ev.Record)}, true
}

// recordsOf are the consent records that rows carry, each once.
func recordsOf(rows []clickhouse.Row) (keys []clickhouse.RecordKey) {
	seen := map[clickhouse.RecordKey]struct{}{}
	for _, row := range rows {
		key, ok := recordOf(row.Envelope)
		if _, known := seen[key]; ok && !known {
			seen[key] = struct{}{}
			keys = append(keys, key)
		}
	}
	return keys
}

// kept returns those of rows that are to be sent.
func (s *screened) kept(rows []clickhouse.Row) []clickhouse.Row {
	if len(s.gone) == 0 {
		return rows
	}
	kept := make([]clickhouse.Row, 0, len(rows))
	for _, row := range rows {
		if !s.gone[row.Source] {
			kept = append(kept, row)
		}
	}
	return kept
}

// look reads back what is stored of the plan and screens b. Rows that are not to be sent, and are not there, may still be
// on their way, from an earlier Loader or from an earlier try of this one: then it waits until they cannot arrive any
// more, since whether such a row was stored decides how it is counted, and which others were sent with it.
func (l *Loader) look(ctx context.Context, b *block) (there map[clickhouse.Stored]bool, err error) {
	for {
		if there, err = l.lookScreened(ctx, b); err != nil || b.quiet || l.replay != nil || !b.hidden() {
			return there, err
		}
		if err := l.quiet(ctx); err != nil {
			return nil, err
		}
		b.quiet = true // until more are withdrawn
	}
}

// lookScreened looks again when rows were withdrawn meanwhile. However long it takes to read back, the answer as to what was
// withdrawn is then a fresh one.
func (l *Loader) lookScreened(ctx context.Context, b *block) (there map[clickhouse.Stored]bool, err error) {
	if err := l.screen(ctx, b); err != nil {
		return nil, err
	}
	for {
		gone := len(b.gone)
		if there, err = l.lookOnce(ctx, b); err != nil {
			return nil, err
		}
		if err := l.screen(ctx, b); err != nil {
			return nil, err
		}
		if len(b.gone) == gone {
			return there, nil
		}
	}
}

// lookOnce reads back what is stored of the plan, and finds out which of b's rows that are not to be sent have been
// stored all the same: they are there, or the deletion routine has taken them away and counts them.
func (l *Loader) lookOnce(ctx context.Context, b *block) (there map[clickhouse.Stored]bool, err error) {
	there, err = l.there(ctx)
	if err != nil || len(b.gone) == 0 {
		return there, err
	}
	from, to := l.span(l.plan.From, l.plan.To)
	positions, err := l.Store.Erased(ctx, l.plan.Log, from, to) // after there: what left in between is here
	if err != nil {
		return nil, err
	}
	erased := make(map[schemas.Source]bool, len(positions))
	for _, at := range positions {
		erased[at] = true
	}
	for _, row := range b.Rows {
		if b.gone[row.Source] && (there[storedAs(row)] || erased[row.Source]) {
			b.late[row.Source] = true
		}
	}
	return there, nil
}

// hidden reports whether a row of b is not to be sent and not known to have been stored either.
func (b *block) hidden() bool {
	return slices.ContainsFunc(b.Rows, func(row clickhouse.Row) bool { return b.gone[row.Source] && !b.late[row.Source] })
}
