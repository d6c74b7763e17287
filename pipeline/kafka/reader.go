package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

const (
	// A broker answers when it has minFetchBytes or fetchWait is over, so that a quiet topic costs few requests: the
	// first time a reader asks at once. Events come that much later at most, and so a reader may notice that it is closed.
	minFetchBytes = 32 << 10
	fetchWait     = 250 * time.Millisecond
	// maxFetchBytes is about how much one answer brings, compressed.
	maxFetchBytes = 2 << 20
	// groupField is the tag of schemas.Group's only field.
	groupField = 0x0a
)

// reader follows one partition from one offset on. It is used by one goroutine at a time.
type reader struct {
	topic     *Topic
	partition int
	offset    int64        // of the next message, negative for the oldest
	atLeast   int64        // bytes that a broker waits for
	records   []wal.Record // fetched and not yet returned
	pause     time.Duration
}

// Reader returns a reader whose first record is the message at from; the zero Pos is the beginning. Each record holds
// one message as a schemas.Group. When Kafka has deleted that message already, reading begins at the oldest, which is
// logged and counted. The reader waits as long as Kafka cannot be reached.
//
// A position behind the end is an error: the topic was made anew or has lost its end, and its Generation has to be
// raised. Next tells it, since only then Kafka is asked.
func (p *Partition) Reader(from wal.Pos) (load.Reader, error) {
	if from != (wal.Pos{}) && from.Segment != uint32(p.number) || from.Record > math.MaxInt64 {
		return nil, fmt.Errorf("read partition %d from %v: that is in another one", p.number, from)
	}
	offset := int64(from.Record)
	if from == (wal.Pos{}) {
		offset = kafka.FirstOffset
	}
	return &reader{topic: p.topic, partition: p.number, offset: offset, atLeast: 1}, nil
}

// Close has nothing to give free: connections are the topic's.
func (r *reader) Close() error { return nil }

// Next returns the next record and waits for it. It ends with wal.ErrClosed after the topic was closed, and with ctx's
// error, after which it can be used further.
func (r *reader) Next(ctx context.Context) (wal.Record, error) {
	for len(r.records) == 0 {
		if err := ctx.Err(); err != nil {
			return wal.Record{}, err
		}
		select {
		case <-r.topic.closed:
			return wal.Record{}, wal.ErrClosed
		default:
		}
		if err := r.fetch(ctx); err != nil {
			return wal.Record{}, err
		}
	}
	rec := r.records[0]
	r.records = r.records[1:]
	return rec, nil
}

// fetch asks for more, and waits when Kafka does not answer. An error is one that no further try would mend.
func (r *reader) fetch(ctx context.Context) error {
	t := r.topic
	err := r.ask(ctx)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		err = r.resume(ctx)
	}
	if err == nil {
		r.pause = 0
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) {
		return errors.Join(context.DeadlineExceeded, err) // the connection's clock has struck first
	}
	if _, ended := errors.AsType[*endError](err); ended || ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	t.metrics.fetchErrors.Inc()
	t.metrics.limited(t.logger, "reading waits for Kafka", "partition", r.partition, "err", err)
	r.pause = min(max(2*r.pause, firstPause), maxPause)
	select {
	case <-time.After(r.pause):
	case <-t.closed:
	case <-ctx.Done():
	}
	return nil // Next tells what has ended
}

// ask makes one request.
func (r *reader) ask(ctx context.Context) error {
	offset, err := r.begin(ctx)
	if err != nil {
		return err
	}
	res, err := r.topic.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.topic.cfg.Topic, Partition: r.partition, Offset: offset,
		MinBytes: r.atLeast, MaxBytes: maxFetchBytes, MaxWait: fetchWait,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return err
	}
	r.offset, r.atLeast = offset, minFetchBytes
	return r.take(res.Records)
}

// begin returns the offset to ask for.
func (r *reader) begin(ctx context.Context) (int64, error) {
	if r.offset >= 0 {
		return r.offset, nil
	}
	first, _, err := r.topic.bounds(ctx, r.partition)
	return first, err
}

// resume goes on at the oldest message when Kafka has deleted those before it.
func (r *reader) resume(ctx context.Context) error {
	first, end, err := r.topic.bounds(ctx, r.partition)
	if err != nil {
		return err
	}
	if r.offset > end {
		return &endError{topic: r.topic.cfg.Topic, partition: r.partition, offset: r.offset, end: end}
	}
	if r.offset < first {
		r.topic.metrics.lost.AddInt64(first - r.offset)
		r.topic.logger.Error("events were deleted by Kafka before they were read", "partition", r.partition,
			"events", first-r.offset, "remedy", "raise kafka.retention, add loaders; a collector may have the events still")
		r.offset = first
	}
	return nil
}

