package clickhouse

import (
	"context"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// LoadEnds counts how the events of one site ended that stood in one planned batch of a partition: each event once, as
// a row, as a duplicate of one, as withdrawn, or as a dead letter. They are the rows of the table load_ends.
type LoadEnds struct {
	At         time.Time // when they were counted; the same for all rows of an insert
	Site       string    // "" where it could not be read
	Origin     string
	Partition  uint32
	From, To   uint64 // offsets of the plan: From included, To not
	Stored     uint64
	Duplicates uint64
	Withdrawn  uint64
	Dead       uint64
}

// InsertEnds writes how the events of one batch ended, with the token's promise of Insert. A range that is written
// again, under whatever token, counts once: the row with the later At.
func (s *Store) InsertEnds(ctx context.Context, token string, ends []LoadEnds) error {
	if len(ends) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "load_ends", token: token}, endColumns, ends); err != nil {
		return fmt.Errorf("insert %d ends: %w", len(ends), err)
	}
	return nil
}

// EndTotals is how the events of a site ended that came from an origin.
type EndTotals struct {
	Stored, Duplicates, Withdrawn, Dead uint64
}

// EndTotals sums what InsertEnds has written, by site.
func (s *Store) EndTotals(ctx context.Context, origin string) (map[string]EndTotals, error) {
	rows, err := s.conn.Query(s.reading(ctx), statementText("end_totals"), driver.Named("origin", origin))
	if err != nil {
		return nil, fmt.Errorf("sum load ends: %w", err)
	}
	defer rows.Close()
	totals := map[string]EndTotals{}
	for rows.Next() {
		var site string
		var sum EndTotals
		if err := rows.Scan(&site, &sum.Stored, &sum.Duplicates, &sum.Withdrawn, &sum.Dead); err != nil {
			return nil, fmt.Errorf("sum load ends: %w", err)
		}
		totals[site] = sum
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sum load ends: %w", err)
	}
	return totals, nil
}

// The codes of an EdgeCount beside those of rejections (schemas.Code).
const (
	EdgeArrived  = "arrived"
	EdgeAccepted = "accepted"
)

// EdgeCount is how many events of a site a collector has counted under a code since its log began.
type EdgeCount struct {
	Log   string // the log's id: the counter begins anew with another one
	Site  string
	Code  string // EdgeArrived, EdgeAccepted or the code of a rejection
	Count uint64
	At    time.Time // when it was counted; of several rows the latest counts
}

// PutEdgeCounts writes a collector's counters as they stand. To write the same again, or an older state later, changes
// nothing.
func (s *Store) PutEdgeCounts(ctx context.Context, counts []EdgeCount) error {
	if len(counts) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "edge_counts"}, edgeColumns, counts); err != nil {
		return fmt.Errorf("insert %d edge counts: %w", len(counts), err)
	}
	return nil
}

// EdgeTotals sums the counters of all collectors by site and code. Log is empty, and At is when the latest of them was
// written.
func (s *Store) EdgeTotals(ctx context.Context) ([]EdgeCount, error) {
	rows, err := s.conn.Query(s.reading(ctx), statementText("edge_totals"))
	if err != nil {
		return nil, fmt.Errorf("sum edge counts: %w", err)
	}
	defer rows.Close()
	var totals []EdgeCount
	for rows.Next() {
		var sum EdgeCount
		if err := rows.Scan(&sum.Site, &sum.Code, &sum.Count, &sum.At); err != nil {
			return nil, fmt.Errorf("sum edge counts: %w", err)
		}
		totals = append(totals, sum)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sum edge counts: %w", err)
	}
	return totals, nil
}
