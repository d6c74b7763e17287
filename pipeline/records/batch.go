package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// idle is how long the log must have been silent before the plan says so.
const idle = time.Second

// sourced is a record and where it came from.
type sourced struct {
	record *record.Record
	source schemas.Source
	raw    []byte // its envelope
}

// batch is what stands in the log from one position up to another.
type batch struct {
	from, to wal.Pos
	bytes    int
	records  []sourced
	dead     []letter
}

// letter is a dead letter on its way.
type letter struct {
	source schemas.Source
	raw    []byte
	fault  fault
	reason string
}

// gather reads the next batch: it waits for a first group for as long as it takes, then for more. A batch may come with
// an error: what was read before it is still to be chained.
func (l *Loader) gather(ctx context.Context, reader load.Reader) (*batch, error) {
	group, err := l.first(ctx, reader)
	if err != nil {
		return nil, err
	}
	b := &batch{from: group.Pos}
	if err := l.add(b, group); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, l.cfg.MaxWait)
	defer cancel()
	for len(b.records)+len(b.dead) < l.cfg.MaxRecords && b.bytes < l.cfg.MaxBytes {
		group, err := reader.Next(wait)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return b, nil
		}
		if err == nil {
			err = l.add(b, group)
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// first waits for a group. When none comes for a while, the plan is ended, so that the log before it can be trimmed.
func (l *Loader) first(ctx context.Context, reader load.Reader) (wal.Record, error) {
	if l.plan.From != l.plan.To {
		wait, cancel := context.WithTimeout(ctx, idle)
		defer cancel()
		group, err := reader.Next(wait)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return group, err
		}
		if err := l.finish(ctx); err != nil {
			return wal.Record{}, err
		}
	}
	return reader.Next(ctx)
}

// reread reads the planned batch again, all of it: of a log that is closed before that, wal.ErrClosed.
func (l *Loader) reread(ctx context.Context) (*batch, error) {
	reader, err := l.Log.Reader(l.plan.From)
	if err != nil {
		return nil, fmt.Errorf("read planned consent records: %w", err)
	}
	defer reader.Close()
	b := &batch{from: l.plan.From, to: l.plan.From}
	for b.to.Before(l.plan.To) {
		group, err := reader.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("read planned consent records: %w", err)
		}
		if !group.Pos.Before(l.plan.To) {
			return b, nil
		}
		if err := l.add(b, group); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// add decodes a group's records into b. What cannot be decoded becomes a dead letter; what a newer program wrote is an
// error that leaves b as it was, since one that knows it may follow.
func (l *Loader) add(b *batch, group wal.Record) error {
	source := schemas.Source{Origin: l.Log.ID(), Partition: group.Pos.Segment, Offset: group.Pos.Record}
	records, dead := b.records, b.dead
	for rest := group.Group; len(rest) > 0; source.Event++ {
		raw, n := schemas.NextEnvelope(rest)
		if n < 0 {
			dead = append(dead, letter{source, bytes.Clone(rest), damaged, "group is not Protocol Buffers"})
			break
		}
		rest = rest[n:]
		r, fault, err := read(raw)
		switch {
		case errors.Is(err, schemas.ErrTooNew), errors.Is(err, record.ErrTooNew):
			return fmt.Errorf("consent record at %s: %w; nothing is lost meanwhile: run the newer heed", load.FormatSource(source), err)
		case err != nil:
			dead = append(dead, letter{source, bytes.Clone(raw), fault, err.Error()})
		default:
			records = append(records, sourced{r, source, bytes.Clone(raw)})
		}
	}
	b.records, b.dead, b.to = records, dead, group.Next
	b.bytes += len(group.Group)
	return nil
}

// read returns the record in an envelope. The record's own bytes are what counts; the envelope must not contradict them.
func read(raw []byte) (*record.Record, fault, error) {
	env := new(schemas.Envelope)
	if err := env.UnmarshalVT(raw); err != nil {
		return nil, damaged, errors.New("envelope is damaged")
	}
	if err := schemas.CheckVersion(env.Version); err != nil {
		return nil, invalid, err
	}
	r, err := record.Decode(env.Statement)
	switch {
	case err != nil:
		return nil, invalid, err
	case r.Site != env.Site || !bytes.Equal(r.ID[:], env.Id):
		return nil, invalid, errors.New("site or id are not those of the record")
	}
	return r, "", nil
}

// bury stores what cannot be rows. All get one time: an insert of dead letters may not span two months. A dead letter may
// come to stand there twice, never not at all: who reads dead letters takes those of one position for one.
func (l *Loader) bury(ctx context.Context, letters []letter) error {
	if len(letters) == 0 {
		return nil
	}
	now, first := time.Now(), letters[0]
	dead := make([]clickhouse.DeadLetter, len(letters))
	for i, letter := range letters {
		dead[i] = clickhouse.DeadLetter{Time: now, Reason: letter.reason, Source: letter.source, Envelope: letter.raw}
	}
	token := fmt.Sprintf("%s/dead/%d", load.FormatSource(first.source), now.UnixNano())
	if err := l.Dead.InsertDead(ctx, token, dead); err != nil {
		return fmt.Errorf("store dead letters: %w", err)
	}
	for _, letter := range letters {
		l.metrics.dead[letter.fault].Inc()
	}
	l.logger.Error("consent records could not be rows and became dead letters", "count", len(letters), "reason", first.reason)
	return nil
}
