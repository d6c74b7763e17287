package clickhouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"heed/consent/record"
	"heed/schemas"
)

// ConsentRow is a row of the table consent_records: a record in its chain, what the columns repeat of it, and where it
// came from.
type ConsentRow struct {
	Site    string
	Row     record.Row
	Columns ConsentColumns
	Source  schemas.Source
	Loaded  time.Time // by the store's clock (Store.Now); one that is over a minute old is refused
}

// ConsentColumns are the columns that repeat what stands in the record, for queries. They can be compared.
type ConsentColumns struct {
	ID, Ends            record.ID // Ends is zero where nothing ends
	TimeMS              int64     // Unix ms
	Event, Method       string
	Jurisdiction        string
	Country, Region     string
	Categories          uint8 // bits of consent.Categories
	Wall, Notice, Shown string
}

// NewConsentColumns returns what the columns of r's row hold.
func NewConsentColumns(r *record.Record) ConsentColumns {
	c := ConsentColumns{
		ID: r.ID, Ends: r.Ends, TimeMS: r.TimeMS, Event: string(r.Event), Method: string(r.Method),
		Jurisdiction: r.Jurisdiction, Country: r.Place.Country, Region: r.Place.Region,
		Categories: uint8(r.Granted()), Wall: string(r.Wall), Notice: r.Notice.ID,
	}
	if r.Notice != (record.NoticeRef{}) {
		c.Shown = r.Notice.Shown.String()
	}
	return c
}

// InsertRecords writes rows as one block, hence one part: all or none, and durable when it returns nil. The block is
// dropped when one with the same token is among the last 10,000 of the table. After an error the outcome is unknown,
// unless it is ErrRefused or ErrBusy.
func (s *Store) InsertRecords(ctx context.Context, token string, rows []ConsentRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "consent_records", token: token}, consentColumns, rows); err != nil {
		return fmt.Errorf("insert %d consent records: %w", len(rows), err)
	}
	return nil
}

// Now is the store's clock.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	if err := s.conn.QueryRow(ctx, statementText("now")).Scan(&now); err != nil {
		return now, fmt.Errorf("ask for the store's time: %w", err)
	}
	return now, nil
}

// RecordsByID returns the rows of a site that hold one of the records, also those inserted a moment ago elsewhere. Of a
// record that stands in two rows it returns either.
func (s *Store) RecordsByID(ctx context.Context, site string, ids []record.ID) (map[record.ID]record.Row, error) {
	const idsPerQuery = 2000 // 80 kB of query text
	if err := s.catchUp(ctx, "consent_records"); err != nil {
		return nil, fmt.Errorf("look up consent records: %w", err)
	}
	found := map[record.ID]record.Row{}
	for len(ids) > 0 {
		part := ids[:min(len(ids), idsPerQuery)]
		ids = ids[len(part):]
		texts := make([]string, len(part))
		for i, id := range part {
			texts[i] = uuid.UUID(id).String()
		}
		rows := s.consentRows(ctx, "records_by_id", driver.Named("site", site), driver.Named("ids", texts))
		for row, err := range rows {
			if err != nil {
				return nil, fmt.Errorf("look up consent records: %w", err)
			}
			found[row.Columns.ID] = row.Row
		}
	}
	return found, nil
}

// Record returns the row of a record by its id, of any site when site is empty; false when there is none.
func (s *Store) Record(ctx context.Context, site string, id record.ID) (ConsentRow, bool, error) {
	rows := s.consentRows(ctx, "record", driver.Named("site", site), driver.Named("id", uuid.UUID(id).String()))
	for row, err := range rows {
		if err != nil {
			return row, false, fmt.Errorf("look up consent record: %w", err)
		}
		return row, true, nil
	}
	return ConsentRow{}, false, nil
}

// Records yields the rows of a site from an index on, in the order of their index, also those inserted a moment ago
// elsewhere. It asks for some thousand at a time, so that memory stays bounded. It ends with the first error.
func (s *Store) Records(ctx context.Context, site string, from uint64) iter.Seq2[ConsentRow, error] {
	const perQuery = 4000 // of a kilobyte each; of 32 at most
	return func(yield func(ConsentRow, error) bool) {
		if err := s.catchUp(ctx, "consent_records"); err != nil {
			yield(ConsentRow{}, fmt.Errorf("read consent records: %w", err))
			return
		}
		for {
			n := 0
			for row, err := range s.consentRows(ctx, "records", driver.Named("site", site), driver.Named("from", from),
				driver.Named("limit", perQuery)) {
				if err != nil {
					yield(ConsentRow{}, fmt.Errorf("read consent records: %w", err))
					return
				}
				if !yield(row, nil) {
					return
				}
				n, from = n+1, row.Row.Index+1
			}
			if n < perQuery {
				return
			}
		}
	}
}

