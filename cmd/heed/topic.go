package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"heed/collector"
	"heed/pipeline/kafka"
	"heed/pipeline/wal"
	"heed/schemas"
)

// topic is a topic, that of events or that of consent records, as soon as Kafka answers: it may be away when a process starts, and for as long as it
// likes.
type topic struct {
	*host
	config kafka.Config
	ready  chan struct{} // closed once opened is set
	opened atomic.Pointer[kafka.Topic]
}

// openTopic begins to look for Kafka.
func (h *host) openTopic(ctx context.Context, cfg kafka.Config) *topic {
	t := &topic{host: h, config: cfg, ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	tried := make(chan struct{})
	go func() { // ends with ctx; the stop waits for it
		defer close(tried)
		t.connect(ctx)
	}()
	h.atStop(func(ctx context.Context) error {
		cancel()
		<-tried
		if opened := t.opened.Load(); opened != nil {
			return bounded(ctx, opened.Close)
		}
		return nil
	})
	return t
}

// connect tries until Kafka answers or ctx ends.
func (t *topic) connect(ctx context.Context) {
	logger := t.logger.With("component", "heed")
	for pause := firstReconnect; ; pause = min(2*pause, maxReconnect) {
		opened, err := kafka.Open(ctx, t.config, t.logger)
		if err == nil {
			t.opened.Store(opened)
			close(t.ready)
			return
		}
		if ctx.Err() != nil {
			return
		}
		logger.Warn("kafka does not answer, will try again", "err", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// check tells whether Kafka has answered.
func (t *topic) check(context.Context) error {
	if t.opened.Load() == nil {
		return errors.New("no broker of Kafka has answered since the start")
	}
	return nil
}

// Append hands events to Kafka and returns once they are durable there. Before Kafka has answered nothing is written.
func (t *topic) Append(ctx context.Context, evs []*schemas.Envelope) (wal.Pos, error) {
	opened := t.opened.Load()
	if opened == nil {
		return wal.Pos{}, fmt.Errorf("kafka has not answered yet: %w", wal.ErrFull)
	}
	return opened.Append(ctx, evs)
}

// Size is of no interest: what waits for Kafka is bounded by Append itself.
func (t *topic) Size() (bytes, limit int64) { return 0, 1 }

// Waiting is how long the oldest event has waited for Kafka.
func (t *topic) Waiting() time.Duration {
	if opened := t.opened.Load(); opened != nil {
		return opened.Waiting()
	}
	return 0
}

var (
	_ collector.Log   = (*topic)(nil)
	_ collector.Gauge = (*topic)(nil)
)

// WriteMetrics writes the topic's.
func (t *topic) WriteMetrics(w io.Writer) {
	if opened := t.opened.Load(); opened != nil {
		opened.WriteMetrics(w)
	}
}
