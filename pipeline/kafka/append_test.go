package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/wal"
	"heed/schemas"
)

// In several partitions every event is there once, each call's events in order within each, and its first where Append
// said.
func TestAppendOverPartitions(t *testing.T) {
	const appenders, calls, batch = 16, 20, 5
	topic := open(t, config(t, 5))
	firsts := make(map[uint64]wal.Pos)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for a := range uint64(appenders) {
		wg.Go(func() {
			for c := range uint64(calls) {
				n := (a*calls + c) * batch
				pos, err := topic.Append(t.Context(), events(n, batch))
				if err != nil {
					t.Errorf("Append = %v", err)
					return
				}
				mu.Lock()
				firsts[n] = pos
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	ctx := bounded(t)
	counts := map[uint64]int{}
	for i := range topic.Partitions() {
		last := map[uint64]uint64{} // by call
		eachRecord(t, ctx, topic, i, func(rec wal.Record) {
			n := number(t, rec)
			counts[n]++
			if n%batch == 0 && firsts[n] != rec.Pos {
				t.Errorf("event %d at %v, Append said %v", n, rec.Pos, firsts[n])
			}
			if before, ok := last[n/batch]; ok && before > n {
				t.Errorf("event %d stands behind event %d of the same call", n, before)
			}
			last[n/batch] = n
		})
	}
	for n := range uint64(appenders * calls * batch) {
		if counts[n] != 1 {
			t.Errorf("event %d is there %d times, want once", n, counts[n])
		}
	}
}

// An event that Kafka does not take is refused alone: those that share its request are not.
func TestAppendTooLarge(t *testing.T) {
	cfg := config(t, 1)
	create(t, cfg, cfg.Topic, 1, map[string]string{"max.message.bytes": "1000"})
	topic := open(t, cfg)
	large := event(1, 0)
	large.Path = noise(1500)
	var wg sync.WaitGroup
	for n := range uint64(20) {
		wg.Go(func() {
			if _, err := topic.Append(t.Context(), []*schemas.Envelope{event(100+n, 0)}); err != nil {
				t.Errorf("Append of a small event = %v", err)
			}
		})
	}
	_, err := topic.Append(t.Context(), []*schemas.Envelope{event(0, 0), large, event(2, 0)})
	if !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Errorf("Append of a large event = %v, want %v", err, kafka.MessageSizeTooLarge)
	}
	if remedy(err) == "" {
		t.Errorf("no remedy for %v", err)
	}
	wg.Wait()
	counts := readAll(t, topic)
	if len(counts) != 22 || counts[0] != 1 || counts[1] != 0 || counts[2] != 1 {
		t.Errorf("%d events, want the 22 that are small", len(counts))
	}
}

// What may not wait any longer is told so; the rest of the batch is tried again.
func TestExpire(t *testing.T) {
	topic := &Topic{cfg: Config{}.withDefaults(), drained: make(chan struct{})}
	l := newLane(topic, 0)
	deliver := func(deadline time.Time) *delivery {
		d := &delivery{deadline: deadline, done: make(chan struct{})}
		d.left.Store(1)
		return d
	}
	late, soon, patient := deliver(time.Now().Add(-time.Second)), deliver(time.Now().Add(time.Hour)), deliver(never)
	batch := []message{{delivery: patient}, {delivery: late}, {delivery: soon}}
	kept := l.expire(batch, io.ErrUnexpectedEOF)
	if len(kept) != 2 || kept[0].delivery != patient || kept[1].delivery != soon {
		t.Errorf("expire keeps %d, want those that may wait", len(kept))
	}
	<-late.done
	if !errors.Is(late.err, io.ErrUnexpectedEOF) {
		t.Errorf("the late one is told %v, want what went wrong", late.err)
	}
	if kept = l.expire(kept, kafka.MessageSizeTooLarge); len(kept) != 1 || kept[0].delivery != patient {
		t.Errorf("expire keeps %d that are too large, want the one that waits for ever", len(kept))
	}
	<-soon.done
}

// Who did not wait for Kafka is told later what became of the events.
func TestAppendTellsTheOutcomeLater(t *testing.T) {
	topic := &Topic{cfg: Config{}.withDefaults(), drained: make(chan struct{}), numbers: []int{0}}
	l := newLane(topic, 0)
	topic.lanes = []*lane{l} // nobody runs it
	f := func(answer error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := topic.Append(ctx, events(1, 2))
			ended <- err
		}()
		<-l.wake
		cancel()
		err := <-ended
		later, ok := errors.AsType[interface {
			error
			Outcome() error
		}](err)
		if !ok || !errors.Is(err, context.Canceled) {
			t.Fatalf("Append = %v, want context.Canceled with an Outcome", err)
		}
		go func() {
			for i, m := range l.takeBatch() {
				if i == 0 {
					m.delivery.settle(&m, wal.Pos{}, nil)
				} else {
					m.delivery.settle(&m, wal.Pos{}, answer)
				}
			}
		}()
		if got := later.Outcome(); !errors.Is(got, answer) {
			t.Errorf("Outcome() = %v, want %v", got, answer)
		}
	}
	f(nil)
	f(io.ErrUnexpectedEOF)
}

// What does not fit into memory is refused at once, and taken later.
func TestAppendFull(t *testing.T) {
	topic := open(t, config(t, 1))
	if err := topic.take(maxWaitingBytes-100, maxWaitingBytes); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.Append(t.Context(), []*schemas.Envelope{event(1, 100)}); !errors.Is(err, wal.ErrFull) {
		t.Errorf("Append = %v, want %v", err, wal.ErrFull)
	}
	topic.give(maxWaitingBytes - 100)
	if _, err := topic.Append(t.Context(), []*schemas.Envelope{event(1, 100)}); err != nil {
		t.Errorf("Append when there is room again = %v", err)
	}
}

// noise is text of that many characters that no compression makes small.
func noise(n int) string {
	var text strings.Builder
	for text.Len() < n {
		text.WriteString(rand.Text())
	}
	return text.String()[:n]
}

// events returns events with the numbers from first on.
func events(first uint64, n int) []*schemas.Envelope {
	evs := make([]*schemas.Envelope, n)
	for i := range evs {
		evs[i] = event(first+uint64(i), 50)
	}
	return evs
}
