package kafka

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/wal"
	"heed/schemas"
)

const (
	// maxWaitingBytes bounds what waits for Kafka in Append. Above it Append answers wal.ErrFull at once: an answer
	// that the sender can act on is worth more than a place in a queue that only grows.
	maxWaitingBytes = 32 << 20
	// appendTimeout is how long Append's events are tried at most: longer than Kafka needs to choose a new leader.
	appendTimeout = 15 * time.Second
)

// Append writes the events and returns the position of the first after every in-sync replica has all of them. The
// others may be in other partitions; those in one partition keep their order. The events are encoded before Append
// waits and are the caller's afterwards.
//
// On wal.ErrFull and wal.ErrClosed nothing was written. When ctx ends, or Kafka does not answer in 15 s, the outcome is
// unknown: some of the events may be there. So the sender must send them again under the same event ids. Where ctx has
// ended the error has a method Outcome() error, which waits for the outcome as long as Append would have.
func (t *Topic) Append(ctx context.Context, evs []*schemas.Envelope) (wal.Pos, error) {
	if err := ctx.Err(); err != nil {
		return wal.Pos{}, fmt.Errorf("append to topic: %w", err)
	}
	if len(evs) == 0 {
		return wal.Pos{}, nil
	}
	messages := make([]message, len(evs))
	for i, ev := range evs {
		value, err := ev.MarshalVT()
		if err != nil {
			return wal.Pos{}, fmt.Errorf("encode event: %w", err)
		}
		messages[i] = message{key: bytes.Clone(ev.Id), value: value} // tried longer than the caller may wait
		if t.cfg.BySite {
			messages[i].key = []byte(ev.Site)
		}
	}
	d, err := t.send(messages, time.Now().Add(appendTimeout), maxWaitingBytes)
	if err != nil {
		return wal.Pos{}, err
	}
	select {
	case <-d.done:
		return d.pos, d.err
	case <-ctx.Done():
		return wal.Pos{}, &undecided{d, ctx.Err()}
	}
}

// undecided is the error of an Append that did not wait for Kafka.
type undecided struct {
	delivery *delivery
	cause    error
}

func (u *undecided) Error() string { return "wait for Kafka: " + u.cause.Error() }
func (u *undecided) Unwrap() error { return u.cause }

// Outcome waits until Kafka has answered or the topic has given the events up, which it does after 15 s or when it is
// closed, and returns nil when all of them are stored. After an error some may be.
func (u *undecided) Outcome() error {
	<-u.delivery.done
	return u.delivery.err
}

// send gives messages to the lanes of their partitions.
func (t *Topic) send(messages []message, deadline time.Time, limit int64) (*delivery, error) {
	d := &delivery{deadline: deadline, done: make(chan struct{})}
	d.left.Store(int32(len(messages)))
	for i := range messages {
		messages[i].delivery = d
		d.bytes += messages[i].size()
	}
	messages[0].first = true
	if err := t.take(d.bytes, limit); err != nil {
		return nil, err
	}
	if len(messages) == 1 {
		t.lanes[t.partition(messages[0].key)].add(messages[0])
		return d, nil
	}
	parts := make([][]message, len(t.lanes))
	for _, m := range messages {
		p := t.partition(m.key)
		parts[p] = append(parts[p], m)
	}
	for p, part := range parts {
		if len(part) > 0 {
			t.lanes[p].add(part...)
		}
	}
	return d, nil
}

// partition says where a key belongs, as Kafka's own clients do: the same event is always in the same partition.
func (t *Topic) partition(key []byte) int {
	return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: key}, t.numbers...)
}
