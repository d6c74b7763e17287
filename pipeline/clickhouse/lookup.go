package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"heed/schemas"
)

// EventKey identifies an event for ever, wherever it came from.
type EventKey struct {
	Site string
	ID   [16]byte
}

// Stored is a row as read back: which event stands at which position.
type Stored struct {
	Source schemas.Source
	ID     [16]byte
	Site   string
}

// Present returns the rows of origin at the positions from … to, both included, in no order. Origin in from and to is
// not looked at. A position can hold several rows when an insert was repeated under another token.
func (s *Store) Present(ctx context.Context, origin string, from, to schemas.Source) ([]Stored, error) {
	if err := s.catchUp(ctx, "events_local"); err != nil {
		return nil, fmt.Errorf("read back positions: %w", err)
	}
	least, most := uint64(0), uint64(math.MaxUint64)
	if from.Partition == to.Partition {
		least, most = from.Offset, to.Offset
	}
	rows, err := s.conn.Query(s.reading(ctx), statementText("present"),
		driver.Named("origin", origin), driver.Named("least_offset", least), driver.Named("most_offset", most),
		driver.Named("from_partition", from.Partition), driver.Named("from_offset", from.Offset), driver.Named("from_event", from.Event),
		driver.Named("to_partition", to.Partition), driver.Named("to_offset", to.Offset), driver.Named("to_event", to.Event))
	if err != nil {
		return nil, fmt.Errorf("read back positions: %w", err)
	}
	defer rows.Close()
	var found []Stored
	for rows.Next() {
		row, id := Stored{Source: schemas.Source{Origin: origin}}, uuid.UUID{}
		if err := rows.Scan(&row.Source.Partition, &row.Source.Offset, &row.Source.Event, &id, &row.Site); err != nil {
			return nil, fmt.Errorf("read back positions: %w", err)
		}
		row.ID = id
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read back positions: %w", err)
	}
	return found, nil
}

// HasIDs returns those of the keys that are stored, each with a position at which it stands.
func (s *Store) HasIDs(ctx context.Context, keys []EventKey) (map[EventKey]schemas.Source, error) {
	const idsPerQuery = 2000 // 80 kB of query text
	bySite := map[string][]string{}
	for _, key := range keys {
		bySite[key.Site] = append(bySite[key.Site], uuid.UUID(key.ID).String())
	}
	found := map[EventKey]schemas.Source{}
	for _, site := range slices.Sorted(maps.Keys(bySite)) {
		for ids := range slices.Chunk(bySite[site], idsPerQuery) {
			if err := s.findIDs(ctx, site, ids, found); err != nil {
				return nil, fmt.Errorf("look up event ids: %w", err)
			}
		}
	}
	return found, nil
}

func (s *Store) findIDs(ctx context.Context, site string, ids []string, found map[EventKey]schemas.Source) error {
	rows, err := s.conn.Query(s.reading(ctx), statementText("has_ids"), driver.Named("site", site), driver.Named("ids", ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var source schemas.Source
		if err := rows.Scan(&id, &source.Origin, &source.Partition, &source.Offset, &source.Event); err != nil {
			return err
		}
		found[EventKey{site, id}] = source
	}
	return rows.Err()
}

// RecentIDs yields the events loaded at or after since, newest first, limit of them at most. It asks for a minute at a
// time, and for longer stretches as long as they hold little, so that memory stays bounded. An error of yield ends it
// and is returned.
func (s *Store) RecentIDs(ctx context.Context, since time.Time, limit int, yield func(EventKey, schemas.Source, time.Time) error) error {
	const little = 50_000 // rows
	if err := s.catchUp(ctx, "events_local"); err != nil {
		return fmt.Errorf("read recent event ids: %w", err)
	}
	to, stretch := endOfTime, time.Minute
	from := time.Now().Add(-stretch)
	for left := limit; left > 0; {
		if from.Before(since) {
			from = since
		}
		n, err := s.recentIDs(ctx, from, to, left, yield)
		if err != nil {
			return fmt.Errorf("read recent event ids: %w", err)
		}
		if !from.After(since) {
			break
		}
		if left -= n; n < little {
			stretch *= 2
		}
		to, from = from, from.Add(-stretch)
	}
	return nil
}

// endOfTime is past every time of load, also by a clock that has been set back since.
var endOfTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Store) recentIDs(ctx context.Context, from, to time.Time, limit int, yield func(EventKey, schemas.Source, time.Time) error) (n int, err error) {
	rows, err := s.conn.Query(s.reading(ctx), statementText("recent_ids"), driver.Named("limit", limit),
		driver.DateNamed("from", from, driver.MilliSeconds), driver.DateNamed("to", to, driver.MilliSeconds))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var key EventKey
		var id uuid.UUID
		var source schemas.Source
		var loaded time.Time
		if err := rows.Scan(&key.Site, &id, &source.Origin, &source.Partition, &source.Offset, &source.Event, &loaded); err != nil {
			return n, err
		}
		key.ID = id
		if err := yield(key, source, loaded); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// reading keeps a cluster from answering by a replica that lags far behind. What must not lag at all calls catchUp
// before it.
func (s *Store) reading(ctx context.Context) context.Context {
	if s.cfg.Cluster == "" {
		return ctx
	}
	return driver.Context(ctx, driver.WithSettings(driver.Settings{
		"max_replica_delay_for_distributed_queries":          30, // seconds
		"fallback_to_stale_replicas_for_distributed_queries": 0,
	}))
}
