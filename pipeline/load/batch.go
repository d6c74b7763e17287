package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/wal"
	"heed/schemas"
)

// batch is what stands in the log from one position up to another: whole groups, decoded.
type batch struct {
	from, to wal.Pos
	bytes    int // of all groups
	rows     []clickhouse.Row
	dead     []letter
	unused   []schemas.Envelope // made many at a time

	// What prepare has made of rows.
	decided  time.Time // when that began
	blocks   []*block  // of the rows that are to be stored
	ends     ends      // of the others
	excluded int       // of the others, in a replay
}

// maxGather bounds how long a batch is gathered while ClickHouse is slow.
const maxGather = 30 * time.Second

// idle is how long the log must have been silent before the plan says so on disk.
const idle = time.Second

// gather reads the next batch: it waits for a first group for as long as it takes, then for more until MaxRows, MaxBytes
// or the end of the wait. A batch may come with an error: what was read before it is still to be loaded.
func (l *Loader) gather(ctx context.Context, reader Reader, longest time.Duration) (*batch, error) {
	record, err := reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	b := &batch{from: record.Pos, rows: make([]clickhouse.Row, 0, l.usual)}
	l.hand.take(receivedFirst(record.Group))
	if err := l.add(b, record); err != nil {
		return nil, err
	}
	defer func() { l.usual = len(b.rows) }()
	wait, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for len(b.rows)+len(b.dead) < l.cfg.MaxRows && b.bytes < l.cfg.MaxBytes {
		record, err := reader.Next(wait)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		if err := l.add(b, record); err != nil {
			return b, err
		}
	}
	return b, nil
}

// reread reads the planned batch again, all of it: of a log that is closed before that, wal.ErrClosed.
func (l *Loader) reread(ctx context.Context) (*batch, error) {
	reader, err := l.Log.Reader(l.plan.From)
	if err != nil {
		return nil, fmt.Errorf("read planned batch: %w", err)
	}
	defer reader.Close()
	b := &batch{from: l.plan.From, to: l.plan.From}
	for b.to.Before(l.plan.To) {
		record, err := reader.Next(ctx)
		if errors.Is(err, wal.ErrClosed) && l.replay != nil {
			return b, nil // the span has ended: nothing more of the batch is left in it
		}
		if err != nil {
			return nil, fmt.Errorf("read planned batch: %w", err)
		}
		if !record.Pos.Before(l.plan.To) {
			return b, nil
		}
		if err := l.add(b, record); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// add decodes a group's events into b. What cannot be decoded becomes a dead letter; an event of a newer major
// version is an error that leaves b as it was, since a program that knows the version may follow.
func (l *Loader) add(b *batch, record wal.Record) error {
	source := schemas.Source{Origin: l.Log.ID(), Partition: record.Pos.Segment, Offset: record.Pos.Record}
	rows, dead := b.rows, b.dead
	for rest := record.Group; len(rest) > 0; source.Event++ {
		raw, n := schemas.NextEnvelope(rest)
		if n < 0 {
			dead = append(dead, dies(source, rest, damaged, "group is not Protocol Buffers"))
			break
		}
		rest = rest[n:]
		ev := b.envelope()
		err := ev.UnmarshalVTUnsafe(raw) // its texts are part of the group, which is nobody else's
		if err == nil {
			err = schemas.CheckVersion(ev.Version)
		}
		if errors.Is(err, schemas.ErrTooNew) {
			return fmt.Errorf("event at %v: %w; nothing is lost meanwhile", source, err)
		}
		if err != nil {
			dead = append(dead, dies(source, raw, damaged, "envelope is damaged"))
			continue
		}
		if reason := unfit(ev); reason != "" {
			dead = append(dead, dies(source, raw, invalid, reason))
			continue
		}
		rows = append(rows, clickhouse.Row{Envelope: ev, Source: source})
	}
	b.rows, b.dead, b.to = rows, dead, record.Next
	b.bytes += len(record.Group)
	return nil
}

// envelope returns an empty one.
func (b *batch) envelope() *schemas.Envelope {
	if len(b.unused) == 0 {
		b.unused = make([]schemas.Envelope, 32)
	}
	ev := &b.unused[0]
	b.unused = b.unused[1:]
	return ev
}

// buried returns the rows that ClickHouse has refused.
func (b *batch) buried() (rows []clickhouse.Row) {
	for _, block := range b.blocks {
		for _, row := range block.Rows {
			if block.buried[row.Source] {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func dies(source schemas.Source, raw []byte, fault fault, reason string) letter {
	return letter{clickhouse.DeadLetter{Reason: reason, Source: source, Envelope: bytes.Clone(raw)}, fault}
}

// unfit says why an event cannot be a row, or "".
func unfit(ev *schemas.Envelope) string {
	switch {
	case len(ev.Id) != 16:
		return "id does not have 16 bytes"
	case ev.Site == "":
		return "site is empty"
	case len(ev.Visitor) != 0 && len(ev.Visitor) != 16:
		return "visitor does not have 16 bytes"
	case len(ev.View) != 0 && len(ev.View) != 16:
		return "view does not have 16 bytes"
	case ev.RetentionMonths > 255:
		return "retention is above 255 months"
	case ev.EngagedMs > 1<<32-1:
		return "engaged time is above 49 days"
	}
	return ""
}

// block is what one insert holds: rows of one retention class and month and of one shard, hence of one part.
type block struct {
	*clickhouse.Block
	screened
	name   string                  // within its plan
	buried map[schemas.Source]bool // those of rows that have become dead letters
	halved map[string]bool         // tokens of pieces that ClickHouse has refused
}

// blocks parts rows. The names are the same for the same rows: of a retention class and month, one for each shard.
func blocks(ctx context.Context, store Store, rows []clickhouse.Row) ([]*block, error) {
	parts, err := store.Blocks(ctx, rows)
	if err != nil {
		return nil, err
	}
	shards := map[clickhouse.Partition]int{}
	all := make([]*block, len(parts))
	for i, part := range parts {
		p := part.Rows[0].Partition()
		all[i] = &block{Block: part, name: fmt.Sprintf("%d/%d.%d", p.Retention, p.Month, shards[p])}
		shards[p]++
	}
	return all, nil
}
