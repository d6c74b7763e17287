package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	blocks "github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// Block is what one insert stores, all of it or nothing: rows of one partition.
type Block struct {
	Rows []Row

	columns []blocks.Interface // made of Rows and not sent yet; nil when there are none
}

// lateColumn is not made before a block is sent: it says when that was.
const lateColumn = "loaded"

// Prepare makes the block's columns, most of the work of an insert, ahead of InsertBlock. Rows may not change between the
// two, their Loaded excepted. What keeps a row from being stored is for InsertBlock to tell.
func (s *Store) Prepare(b *Block) { _ = s.makeColumns(b) }

// makeColumns checks the block's rows and makes its columns, if that is not done yet.
func (s *Store) makeColumns(b *Block) error {
	if b.columns != nil {
		return nil
	}
	if err := checkRows(b.Rows); err != nil {
		return err
	}
	columns, err := s.spare.get()
	if err != nil {
		return err
	}
	if err := fill(columns, eventColumns, b.Rows); err != nil {
		return err
	}
	b.columns = columns
	return nil
}

// spareColumns are for the next block: it needs columns as large as those of the last one.
type spareColumns struct{ pool sync.Pool }

// get returns empty columns of the table events, nil for the late one.
func (s *spareColumns) get() ([]blocks.Interface, error) {
	if spare, ok := s.pool.Get().(*[]blocks.Interface); ok {
		columns := *spare
		for _, c := range columns {
			if c != nil {
				c.Reset()
			}
		}
		return columns, nil
	}
	columns := make([]blocks.Interface, len(eventColumns))
	for i, c := range eventColumns {
		if c.name == lateColumn {
			continue
		}
		var err error
		if columns[i], err = blocks.Type(c.kind).Column(c.name, &blocks.ServerContext{Timezone: time.UTC}); err != nil {
			return nil, fmt.Errorf("make column %s: %w", c.name, err)
		}
	}
	return columns, nil
}

func (s *spareColumns) put(columns []blocks.Interface) { s.pool.Put(&columns) }

// InsertBlock writes the block, with the promises and errors of Insert. Each row's Loaded has to be the time of now. The
// columns that Prepare has made go with the first call.
func (s *Store) InsertBlock(ctx context.Context, token string, b *Block) (err error) {
	if len(b.Rows) == 0 {
		return nil
	}
	defer func(start time.Time) { s.metrics.inserted(s.metrics.rows, len(b.Rows), start, err) }(time.Now())
	if err := s.makeColumns(b); err != nil {
		return err
	}
	columns := b.columns
	b.columns = nil // after an error the driver may be reading them still
	shard, err := s.oneShard(ctx, b.Rows)
	if err != nil {
		return err
	}
	in := insertion[Row]{eventColumns, b.Rows, columns}
	if err := insertIn(ctx, s, target{"events", token, shard}, in); err != nil {
		return fmt.Errorf("insert %d rows: %w", len(b.Rows), err)
	}
	s.spare.put(columns)
	return nil
}

// insertion is what one insert brings into a table.
type insertion[T any] struct {
	columns []column[T]
	rows    []T
	made    []blocks.Interface // those of the columns that were made in advance; the others are nil, or all of it is
}

// fill brings the rows into the driver's columns. A column that was made in advance is taken over as it is, if the table
// still wants it of that type.
func (in insertion[T]) fill(to []blocks.Interface) error {
	missing := slices.Clone(to)
	for i, made := range in.made {
		if made != nil && made.Type() == to[i].Type() {
			reflect.ValueOf(to[i]).Elem().Set(reflect.ValueOf(made).Elem())
			missing[i] = nil
		}
	}
	return fill(missing, in.columns, in.rows)
}

// month is the partition of a row, with the times that lie in it: a calendar is needed once, and not for each row.
type month struct {
	retention uint32
	from, to  int64 // ms
}

func monthOf(row *Row) month {
	at := time.UnixMilli(row.Envelope.GetTimeMs()).UTC()
	first := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return month{row.Envelope.GetRetentionMonths(), first.UnixMilli(), first.AddDate(0, 1, 0).UnixMilli()}
}

func (m month) has(row *Row) bool {
	ms := row.Envelope.GetTimeMs()
	return m.retention == row.Envelope.GetRetentionMonths() && m.from <= ms && ms < m.to
}

// place is what the rows of a block have in common.
type place struct {
	Partition
	shard int // of a cluster, else 0
}

// Blocks parts rows into what one Insert stores all or none of: rows of one partition and, in a cluster, of one shard.
// The order is the same for the same rows. Where all belong together the block has rows themselves, not a copy.
func (s *Store) Blocks(ctx context.Context, rows []Row) ([]*Block, error) {
	index := map[place]*Block{}
	var all []*Block
	for len(rows) > 0 {
		at, n, err := s.together(ctx, rows)
		if err != nil {
			return nil, err
		}
		if b := index[at]; b != nil {
			b.Rows = append(b.Rows, rows[:n]...)
		} else {
			b = &Block{Rows: rows[:n:n]}
			index[at], all = b, append(all, b)
		}
		rows = rows[n:]
	}
	return all, nil
}

// together returns the place of the first row, and how many rows from there on have the same.
func (s *Store) together(ctx context.Context, rows []Row) (at place, n int, err error) {
	month := monthOf(&rows[0])
	at.Partition = rows[0].Partition()
	for n = range rows {
		shard, err := s.shardOf(ctx, &rows[n])
		if err != nil {
			return at, 0, err
		}
		if n == 0 {
			at.shard = shard
		}
		if shard != at.shard || !month.has(&rows[n]) {
			return at, n, nil
		}
	}
	return at, len(rows), nil
}
