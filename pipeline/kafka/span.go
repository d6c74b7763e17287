package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/wal"
)

// clockSkew is how far the clocks of collectors and brokers may lie apart before a span misses events.
const clockSkew = 10 * time.Minute

// Range says which events a replay is about: those received by a collector in [From, To).
type Range struct {
	From, To time.Time
	// Late is how long an event may have waited in a collector's spool before Kafka had it. Zero is as long as you like,
	// and every span then reaches to the partition's end.
	Late time.Duration
}

// Span is a stretch of one partition: every event of a Range that the partition holds lies in [From, To), and others
// may.
type Span struct {
	Partition *Partition
	From, To  wal.Pos
}

// Events is how many messages the span has, for an estimate.
func (s Span) Events() uint64 { return s.To.Record - s.From.Record }

// Spans returns where the events of a range are: one span for each partition that has any.
func (t *Topic) Spans(ctx context.Context, r Range) ([]Span, error) {
	if !r.From.Before(r.To) {
		return nil, errors.New("find a range of time: its end must lie after its beginning")
	}
	var spans []Span
	for i := range t.lanes {
		from, to, err := t.span(ctx, i, r)
		if err != nil {
			return nil, fmt.Errorf("find a range of time in topic %q: %w", t.cfg.Topic, err)
		}
		if from < to {
			at := func(offset int64) wal.Pos { return wal.Pos{Segment: uint32(i), Record: uint64(offset)} }
			spans = append(spans, Span{Partition: &Partition{topic: t, number: i}, From: at(from), To: at(to)})
		}
	}
	return spans, nil
}

// span asks for the first message that Kafka had when the range began, and for the first that it had when the last
// event of the range must have come.
func (t *Topic) span(ctx context.Context, partition int, r Range) (from, to int64, err error) {
	_, end, err := t.bounds(ctx, partition)
	if err != nil {
		return 0, 0, err
	}
	from, err = t.offset(ctx, t.cfg.Topic, partition, r.From.Add(-clockSkew).UnixMilli())
	if err != nil || from < 0 {
		return 0, 0, err // nothing came since
	}
	if r.Late == 0 {
		return from, end, nil
	}
	to, err = t.offset(ctx, t.cfg.Topic, partition, r.To.Add(r.Late+clockSkew).UnixMilli())
	if to < 0 {
		to = end
	}
	return from, to, err
}

// Lag returns, for each partition, how many events the consumer group has yet to load: those behind the offset that was
// committed last. What is planned counts as not loaded.
func (t *Topic) Lag(ctx context.Context) ([]int64, error) {
	committed, err := t.committed(ctx, t.numbers)
	if err != nil {
		return nil, err
	}
	lag := make([]int64, len(t.lanes))
	for i := range lag {
		if lag[i], err = t.behind(ctx, i, committed[i]); err != nil {
			return nil, err
		}
	}
	return lag, nil
}

// behind returns how many messages a partition has from offset on, or all when that is negative or deleted.
func (t *Topic) behind(ctx context.Context, partition int, offset int64) (int64, error) {
	first, end, err := t.bounds(ctx, partition)
	return end - max(first, offset), err
}

// committed returns the offsets that the group has committed, -1 for partitions without.
func (t *Topic) committed(ctx context.Context, partitions []int) (map[int]int64, error) {
	res, err := t.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
		GroupID: t.cfg.Group,
		Topics:  map[string][]int{t.cfg.Topic: partitions},
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of group %q: %w", t.cfg.Group, err)
	}
	committed := make(map[int]int64)
	for _, p := range partitions {
		committed[p] = -1
	}
	for _, p := range res.Topics[t.cfg.Topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("ask for the offset of group %q in partition %d: %w", t.cfg.Group, p.Partition, p.Error)
		}
		committed[p.Partition] = p.CommittedOffset
	}
	return committed, nil
}
