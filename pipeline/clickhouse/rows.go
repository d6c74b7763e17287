package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// Row is one event and where it came from.
type Row struct {
	Envelope *schemas.Envelope
	Source   schemas.Source
	Loaded   time.Time // when it was sent, the same for all rows of an insert and later than that of every insert before
}

// Partition is what the events table is partitioned by. The rows of an insert all have the same, so that they become
// one part.
type Partition struct {
	Retention uint8 // months, the retention class
	Month     int   // year × 100 + month, UTC
}

// Partition of the row.
func (r Row) Partition() Partition {
	t := time.UnixMilli(r.Envelope.GetTimeMs()).UTC()
	return Partition{uint8(r.Envelope.GetRetentionMonths()), t.Year()*100 + int(t.Month())}
}

// DeadLetter is an event that could not be decoded or stored.
type DeadLetter struct {
	Time     time.Time
	Reason   string
	Source   schemas.Source
	Envelope []byte // as it came
}

// Insert writes rows as one block: all or none, and durable when it returns nil. The block is dropped when one with
// the same token is among the last 10,000 of the table. The rows must be of one partition.
//
// A row that cannot be stored makes it return a *RowError before anything is sent; a block that the server refuses an
// error that is ErrRefused, and a server without room for it ErrBusy. After any other error the outcome is unknown, and
// the same call may be repeated.
func (s *Store) Insert(ctx context.Context, token string, rows []Row) error {
	return s.InsertBlock(ctx, token, &Block{Rows: rows})
}

// InsertDead writes dead letters, with the token's promise of Insert. They must be of one month.
func (s *Store) InsertDead(ctx context.Context, token string, letters []DeadLetter) (err error) {
	if len(letters) == 0 {
		return nil
	}
	defer func(start time.Time) { s.metrics.inserted(s.metrics.deadRows, len(letters), start, err) }(time.Now())
	for _, letter := range letters {
		if at, first := letter.Time.UTC(), letters[0].Time.UTC(); at.Year() != first.Year() || at.Month() != first.Month() {
			return fmt.Errorf("insert dead letters: %v and %v are not of one month", first, at)
		}
	}
	if err := insertInRoom(ctx, s, target{table: "dead_letters", token: token}, deadColumns, letters); err != nil {
		return fmt.Errorf("insert %d dead letters: %w", len(letters), err)
	}
	return nil
}

// target says where an insert goes.
type target struct {
	table, token string // a repeat of the token is dropped; without one nothing is
	shard        int    // of a cluster; 0 leaves it to the server
}

// insertInRoom makes one block of rows and inserts it as insertIn does.
func insertInRoom[T any](ctx context.Context, s *Store, to target, columns []column[T], rows []T) error {
	return insertIn(ctx, s, to, insertion[T]{columns: columns, rows: rows})
}

// insertIn inserts where there is room, and takes the engine's word for it only where some is left. Without that the
// outcome is unknown, and the caller reads back.
func insertIn[T any](ctx context.Context, s *Store, to target, in insertion[T]) error {
	if err := s.room(keepFreeBytes); err != nil {
		return err
	}
	if err := insertBlock(s.inserting(ctx, to), s.conn, to.table, in); err != nil {
		_, sharded := shardKeys[to.table]
		return classify(err, sharded && s.cfg.Cluster != "" && to.shard == 0)
	}
	return s.room(believeBytes)
}

