package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// Unerased returns the withdrawals that were readable for at least that long and are not marked as erased, the oldest
// first, limit of them at most. Keeps is what remains to their events: 0, nothing, or the bit of performance. A record
// ended twice may be there twice.
func (s *Store) Unerased(ctx context.Context, readable time.Duration, limit int) ([]Withdrawal, error) {
	for _, table := range []string{"withdrawn", "erasures"} {
		if err := s.catchUp(ctx, table); err != nil {
			return nil, fmt.Errorf("read unfinished withdrawals: %w", err)
		}
	}
	rows, err := s.conn.Query(ctx, statementText("unerased"), driver.Named("limit", limit),
		driver.Named("seconds", uint32((readable+maxPut).Seconds()))) // put is the stamp
	if err != nil {
		return nil, fmt.Errorf("read unfinished withdrawals: %w", err)
	}
	defer rows.Close()
	var found []Withdrawal
	for rows.Next() {
		var w Withdrawal
		var record string
		if err := rows.Scan(&w.Site, &record, &w.Keeps, &w.At); err != nil {
			return nil, fmt.Errorf("read unfinished withdrawals: %w", err)
		}
		copy(w.Record[:], record)
		found = append(found, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read unfinished withdrawals: %w", err)
	}
	return found, nil
}

// Backlog returns how many withdrawals are not marked as erased, and for how long the oldest has been waiting.
func (s *Store) Backlog(ctx context.Context) (waiting uint64, oldest time.Duration, err error) {
	var seconds int64
	if err := s.conn.QueryRow(ctx, statementText("unerased_count")).Scan(&waiting, &seconds); err != nil {
		return 0, 0, fmt.Errorf("count unfinished withdrawals: %w", err)
	}
	return waiting, time.Duration(max(0, seconds)) * time.Second, nil
}

// EraseRows takes the rows of consent records out of events and of all projections: first their positions are written
// down (Erased, ErasedTotals), then every part that has one of them is written again without it, by a mutation and not
// by a lightweight DELETE, which would leave the bytes where they are. It returns when that is done on every server.
// What is left is the old parts, until the engine removes them: see Lingering. After an error, or a crash, it is
// repeated; rows that a second call finds no more stay counted.
//
// The caller sees to it that no row of these records is inserted any more: one that came between the two steps would be
// erased without being counted.
func (s *Store) EraseRows(ctx context.Context, keys []RecordKey) error {
	if len(keys) == 0 {
		return nil
	}
	if err := s.catchUp(ctx, "events_local"); err != nil {
		return fmt.Errorf("erase rows: %w", err)
	}
	if err := s.room(keepFreeBytes); err != nil {
		return err
	}
	sites, records := keyParams(keys)
	params := []any{driver.Named("sites", sites), driver.Named("records", records)}
	if err := s.conn.Exec(s.inserting(ctx, target{table: "erased"}), statementText("list_erased"), params...); err != nil {
		return fmt.Errorf("list rows to erase: %w", err)
	}
	if err := s.room(believeBytes); err != nil {
		return err
	}
	if err := s.conn.Exec(mutating(ctx), s.dialect.render(statementText("erase_rows")), params...); err != nil {
		return fmt.Errorf("erase rows: %w", err)
	}
	return nil
}

// EraseClickIDs empties the click ids of the rows of consent records, and takes the category they stood on from the rows,
// as EraseRows does with whole rows.
func (s *Store) EraseClickIDs(ctx context.Context, keys []RecordKey) error {
	if len(keys) == 0 {
		return nil
	}
	if err := s.room(keepFreeBytes); err != nil {
		return err
	}
	sites, records := keyParams(keys)
	err := s.conn.Exec(mutating(ctx), s.dialect.render(statementText("erase_click_ids")),
		driver.Named("sites", sites), driver.Named("records", records))
	if err != nil {
		return fmt.Errorf("erase click ids: %w", err)
	}
	return nil
}

// mutating lets a cluster take its time: every server writes parts anew.
func mutating(ctx context.Context) context.Context {
	return driver.Context(ctx, driver.WithSettings(driver.Settings{"distributed_ddl_task_timeout": int(ddlTimeout.Seconds())}))
}

// DeadWith yields the dead letters in whose bytes the id of one of the consent records stands, also where the bytes are no
// envelope. An error of yield ends it and is returned.
func (s *Store) DeadWith(ctx context.Context, records [][16]byte, yield func(DeadLetter) error) error {
	needles := make([]string, len(records))
	for i, record := range records {
		needles[i] = fmt.Sprintf("%x", record[:])
	}
	rows, err := s.conn.Query(s.reading(ctx), statementText("dead_with"), driver.Named("records", needles))
	if err != nil {
		return fmt.Errorf("search dead letters: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var letter DeadLetter
		at := &letter.Source
		if err := rows.Scan(&letter.Time, &letter.Reason, &at.Origin, &at.Partition, &at.Offset, &at.Event, &letter.Envelope); err != nil {
			return fmt.Errorf("search dead letters: %w", err)
		}
		if err := yield(letter); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search dead letters: %w", err)
	}
	return nil
}

// Lingering counts the parts of events and dead letters that were replaced at that time of the store's clock, or before,
// and still lie on a disk. The engine keeps them for eight minutes (old_parts_lifetime), and as long as a query reads
// them.
func (s *Store) Lingering(ctx context.Context, replaced time.Time) (parts uint64, err error) {
	text := statementText("lingering_parts")
	if s.cfg.Cluster != "" && !s.dialect.plain {
		text = strings.Replace(text, "system.parts", "clusterAllReplicas("+quoteText(s.cfg.Cluster)+", system.parts)", 1)
	}
	row := s.conn.QueryRow(ctx, text, driver.Named("database", s.database), driver.DateNamed("replaced", replaced, driver.MilliSeconds))
	if err := row.Scan(&parts); err != nil {
		return 0, fmt.Errorf("count replaced parts: %w", err)
	}
	return parts, nil
}

// MarkErased writes down that nothing is left of withdrawals, as Unerased has returned them. To do so again changes
// nothing.
func (s *Store) MarkErased(ctx context.Context, withdrawals []Withdrawal, at time.Time) error {
	rows := make([]Withdrawal, len(withdrawals))
	for i, w := range withdrawals {
		rows[i] = w
		rows[i].At = at
	}
	if len(rows) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "erasures"}, withdrawnColumns, rows); err != nil {
		return fmt.Errorf("mark %d withdrawals as erased: %w", len(rows), err)
	}
	return nil
}

// ErasedTotals counts by site the rows that EraseRows has listed, each once: those that came from the origins, or all
// when none is named.
func (s *Store) ErasedTotals(ctx context.Context, origins ...string) (map[string]uint64, error) {
	if origins == nil {
		origins = []string{}
	}
	rows, err := s.conn.Query(ctx, statementText("erased_totals"), driver.Named("origins", origins))
	if err != nil {
		return nil, fmt.Errorf("count erased rows: %w", err)
	}
	defer rows.Close()
	totals := map[string]uint64{}
	for rows.Next() {
		var site string
		var n uint64
		if err := rows.Scan(&site, &n); err != nil {
			return nil, fmt.Errorf("count erased rows: %w", err)
		}
		totals[site] = n
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count erased rows: %w", err)
	}
	return totals, nil
}
