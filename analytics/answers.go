package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The statements, put together once.
var (
	summarySQL   = text("views", "summary")
	seriesSQL    = text("views", "series")
	pagesSQL     = text("views", "pages")
	sourcesSQL   = text("views", "sources")
	breakdownSQL = text("views", "breakdown")
	regionsSQL   = text("views", "regions")
	formsSQL     = text("forms")
	eventsSQL    = text("events")
	botsSQL      = text("bots")
	noteSQL      = text("note")
	asOfSQL      = text("as_of")
)

// Summary answers with the range in one row.
func (a *Analytics) Summary(ctx context.Context, q Query) (Summary, error) {
	rows, err := ask[Summary](ctx, a, q, summarySQL)
	if err != nil {
		return Summary{}, err
	}
	if len(rows) != 1 {
		return Summary{}, fmt.Errorf("ask summary: %d rows, want 1", len(rows))
	}
	return rows[0], nil
}

// Series answers with every hour, day or month of the range, also those in which nothing happened. A visitor who came on two
// days counts on both.
func (a *Analytics) Series(ctx context.Context, q Query) ([]Bucket, error) {
	if err := a.check(q); err != nil {
		return nil, err
	}
	zone, err := loadZone(q.Zone)
	if err != nil {
		return nil, err
	}
	starts := edges(q.From.In(zone), q.To, q.Interval, MaxBuckets)
	if starts == nil {
		return nil, invalid("interval", "more than %d buckets; ask for longer ones, or for a shorter range", MaxBuckets)
	}
	buckets := make([]Bucket, len(starts))
	index := make(map[int64]int, len(starts))
	millis := make([]int64, len(starts))
	for i, start := range starts {
		buckets[i] = Bucket{Start: start, End: q.To.In(zone)}
		if i > 0 {
			buckets[i-1].End = start
		}
		millis[i] = start.UnixMilli()
		index[millis[i]] = i
	}
	type row struct {
		Edge int64 `ch:"edge"`
		Counts
	}
	rows, err := ask[row](ctx, a, q, seriesSQL, clickhouse.Named("edges", millis))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		buckets[index[row.Edge]].Counts = row.Counts
	}
	return buckets, nil
}

// Pages answers with the pages by views.
func (a *Analytics) Pages(ctx context.Context, q Query) (List[Page], error) {
	return list[Page](ctx, a, q, pagesSQL)
}

// Sources answers with where arrivals came from, by views.
func (a *Analytics) Sources(ctx context.Context, q Query) (List[Source], error) {
	return list[Source](ctx, a, q, sourcesSQL)
}

// Countries answers with the countries by views.
func (a *Analytics) Countries(ctx context.Context, q Query) (List[Value], error) {
	return a.breakdown(ctx, q, "country")
}

// Regions answers with the regions by views, where the region is known.
func (a *Analytics) Regions(ctx context.Context, q Query) (List[Region], error) {
	return list[Region](ctx, a, q, regionsSQL)
}

// Devices answers with the classes of devices by views.
func (a *Analytics) Devices(ctx context.Context, q Query) (List[Value], error) {
	return a.breakdown(ctx, q, "device")
}

// Browsers answers with the families of browsers by views.
func (a *Analytics) Browsers(ctx context.Context, q Query) (List[Value], error) {
	return a.breakdown(ctx, q, "browser")
}

// Systems answers with the families of operating systems by views.
func (a *Analytics) Systems(ctx context.Context, q Query) (List[Value], error) {
	return a.breakdown(ctx, q, "os")
}

// Forms answers with the forms that were sent.
func (a *Analytics) Forms(ctx context.Context, q Query) (List[Form], error) {
	return list[Form](ctx, a, q, formsSQL)
}

// Events answers with the owner's own events.
func (a *Analytics) Events(ctx context.Context, q Query) (List[Event], error) {
	return list[Event](ctx, a, q, eventsSQL)
}

// Bots answers with what was taken for a bot and why, whatever q says about bots.
func (a *Analytics) Bots(ctx context.Context, q Query) (List[Bot], error) {
	return list[Bot](ctx, a, q, botsSQL)
}

// breakdown answers with views by one column. The column is a constant of this file, never a user's word.
func (a *Analytics) breakdown(ctx context.Context, q Query, column string) (List[Value], error) {
	return list[Value](ctx, a, q, breakdownSQL, clickhouse.Named("dimension", column))
}

// list asks for one row more than q's limit, to know whether there are more.
func list[T any](ctx context.Context, a *Analytics, q Query, sql string, more ...any) (List[T], error) {
	rows, err := ask[T](ctx, a, q, sql, append(more, clickhouse.Named("limit", q.Limit+1))...)
	if err != nil {
		return List[T]{}, err
	}
	if len(rows) > q.Limit {
		return List[T]{Rows: rows[:q.Limit], More: true}, nil
	}
	return List[T]{Rows: rows}, nil
}

// everything is a time of load that is later than any.
var everything = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// snapshot returns q bound to what is loaded now, so that all questions under it see the same rows. The line is drawn
// by the rows' own time of load and not by a clock: clocks step, and an insert may be under way.
func (a *Analytics) snapshot(ctx context.Context, q Query) (Query, error) {
	rows, err := ask[struct {
		Latest time.Time `ch:"latest"`
	}](ctx, a, q, asOfSQL)
	if err != nil {
		return q, err
	}
	if len(rows) != 1 {
		return q, fmt.Errorf("ask for the latest load: %d rows, want 1", len(rows))
	}
	q.asOf = rows[0].Latest
	return q, nil
}

// ask runs one statement with q's parameters bound and reads all of its rows; none is an empty slice, never nil.
func ask[T any](ctx context.Context, a *Analytics, q Query, sql string, more ...any) ([]T, error) {
	if err := a.check(q); err != nil {
		return nil, err
	}
	asOf := q.asOf
	if asOf.IsZero() {
		asOf = everything
	}
	rows := []T{}
	if err := a.conn.Select(ctx, &rows, sql, append(more,
		clickhouse.Named("site", q.Site),
		clickhouse.DateNamed("from", q.From.In(time.UTC), clickhouse.MilliSeconds),
		clickhouse.DateNamed("to", q.To.In(time.UTC), clickhouse.MilliSeconds),
		clickhouse.DateNamed("as_of", asOf.In(time.UTC), clickhouse.MilliSeconds),
		clickhouse.Named("bots", string(q.Bots)),
	)...); err != nil {
		return nil, fmt.Errorf("ask clickhouse: %w", err)
	}
	return rows, nil
}

// check refuses a question that has no answer.
func (a *Analytics) check(q Query) error {
	if !a.sites[q.Site] {
		return unknownSite()
	}
	return q.Validate()
}
