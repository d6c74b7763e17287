package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/wal"
)

const (
	// compression of requests. Of an event of 252 bytes zstd leaves 87 for 5.6 µs, lz4 106 for 2.0 µs (in batches of
	// 1,000; BenchmarkCompression). Kafka keeps three copies for a week: that costs more than the collectors' time.
	compression = kafka.Zstd
	// maxBatchBytes bounds one request, before compression: below the 1 MiB that brokers take by default.
	maxBatchBytes = 900 << 10
	// firstPause and maxPause are how long a lane waits between two tries.
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
	// recordOverhead is what a record costs beside key and value, at most.
	recordOverhead = 32
)

// message is one event on its way to a partition.
type message struct {
	key, value []byte
	received   time.Time // by the collector
	delivery   *delivery // the call that it came with
	first      bool      // whether the call wants to know its position
}

func (m *message) size() int64 { return int64(len(m.key) + len(m.value) + recordOverhead) }

// delivery is what one call has given to the lanes, which it waits for as a whole.
type delivery struct {
	bytes    int64
	deadline time.Time // tries end here; zero when there is no end
	left     atomic.Int32
	done     chan struct{} // closed when nothing is left, after the fields below were set

	mu  sync.Mutex
	pos wal.Pos // of the first message
	err error   // the first one
}

// settle says what became of one of its messages.
func (d *delivery) settle(m *message, pos wal.Pos, err error) {
	if m.first || err != nil {
		d.mu.Lock()
		if m.first {
			d.pos = pos
		}
		if d.err == nil {
			d.err = err
		}
		d.mu.Unlock()
	}
	if d.left.Add(-1) == 0 {
		close(d.done)
	}
}

// lane sends messages to one partition, one request at a time, in the order in which they came. While a request is
// under way those that arrive wait, and share the next one.
type lane struct {
	topic     *Topic
	partition int
	wake      chan struct{} // capacity 1: something was queued

	mu    sync.Mutex
	queue []message
	begun time.Time // when the oldest message of queue or batch came; zero when there is none
}

func newLane(t *Topic, partition int) *lane {
	return &lane{topic: t, partition: partition, wake: make(chan struct{}, 1)}
}

func (l *lane) add(messages ...message) {
	l.mu.Lock()
	if l.begun.IsZero() {
		l.begun = time.Now()
	}
	l.queue = append(l.queue, messages...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // a token that is there already says the same
	}
}

// age returns how long the oldest message has waited.
func (l *lane) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun.IsZero() {
		return 0
	}
	return time.Since(l.begun)
}

// run sends until the topic is closed and nothing is left. Once ctx ends, what is left is given up.
func (l *lane) run(ctx context.Context) {
	for {
		if batch := l.takeBatch(); len(batch) > 0 {
			l.deliver(ctx, batch)
			continue
		}
		select {
		case <-l.wake:
		case <-l.topic.drained:
			return
		}
	}
}

// takeBatch takes as many messages as fit into one request.
func (l *lane) takeBatch() []message {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, bytes := 0, int64(0)
	for ; n < len(l.queue); n++ {
		if bytes += l.queue[n].size(); n > 0 && bytes > maxBatchBytes {
			break
		}
	}
	batch := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // the batch has the memory
	}
	l.begun = time.Time{}
	if n > 0 {
		l.begun = time.Now()
	}
	return batch
}

// deliver sends a batch until Kafka has it. What the others may not wait for any longer, and what Kafka will never
// take, is settled with its error.
func (l *lane) deliver(ctx context.Context, batch []message) {
	for pause := firstPause; len(batch) > 0; pause = min(2*pause, maxPause) {
		base, err := l.produce(ctx, batch)
		if err == nil {
			l.settle(batch, base, nil)
			return
		}
		l.topic.metrics.produceErrors.Inc()
		err = fmt.Errorf("write to topic %q partition %d: %w", l.topic.cfg.Topic, l.partition, err)
		if isTooLarge(err) && len(batch) > 1 {
			half := len(batch) / 2
			l.deliver(ctx, batch[:half])
			batch, pause = batch[half:], firstPause/2
			continue
		}
		if ctx.Err() != nil {
			l.settle(batch, 0, err)
			return
		}
		if batch = l.expire(batch, err); len(batch) == 0 {
			return
		}
		l.topic.metrics.limited(l.topic.logger, "events wait for Kafka", "partition", l.partition,
			"events", len(batch), "pause", pause, "remedy", remedy(err), "err", err)
		_ = wait(ctx, pause) // the next try tells that ctx has ended
	}
}

// produce sends one request and returns the offset of its first message.
func (l *lane) produce(ctx context.Context, batch []message) (base int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	records := make([]kafka.Record, len(batch))
	for i := range batch {
		m := &batch[i]
		// No time: retention shall count from when Kafka has an event, not from when a collector had it.
		records[i] = kafka.Record{Key: kafka.NewBytes(m.key), Value: kafka.NewBytes(m.value)}
	}
	start := time.Now()
	res, err := l.topic.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        l.topic.cfg.Topic,
		Partition:    l.partition,
		RequiredAcks: kafka.RequireAll,
		Records:      kafka.NewRecordReader(records...),
		Compression:  compression,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return 0, err
	}
	l.topic.metrics.produced(batch, time.Since(start))
	return res.BaseOffset, nil
}

// expire settles the messages whose deadline has passed, and those that are alone too large, and returns the others.
func (l *lane) expire(batch []message, err error) []message {
	now := time.Now()
	kept := batch[:0]
	for i := range batch {
		m := &batch[i]
		deadline := m.delivery.deadline
		if !deadline.IsZero() && (now.After(deadline) || isTooLarge(err)) {
			l.settle(batch[i:i+1], 0, err)
			continue
		}
		kept = append(kept, *m)
	}
	return kept
}

// settle tells those who wait what became of a batch that begins at the offset base.
func (l *lane) settle(batch []message, base int64, err error) {
	var bytes int64
	for i := range batch {
		m := &batch[i]
		bytes += m.size()
		m.delivery.settle(m, wal.Pos{Segment: uint32(l.partition), Record: uint64(base) + uint64(i)}, err)
	}
	l.topic.give(bytes)
}

// isTooLarge reports that Kafka does not take messages of that size, however often they are sent.
func isTooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}

// remedy says what an operator can do about an error, where that is known.
func remedy(err error) string {
	switch {
	case isTooLarge(err):
		return "raise the topic's max.message.bytes to 1 MiB or more"
	case errors.Is(err, kafka.NotEnoughReplicas), errors.Is(err, kafka.NotEnoughReplicasAfterAppend):
		return "bring back the brokers that are away: fewer replicas are in sync than min.insync.replicas"
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return "allow this user to write to the topic"
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		return "the topic is gone: was it deleted? A new one needs a higher kafka.generation"
	case isTransport(err):
		return "check that the brokers run and can be reached"
	}
	return ""
}