// inserting sets what every insert needs: to be written when it returns, where the defaults would answer earlier, and
// to be dropped when it is a repeat. Without a token every insert is one of its own.
func (s *Store) inserting(ctx context.Context, to target) context.Context {
	settings := driver.Settings{
		"async_insert":                    0,
		"distributed_foreground_insert":   1,
		"insert_deduplicate":              0,
		"max_insert_block_size":           1 << 24, // one insert is one block, hence one part
		"max_partitions_per_insert_block": 1,
	}
	if to.token != "" {
		settings["insert_deduplicate"], settings["insert_deduplication_token"] = 1, to.token
	}
	if to.shard != 0 {
		settings["insert_shard_id"] = to.shard
	}
	if s.cfg.Cluster != "" && !s.dialect.plain {
		settings["insert_quorum"] = "auto"                         // the majority of a shard's replicas
		settings["insert_quorum_timeout"] = 60_000                 // ms; the outcome is unknown after it
		settings["distributed_insert_skip_read_only_replicas"] = 1 // another replica of the shard can
		settings["insert_quorum_parallel"] = 1                     // one loader does not wait for another
	}
	return driver.Context(ctx, driver.WithSettings(settings))
}

// insertBlock sends rows as one native block, column by column, which is several times as fast as row by row.
func insertBlock[T any](ctx context.Context, conn driver.Conn, table string, in insertion[T]) error {
	names := make([]string, len(in.columns))
	types := make([]driver.ColumnNameAndType, len(in.columns))
	for i, c := range in.columns {
		names[i], types[i] = c.name, driver.ColumnNameAndType{Name: c.name, Type: c.kind}
	}
	ctx = driver.Context(ctx, driver.WithColumnNamesAndTypes(types)) // spares a DESCRIBE over HTTP
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return err
	}
	defer batch.Close()
	if err := in.fill(batch.Columns()); err != nil {
		return err
	}
	for i, filled := range batch.Columns() {
		if filled.Rows() != len(in.rows) { // the driver would send nothing, and report success
			return fmt.Errorf("column %s has %d values for %d rows", in.columns[i].name, filled.Rows(), len(in.rows))
		}
	}
	return batch.Send()
}

// checkRows finds what keeps rows from being a block.
func checkRows(rows []Row) error {
	first := monthOf(&rows[0])
	for i := range rows {
		if err := checkRow(&rows[i]); err != nil {
			return &RowError{i, err}
		}
		if !first.has(&rows[i]) {
			return fmt.Errorf("insert rows: row %d is of partition %v, row 0 of %v", i, rows[i].Partition(), rows[0].Partition())
		}
	}
	return nil
}

// checkRow finds what the table's types could not hold.
func checkRow(row *Row) error {
	ev := row.Envelope
	if ev == nil {
		return errors.New("no envelope")
	}
	switch schemas.Kind(ev.Kind) {
	case schemas.Page, schemas.Engagement, schemas.Custom, schemas.Form:
	default:
		return fmt.Errorf("kind %q is unknown", ev.Kind)
	}
	if len(ev.Id) != 16 {
		return fmt.Errorf("id has %d bytes, not 16", len(ev.Id))
	}
	for _, id := range ev.AnonymousIds {
		if len(id) != 16 {
			return fmt.Errorf("anonymous id has %d bytes, not 16", len(id))
		}
	}
	switch {
	case !idOrNone(ev.Visitor):
		return fmt.Errorf("visitor has %d bytes, not 16", len(ev.Visitor))
	case !idOrNone(ev.View):
		return fmt.Errorf("view has %d bytes, not 16", len(ev.View))
	case !idOrNone(ev.Record):
		return fmt.Errorf("record has %d bytes, not 16", len(ev.Record))
	case ev.Categories > 0xff:
		return fmt.Errorf("categories %d do not fit a byte", ev.Categories)
	case ev.RetentionMonths > 0xff:
		return fmt.Errorf("retention of %d months does not fit a byte", ev.RetentionMonths)
	}
	for _, ms := range [...]int64{ev.TimeMs, ev.ReceivedMs, row.Loaded.UnixMilli()} {
		if ms < 0 || ms >= endOfTime.UnixMilli() {
			return fmt.Errorf("time of %d ms is not between 1970 and 2200", ms)
		}
	}
	return nil
}

func idOrNone(id []byte) bool { return len(id) == 0 || len(id) == 16 }
