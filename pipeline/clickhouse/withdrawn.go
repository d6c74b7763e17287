package clickhouse

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// The bits of consent.Categories that a withdrawal is about. Their values never change.
const (
	performance = 4
	advertising = 8
)

// RecordKey names the consent record of an event.
type RecordKey struct {
	Site   string
	Record [16]byte
}

// Withdrawal is a consent record that the visitor has ended, and what remains of what it granted.
type Withdrawal struct {
	Site   string
	Record [16]byte
	Keeps  uint8 // the categories still granted, as bits of consent.Categories
	At     time.Time
}

// Key names the record.
func (w Withdrawal) Key() RecordKey { return RecordKey{w.Site, w.Record} }

// remains is what Keeps means for the record's events: 0, they go; performance, their click ids go; both bits, nothing
// was taken from them.
func (w Withdrawal) remains() uint8 {
	if w.Keeps&performance == 0 {
		return 0
	}
	return w.Keeps & (performance | advertising)
}

// maxPut is how long a withdrawal may take from its stamp, which the server gives it, until everybody can read it. Who
// reads what was stamped lately counts on it: see recently.
const maxPut = time.Minute

// PutWithdrawn writes down that consent records were ended. When it returns nil that is durable, and every loader drops
// or strips their events from its next question on. After an error the same call is repeated. To write the same again
// changes nothing; of two withdrawals of one record what both keep remains. One that takes nothing from events is passed
// over.
func (s *Store) PutWithdrawn(ctx context.Context, withdrawals []Withdrawal) error {
	rows := make([]Withdrawal, 0, len(withdrawals))
	for _, w := range withdrawals {
		if w.Site == "" || w.Record == [16]byte{} {
			return fmt.Errorf("put %d withdrawals: one names no site or no record", len(withdrawals))
		}
		if w.Keeps = w.remains(); w.Keeps&advertising == 0 {
			rows = append(rows, w)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	for {
		start := time.Now()
		if err := insertInRoom(ctx, s, target{table: "withdrawn"}, withdrawnColumns, rows); err != nil {
			return fmt.Errorf("put %d withdrawals: %w", len(rows), err)
		}
		if time.Since(start.Round(0)) < maxPut {
			return nil
		}
	}
}

// Withdrawn returns what remains to the events of those of the keys that were ended: 0, nothing; the bit of performance,
// all but click ids. A key that is not in the answer was not ended.
func (s *Store) Withdrawn(ctx context.Context, keys []RecordKey) (map[RecordKey]uint8, error) {
	const keysPerQuery = 2000 // 100 kB of query text
	found := map[RecordKey]uint8{}
	for part := range slices.Chunk(keys, keysPerQuery) {
		sites, records := keyParams(part)
		err := s.eachWithdrawn(ctx, "withdrawn_keys", func(key RecordKey, keeps uint8) error {
			found[key] = keeps
			return nil
		}, driver.Named("sites", sites), driver.Named("records", records))
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// WithdrawnSince yields the records ended in the last age, or in all time when age is 0, and what remains to their events,
// limit of them at most. A record ended twice may be yielded with what one of the two has left. An error of yield ends
// it and is returned.
func (s *Store) WithdrawnSince(ctx context.Context, age time.Duration, limit int, yield func(key RecordKey, keeps uint8) error) error {
	seconds := uint32(0)
	if age > 0 {
		seconds = uint32((age + recently + time.Second).Seconds())
	}
	return s.eachWithdrawn(ctx, "withdrawn_since", yield, driver.Named("seconds", seconds), driver.Named("limit", limit))
}

// recently is added to the time that WithdrawnSince is asked for: what a withdrawal takes to become readable, and what
// the clocks of two servers may differ.
const recently = 10 * maxPut

func (s *Store) eachWithdrawn(ctx context.Context, query string, yield func(RecordKey, uint8) error, params ...any) error {
	if err := s.timely(ctx); err != nil {
		return fmt.Errorf("ask for withdrawals: %w", err)
	}
	rows, err := s.conn.Query(ctx, statementText(query), params...)
	if err != nil {
		return fmt.Errorf("ask for withdrawals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key RecordKey
		var record string
		var keeps uint8
		if err := rows.Scan(&key.Site, &record, &keeps); err != nil {
			return fmt.Errorf("ask for withdrawals: %w", err)
		}
		copy(key.Record[:], record)
		if err := yield(key, keeps); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ask for withdrawals: %w", err)
	}
	return nil
}

// maxDelay is how far the server that is asked may lag behind the others of a cluster.
const maxDelay = 30 * time.Second

// timely returns an error when the server that is asked lags behind, so that it might not know a withdrawal.
func (s *Store) timely(ctx context.Context) error {
	if s.cfg.Cluster == "" || s.dialect.plain {
		return nil
	}
	var delay uint64
	if err := s.conn.QueryRow(ctx, statementText("withdrawn_delay")).Scan(&delay); err != nil {
		return err
	}
	if delay > uint64(maxDelay.Seconds()) {
		return fmt.Errorf("the server's copy of withdrawn is %d s behind", delay)
	}
	return nil
}

// keyParams are keys as parameters of a query.
func keyParams(keys []RecordKey) (sites, records []string) {
	for _, key := range keys {
		sites, records = append(sites, key.Site), append(records, hex.EncodeToString(key.Record[:]))
	}
	return sites, records
}
