package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"heed/pipeline/durable"
	"heed/pipeline/wal"
)

// saveEvery is how often the position is written down and the spool trimmed. A process that is killed sends again what
// it had sent since then.
const saveEvery = time.Second

// flight is one record of the spool on its way.
type flight struct {
	rec      wal.Record
	received time.Time // of its first event
	delivery *delivery
}

// weight is what a record counts against maxFlightBytes: never more than all of it.
func (f flight) weight() int64 { return min(int64(len(f.rec.Group)), maxFlightBytes) }

// feed reads the spool and sends what it holds.
func (s *Shipper) feed(ctx context.Context, topic *Topic, reader *wal.Reader, rec wal.Record) error {
	for {
		if err := s.launch(ctx, topic, rec); err != nil {
			return err
		}
		var err error
		if rec, err = reader.Next(ctx); errors.Is(err, wal.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read spool: %w", err)
		}
	}
}

// launch gives a record to the lanes, as soon as there is room for it.
func (s *Shipper) launch(ctx context.Context, topic *Topic, rec wal.Record) error {
	messages, err := split(rec.Group, s.cfg.keyField())
	if err != nil {
		s.logger.Error("record of the spool is not a group of events, it is sent as it is", "pos", rec.Pos, "err", err)
	}
	if len(messages) == 0 {
		return nil
	}
	f := flight{rec: rec, received: messages[0].received}
	if err := s.room.Acquire(ctx, f.weight()); err != nil {
		return err
	}
	if f.delivery, err = topic.send(messages, time.Time{}, math.MaxInt64); err != nil {
		return err
	}
	select {
	case s.flights <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// land waits for what is on its way, in the order of the spool, writes down how far it has come, and lets the spool go
// before that. It returns when all has landed or ctx has ended.
func (s *Shipper) land(ctx context.Context) {
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	defer s.save()
	flights := s.flights
	var first flight           // the oldest that has not landed, once there is one
	var landed <-chan struct{} // its delivery
	for {
		select {
		case f, more := <-flights:
			if !more {
				return
			}
			first, landed, flights = f, f.delivery.done, nil // one at a time
			s.waitingSince(f.received)
		case <-landed:
			if first.delivery.err != nil {
				return // the topic was given up
			}
			s.landed(first)
			landed, flights = nil, s.flights
		case <-save.C:
			s.save()
		case <-ctx.Done():
			return
		}
	}
}

func (s *Shipper) waitingSince(received time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = received
}

func (s *Shipper) landed(f flight) {
	s.room.Release(f.weight())
	s.metrics.records.Inc()
	s.metrics.bytes.Add(len(f.rec.Group))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shipped = f.rec.Next
	s.sizes[f.rec.Pos.Segment] += int64(len(f.rec.Group))
	s.oldest = time.Time{}
}

// save writes down how far shipping has come and lets the spool go before that, as far as nobody holds it. Failing costs
// disk and repeats, not data, and is tried again.
func (s *Shipper) save() {
	s.mu.Lock()
	pos, saved, trimmed := s.shipped, s.saved, s.trimmed
	s.mu.Unlock()
	if pos != saved {
		if err := writePosition(s.file, s.log.ID(), pos); err != nil {
			s.metrics.saveErrors.Inc()
			s.logger.Warn("position of the shipper cannot be written, the spool is kept", "err", err)
			return
		}
	}
	keep := pos
	if s.held != nil {
		if held := s.held(); held.Before(keep) {
			keep = held
		}
	}
	if keep != trimmed {
		if err := s.log.Trim(keep); err != nil {
			s.metrics.saveErrors.Inc()
			s.logger.Warn("spool cannot be trimmed", "err", err)
			keep = trimmed
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved, s.trimmed = pos, keep
	for segment := range s.sizes {
		if segment < keep.Segment {
			delete(s.sizes, segment)
		}
	}
}

// position is the file in which the shipper's progress outlives it.
type position struct {
	Log string  `json:"log"` // id of the log
	Pos wal.Pos `json:"pos"` // all before it has been acknowledged by Kafka
}

// readPosition returns the position in the log, the zero Pos when none is known.
func readPosition(file, log string) (wal.Pos, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return wal.Pos{}, nil
	}
	if err != nil {
		return wal.Pos{}, err
	}
	var p position
	if err := json.Unmarshal(raw, &p); err != nil {
		return wal.Pos{}, fmt.Errorf("decode %q: %w", file, err)
	}
	if p.Log != log {
		return wal.Pos{}, nil
	}
	return p.Pos, nil
}

func writePosition(file, log string, pos wal.Pos) error {
	raw, err := json.Marshal(position{Log: log, Pos: pos})
	if err != nil {
		return err
	}
	return durable.WriteFile(file, raw)
}