// endError says that a position lies behind the partition's end.
type endError struct {
	topic       string
	partition   int
	offset, end int64
}

func (e *endError) Error() string {
	return fmt.Sprintf("read topic %q partition %d from offset %d: it ends at %d; when it was deleted and made again, "+
		"or restored from an old copy, raise kafka.generation", e.topic, e.partition, e.offset, e.end)
}

// take keeps the messages of one answer. It stops at a gap: kafka-go drops the rest of a batch that it cannot read
// without a word, and goes on with the next one. What is dropped here is asked for again.
func (r *reader) take(records kafka.RecordReader) error {
	stream, ok := records.(*protocol.RecordStream)
	if !ok {
		return nil // empty
	}
	r.records = nil // the last ones have been given away
	for _, batch := range stream.Records {
		if control, ok := batch.(*protocol.ControlBatch); ok { // the end of somebody's transaction: no message
			if control.BaseOffset == r.offset || control.BaseOffset > r.offset && len(r.records) == 0 {
				r.offset = control.BaseOffset + 1
			}
			continue
		}
		if err := r.takeBatch(batch); err != nil {
			return err
		}
	}
	r.topic.metrics.fetchEvents.Add(len(r.records))
	return nil
}

func (r *reader) takeBatch(batch protocol.RecordReader) error {
	for {
		rec, err := batch.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a batch at offset %d: %w", r.offset, err)
		}
		group, err := frame(rec)
		if err != nil {
			return fmt.Errorf("read the message at offset %d: %w", rec.Offset, err)
		}
		if rec.Offset < r.offset { // a compressed batch comes whole
			continue
		}
		if rec.Offset > r.offset && len(r.records) > 0 {
			return nil
		}
		r.offset = rec.Offset + 1
		r.records = append(r.records, wal.Record{Pos: r.at(rec.Offset), Next: r.at(r.offset), Group: group})
	}
}

func (r *reader) at(offset int64) wal.Pos {
	return wal.Pos{Segment: uint32(r.partition), Record: uint64(offset)}
}

// frame makes a schemas.Group of a message: the Group's field, the length, and the message's value as it is.
func frame(rec *kafka.Record) ([]byte, error) {
	defer closeBytes(rec.Key)
	defer closeBytes(rec.Value)
	size := 0
	if rec.Value != nil {
		size = rec.Value.Len()
	}
	group := make([]byte, 0, 1+binary.MaxVarintLen64+size)
	group = binary.AppendUvarint(append(group, groupField), uint64(size))
	head := len(group)
	group = group[:head+size]
	if size > 0 {
		if _, err := io.ReadFull(rec.Value, group[head:]); err != nil {
			return nil, err
		}
	}
	return group, nil
}

func closeBytes(b kafka.Bytes) {
	if b != nil {
		b.Close()
	}
}

// bounds returns the offset of the oldest message and the one behind the newest.
func (t *Topic) bounds(ctx context.Context, partition int) (first, end int64, err error) {
	first, err = t.offset(ctx, t.cfg.Topic, partition, kafka.FirstOffset)
	if err != nil {
		return 0, 0, err
	}
	end, err = t.offset(ctx, t.cfg.Topic, partition, kafka.LastOffset)
	return first, end, err
}

// offset asks for one offset of a topic by time in Unix ms, or kafka.FirstOffset or LastOffset. A time behind the newest
// message has none: -1.
func (t *Topic) offset(ctx context.Context, topic string, partition int, at int64) (int64, error) {
	res, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {{Partition: partition, Timestamp: at}}},
	})
	if err != nil {
		return 0, fmt.Errorf("ask for an offset of partition %d: %w", partition, err)
	}
	for _, have := range res.Topics[topic] {
		switch {
		case have.Error != nil:
			return 0, fmt.Errorf("ask for an offset of partition %d: %w", partition, have.Error)
		case at == kafka.FirstOffset:
			return have.FirstOffset, nil
		case at == kafka.LastOffset:
			return have.LastOffset, nil
		}
		for offset := range have.Offsets {
			return offset, nil
		}
	}
	return 0, fmt.Errorf("ask for an offset of partition %d: Kafka's answer does not have it", partition)
}
