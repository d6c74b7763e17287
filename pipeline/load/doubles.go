package load

import (
	"context"
	"strings"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// recentAge is how long the id of a loaded event is kept in memory at least, while there is room.
const recentAge = time.Hour

// lateLoad is the delay between receipt and load beyond which memory is not trusted to hold an event's first copy.
const lateLoad = 30 * time.Minute

// recentIDs remembers the ids of recently loaded events in two generations. When the younger one has become recentAge
// old, or has no room for the next batch in half of max, the older one is forgotten and the younger takes its place.
// That happens before a batch is looked at and never on the way through it, so that the ids of the batch before are there.
type recentIDs struct {
	max          int
	sites        map[string]uint32
	young, old   map[recentID]struct{}
	youngSince   time.Time
	completeFrom time.Time // every id loaded since then is in memory
	newest       time.Time // the latest time of load that rebuild has found
}

// recentID is a clickhouse.EventKey without a pointer: millions of them are nothing to the garbage collector.
type recentID struct {
	site uint32 // in recentIDs.sites
	id   [16]byte
}

func newRecentIDs(max int, now time.Time) *recentIDs {
	return &recentIDs{
		max:          max,
		sites:        make(map[string]uint32),
		young:        make(map[recentID]struct{}),
		youngSince:   now,
		completeFrom: now,
	}
}

// of is the memory's name of an event.
func (r *recentIDs) of(site string, id [16]byte) recentID {
	number, ok := r.sites[site]
	if !ok {
		number = uint32(len(r.sites))
		r.sites[strings.Clone(site)] = number // site is part of the log's bytes
	}
	return recentID{number, id}
}

// makeRoom makes room for all ids of a batch: its own copies are known from nowhere else.
func (r *recentIDs) makeRoom(rows int, now time.Time) {
	r.max = max(r.max, 4*rows)
	if len(r.young)+rows > r.max/2 || now.Sub(r.youngSince) >= recentAge {
		r.completeFrom = r.youngSince
		r.old, r.young, r.youngSince = r.young, make(map[recentID]struct{}), now
	}
}

func (r *recentIDs) has(id recentID) bool {
	if _, ok := r.young[id]; ok {
		return true
	}
	_, ok := r.old[id]
	return ok
}

func (r *recentIDs) add(id recentID) { r.young[id] = struct{}{} }

// forget forgets the ids of rows.
func (r *recentIDs) forget(rows []clickhouse.Row) {
	for i := range rows {
		id := r.of(rows[i].Envelope.Site, [16]byte(rows[i].Envelope.Id))
		delete(r.young, id)
		delete(r.old, id)
	}
}

// rebuild fills the memory from ClickHouse after a start, without the rows that are foreign to it.
func (r *recentIDs) rebuild(ctx context.Context, store Store, now time.Time, foreign func(schemas.Source) bool) error {
	since, count, most := now.Add(-recentAge), 0, max(r.max/2, 1)
	r.completeFrom, r.youngSince = since, since
	return store.RecentIDs(ctx, since, most, func(key clickhouse.EventKey, source schemas.Source, loaded time.Time) error {
		if loaded.After(r.newest) {
			r.newest = loaded
		}
		if count++; count == most { // newest first: what is older than this one was not read
			r.completeFrom, r.youngSince = loaded, loaded
		}
		if !foreign(source) {
			r.add(r.of(key.Site, key.ID))
		}
		return nil
	})
}

// mustLookUp reports whether a first copy of the event could have been loaded without being in memory.
func (r *recentIDs) mustLookUp(ev *schemas.Envelope, now time.Time) bool {
	received := time.UnixMilli(ev.ReceivedMs)
	return ev.Retried || received.Before(r.completeFrom) || now.Sub(received) > lateLoad
}

// dropDoubles returns those of b's rows whose events were not loaded before from another position, and counts the others.
// Of two copies within b the first stays, or that which an earlier try has left in ClickHouse.
func (l *Loader) dropDoubles(ctx context.Context, b *batch, rows []clickhouse.Row) ([]clickhouse.Row, error) {
	l.recent.makeRoom(len(rows), b.decided)
	unsure, err := l.unsure(ctx, b, rows)
	if err != nil {
		return nil, err
	}
	stored, err := l.lookUp(ctx, unsure)
	if err != nil {
		return nil, err
	}
	var doubles []int
	for i := range rows {
		row := &rows[i]
		id := l.recent.of(row.Envelope.Site, [16]byte(row.Envelope.Id))
		source, inStore := stored[keyOf(row)]
		if l.recent.has(id) || inStore && !(l.recovering && source == row.Source) {
			b.ends.add(row.Envelope.Site, Ends{Duplicates: 1})
			doubles = append(doubles, i)
			continue
		}
		l.recent.add(id)
	}
	return without(rows, doubles), nil
}

// without returns rows without those at some places, which are in order. It changes nothing of rows.
func without(rows []clickhouse.Row, places []int) []clickhouse.Row {
	if len(places) == 0 {
		return rows
	}
	kept := make([]clickhouse.Row, 0, len(rows)-len(places))
	from := 0
	for _, at := range places {
		kept = append(kept, rows[from:at]...)
		from = at + 1
	}
	return append(kept, rows[from:]...)
}

// unsure returns the events of rows that may be stored without being in memory. A replay has no memory, but knows those
// that stand at their own position.
func (l *Loader) unsure(ctx context.Context, b *batch, rows []clickhouse.Row) (keys []clickhouse.EventKey, err error) {
	var there map[clickhouse.Stored]bool
	if l.replay != nil {
		err = l.repeatedly(ctx, "read positions back", func() (err error) {
			there, err = l.present(ctx, b.from, b.to)
			return err
		})
	}
	for i := range rows {
		row := &rows[i]
		if l.replay != nil && !there[storedAs(*row)] || l.recent.mustLookUp(row.Envelope, b.decided) {
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
	err = l.repeatedly(ctx, "look up events", func() (err error) {
		stored, err = l.Store.HasIDs(ctx, keys)
		return err
	})
	return stored, err
}

func keyOf(row *clickhouse.Row) clickhouse.EventKey {
	return clickhouse.EventKey{Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)}
}
