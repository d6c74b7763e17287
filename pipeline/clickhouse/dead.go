package clickhouse

import (
	"context"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// EachDead yields the dead letters whose time lies in [since, until), by position and, at one position, by time. One
// that was written twice is yielded twice. An error of yield ends it and is returned.
func (s *Store) EachDead(ctx context.Context, since, until time.Time, yield func(DeadLetter) error) error {
	rows, err := s.conn.Query(s.reading(ctx), statementText("each_dead"),
		driver.DateNamed("since", since, driver.MilliSeconds), driver.DateNamed("until", until, driver.MilliSeconds))
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var letter DeadLetter
		at := &letter.Source
		if err := rows.Scan(&letter.Time, &letter.Reason, &at.Origin, &at.Partition, &at.Offset, &at.Event, &letter.Envelope); err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
		if err := yield(letter); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return nil
}

// DropDead removes the dead letters at a position. Rows without bytes, which only say what became of one, stay.
func (s *Store) DropDead(ctx context.Context, source schemas.Source) error {
	err := s.conn.Exec(ctx, s.dialect.render(statementText("drop_dead")), driver.Named("origin", source.Origin),
		driver.Named("partition", source.Partition), driver.Named("offset", source.Offset), driver.Named("event", source.Event))
	if err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}
