package load

import (
	"context"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// recentAge is how long the id of a loaded event is kept in memory at least, while there is room.
const recentAge = time.Hour

// lateLoad is the delay between receipt and load beyond which memory is not trusted to hold an event's first copy.
const lateLoad = 30 * time.Minute

// recentIDs remembers the ids of recently loaded events in two generations. The younger one grows until it is
// recentAge old or half of max long; then the older one is forgotten and the younger takes its place.
type recentIDs struct {
	max          int
	young, old   map[clickhouse.EventKey]struct{}
	youngSince   time.Time
	completeFrom time.Time // every id loaded since then is in memory
	newest       time.Time // the latest time of load that rebuild has found
}

func newRecentIDs(max int, now time.Time) *recentIDs {
	return &recentIDs{
		max:          max,
		young:        make(map[clickhouse.EventKey]struct{}),
		youngSince:   now,
		completeFrom: now,
	}
}

// hold makes room for all ids of a batch: its own copies are known from nowhere else.
func (r *recentIDs) hold(rows int) { r.max = max(r.max, 4*rows) }

func (r *recentIDs) has(key clickhouse.EventKey) bool {
	if _, ok := r.young[key]; ok {
		return true
	}
	_, ok := r.old[key]
	return ok
}

func (r *recentIDs) add(key clickhouse.EventKey, now time.Time) {
	if len(r.young) >= max(r.max/2, 1) || now.Sub(r.youngSince) >= recentAge {
		r.completeFrom = r.youngSince
		r.old, r.young, r.youngSince = r.young, make(map[clickhouse.EventKey]struct{}), now
	}
	r.young[key] = struct{}{}
}

// rebuild fills the memory from ClickHouse after a start, without the rows that are foreign to it.
func (r *recentIDs) rebuild(ctx context.Context, store Store, now time.Time, foreign func(schemas.Source) bool) error {
	since, count := now.Add(-recentAge), 0
	r.completeFrom, r.youngSince = since, since
	return store.RecentIDs(ctx, since, r.max/2, func(key clickhouse.EventKey, source schemas.Source, loaded time.Time) error {
		if loaded.After(r.newest) {
			r.newest = loaded
		}
		if count++; count == r.max/2 { // newest first: what is older than this one was not read
			r.completeFrom, r.youngSince = loaded, loaded
		}
		if !foreign(source) {
			r.young[key] = struct{}{}
		}
		return nil
	})
}

// mustLookUp reports whether a first copy of the event could have been loaded without being in memory.
func (r *recentIDs) mustLookUp(ev *schemas.Envelope, now time.Time) bool {
	received := time.UnixMilli(ev.ReceivedMs)
	return ev.Retried || received.Before(r.completeFrom) || now.Sub(received) > lateLoad
}

// dropDoubles returns b's rows whose events were not loaded before from another position, and counts the others. Of two
// copies within b the first stays, or that which an earlier try has left in ClickHouse.
func (l *Loader) dropDoubles(ctx context.Context, b *batch) ([]clickhouse.Row, error) {
	now := l.now()
	l.recent.hold(len(b.rows))
	unsure, err := l.unsure(ctx, b, now)
	if err != nil {
		return nil, err
	}
	stored, err := l.lookUp(ctx, unsure)
	if err != nil {
		return nil, err
	}
	kept := b.rows[:0]
	for _, row := range b.rows {
		key := keyOf(row)
		source, inStore := stored[key]
		if l.recent.has(key) || inStore && !(l.recovering && source == row.Source) {
			l.ends.add(row.Envelope.Site, Ends{Duplicates: 1})
			l.metrics.doubles.Inc()
			continue
		}
		l.recent.add(key, now)
		kept = append(kept, row)
	}
	return kept, nil
}

// unsure returns the events of b that may be stored without being in memory. A replay has no memory, but knows those
// that stand at their own position.
func (l *Loader) unsure(ctx context.Context, b *batch, now time.Time) (keys []clickhouse.EventKey, err error) {
	var there map[clickhouse.Stored]bool
	if l.replay != nil {
		err = l.retry(ctx, "read positions back", func() (err error) {
			there, err = l.there(ctx)
			return err
		})
	}
	for _, row := range b.rows {
		if l.replay != nil && !there[storedAs(row)] || l.recent.mustLookUp(row.Envelope, now) {
			keys = append(keys, keyOf(row))
		}
	}
	return keys, err
}

// lookUp asks ClickHouse where the events stand that memory cannot speak for, until it answers or ctx ends.
func (l *Loader) lookUp(ctx context.Context, keys []clickhouse.EventKey) (stored map[clickhouse.EventKey]schemas.Source, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = l.retry(ctx, "look up events", func() (err error) {
		stored, err = l.Store.HasIDs(ctx, keys)
		return err
	})
	return stored, err
}

func keyOf(row clickhouse.Row) clickhouse.EventKey {
	return clickhouse.EventKey{Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)}
}