// consentRows runs a query for whole rows.
func (s *Store) consentRows(ctx context.Context, query string, args ...any) iter.Seq2[ConsentRow, error] {
	return func(yield func(ConsentRow, error) bool) {
		rows, err := s.conn.Query(s.reading(ctx), statementText(query), args...)
		if err != nil {
			yield(ConsentRow{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := scanConsent(rows)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(ConsentRow{}, err)
		}
	}
}

func scanConsent(rows interface{ Scan(...any) error }) (row ConsentRow, err error) {
	var hash, prev, text string
	var id, ends uuid.UUID
	var at time.Time
	c, source := &row.Columns, &row.Source
	err = rows.Scan(&row.Site, &row.Row.Index, &hash, &prev, &text, &id, &at, &c.Event, &c.Method, &c.Jurisdiction,
		&c.Country, &c.Region, &c.Categories, &c.Wall, &c.Notice, &c.Shown, &ends,
		&source.Origin, &source.Partition, &source.Offset, &source.Event, &row.Loaded)
	copy(row.Row.Hash[:], hash)
	copy(row.Row.Prev[:], prev)
	row.Row.Record = []byte(text)
	c.ID, c.Ends, c.TimeMS = record.ID(id), record.ID(ends), at.UnixMilli()
	return row, err
}

// ChainState is how far a site's chain goes.
type ChainState struct {
	Site   string
	First  uint64 // index of the first row that is there
	Size   uint64 // rows, expired ones included
	Closed uint64 // of those, the rows that the largest root covers
}

// ChainStates lists the chains that have rows, by site.
func (s *Store) ChainStates(ctx context.Context) (states []ChainState, err error) {
	if err := s.catchUp(ctx, "consent_records"); err != nil {
		return nil, fmt.Errorf("list chains of consent records: %w", err)
	}
	rows, err := s.conn.Query(s.reading(ctx), statementText("chain_states"))
	if err != nil {
		return nil, fmt.Errorf("list chains of consent records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state ChainState
		if err := rows.Scan(&state.Site, &state.First, &state.Size, &state.Closed); err != nil {
			return nil, fmt.Errorf("list chains of consent records: %w", err)
		}
		states = append(states, state)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list chains of consent records: %w", err)
	}
	return states, nil
}

// NewestRecord returns the time of the newest record that ends a chain, among those stored before a given time of the
// store's clock; 1970 when there is none.
func (s *Store) NewestRecord(ctx context.Context, before time.Time) (newest time.Time, err error) {
	err = s.conn.QueryRow(s.reading(ctx), statementText("newest_record"), driver.DateNamed("before", before, driver.MilliSeconds)).Scan(&newest)
	if err != nil {
		return newest, fmt.Errorf("look for the newest consent record: %w", err)
	}
	return newest, nil
}

// DoubledRecord returns a record of a site that stands in two rows or more, and false when each stands in one.
func (s *Store) DoubledRecord(ctx context.Context, site string) (id record.ID, doubled bool, err error) {
	var found uuid.UUID
	err = s.conn.QueryRow(s.reading(ctx), statementText("doubled_record"), driver.Named("site", site)).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("look for doubled consent records: %w", err)
	}
	return record.ID(found), true, nil
}

// DropRecords removes the rows of a site before an index for good. It returns when they are gone from the disk.
func (s *Store) DropRecords(ctx context.Context, site string, before uint64) error {
	err := s.conn.Exec(ctx, s.dialect.render(statementText("drop_records")), driver.Named("site", site), driver.Named("before", before))
	if err != nil {
		return fmt.Errorf("drop consent records: %w", err)
	}
	return nil
}

// consentColumns are the columns of the table consent_records.
var consentColumns = []column[ConsentRow]{
	{"site", lowCardinality, words(func(r ConsentRow) string { return r.Site })},
	{"row_index", "UInt64", each(func(r ConsentRow) uint64 { return r.Row.Index })},
	{"hash", "FixedString(32)", each(func(r ConsentRow) []byte { return r.Row.Hash[:] })},
	{"prev", "FixedString(32)", each(func(r ConsentRow) []byte { return r.Row.Prev[:] })},
	{"record", "String", each(func(r ConsentRow) []byte { return r.Row.Record })},

	{"id", "UUID", each(func(r ConsentRow) uuid.UUID { return uuid.UUID(r.Columns.ID) })},
	{"time", milliseconds, each(func(r ConsentRow) int64 { return r.Columns.TimeMS })},
	{"event", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Event })},
	{"method", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Method })},
	{"jurisdiction", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Jurisdiction })},
	{"country", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Country })},
	{"region", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Region })},
	{"categories", "UInt8", each(func(r ConsentRow) uint8 { return r.Columns.Categories })},
	{"wall", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Wall })},
	{"notice", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Notice })},
	{"shown", lowCardinality, words(func(r ConsentRow) string { return r.Columns.Shown })},
	{"ends", "UUID", each(func(r ConsentRow) uuid.UUID { return uuid.UUID(r.Columns.Ends) })},

	{"source_origin", lowCardinality, words(func(r ConsentRow) string { return r.Source.Origin })},
	{"source_partition", "UInt32", each(func(r ConsentRow) uint32 { return r.Source.Partition })},
	{"source_offset", "UInt64", each(func(r ConsentRow) uint64 { return r.Source.Offset })},
	{"source_event", "UInt32", each(func(r ConsentRow) uint32 { return r.Source.Event })},
	{"loaded", milliseconds, each(func(r ConsentRow) time.Time { return r.Loaded })},
}
