package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/wal"
)

const (
	dialTimeout    = 3 * time.Second
	requestTimeout = 10 * time.Second // for one request; kafka-go tells the broker half of it
	metadataTTL    = 2 * time.Second  // how soon a new leader is known
)

// Topic is the topic of events. All methods may be called from any goroutine.
type Topic struct {
	cfg       Config
	client    *kafka.Client
	transport *kafka.Transport
	dialer    *kafka.Dialer
	logger    *slog.Logger
	metrics   *counters

	lanes   []*lane       // one for each partition
	numbers []int         // 0 … partitions-1, as kafka-go asks for them
	closed  chan struct{} // closed by the first Close: readers end
	drained chan struct{} // closed when closing is set and nothing waits: lanes end
	end     context.CancelFunc
	done    chan struct{} // closed when every lane has ended

	mu      sync.Mutex
	closing bool  // no more appends
	waiting int64 // bytes of all events that are queued or being sent
}

// Open finds the topic and the topic of dead letters, and makes them when there are none. What they are like that they
// should not be is logged as a warning, with what to do about it. The context bounds the opening only.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (*Topic, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	transport, dialer, err := cfg.doors()
	if err != nil {
		return nil, err
	}
	t := &Topic{
		cfg:       cfg,
		client:    &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: transport},
		transport: transport,
		dialer:    dialer,
		logger:    logger.With("component", "kafka"),
		closed:    make(chan struct{}),
		drained:   make(chan struct{}),
		done:      make(chan struct{}),
	}
	partitions, err := t.prepare(ctx)
	if err != nil {
		transport.CloseIdleConnections()
		return nil, fmt.Errorf("open topic %q at %v: %w", cfg.Topic, cfg.Brokers, err)
	}
	t.metrics = newCounters(t)
	t.run(partitions)
	return t, nil
}

// run starts a lane for each partition.
func (t *Topic) run(partitions int) {
	ctx, end := context.WithCancel(context.Background()) // the topic's own life; Close ends it
	t.end = end
	var lanes sync.WaitGroup
	for i := range partitions {
		l := newLane(t, i)
		t.lanes, t.numbers = append(t.lanes, l), append(t.numbers, i)
		lanes.Go(func() { l.run(ctx) })
	}
	go func() {
		lanes.Wait()
		close(t.done)
	}()
}

// Close refuses new events, sends those that wait, and ends every reader and connection. When ctx ends first, what has
// not been sent is given up, and those who wait for it are told. A second Close waits for the same end.
func (t *Topic) Close(ctx context.Context) error {
	t.mu.Lock()
	if !t.closing {
		t.closing = true
		close(t.closed)
		t.drainedLocked()
	}
	t.mu.Unlock()
	var err error
	select {
	case <-t.done:
	case <-ctx.Done():
		err = fmt.Errorf("close topic %q: %w", t.cfg.Topic, ctx.Err())
		t.end()
		<-t.done
	}
	t.end()
	t.transport.CloseIdleConnections()
	return err
}

// ID names the topic and its generation, as in heed-events.1. Together with a position it names an event for ever.
func (t *Topic) ID() string { return fmt.Sprintf("%s.%d", t.cfg.Topic, t.cfg.Generation) }

// Partitions returns how many partitions the topic has.
func (t *Topic) Partitions() int { return len(t.lanes) }

// Waiting returns how long the event that has waited longest for Kafka has done so, 0 when none waits.
func (t *Topic) Waiting() time.Duration {
	var longest time.Duration
	for _, l := range t.lanes {
		longest = max(longest, l.age())
	}
	return longest
}

// Partition returns one of the partitions to read it outside of any group, as a replay does. It has no plans.
func (t *Topic) Partition(number int) (*Partition, error) {
	if number < 0 || number >= len(t.lanes) {
		return nil, fmt.Errorf("partition %d of topic %q: it has %d", number, t.cfg.Topic, len(t.lanes))
	}
	return &Partition{topic: t, number: number}, nil
}

// WriteMetrics writes the topic's metrics in Prometheus text format.
func (t *Topic) WriteMetrics(w io.Writer) { t.metrics.set.WritePrometheus(w) }

// take counts bytes as waiting, when there is room for them.
func (t *Topic) take(n int64, limit int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return wal.ErrClosed
	}
	if t.waiting+n > limit {
		t.metrics.full.Inc()
		return fmt.Errorf("append to topic %q: %w: %d bytes wait for Kafka", t.cfg.Topic, wal.ErrFull, t.waiting)
	}
	t.waiting += n
	return nil
}

func (t *Topic) give(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting -= n
	t.drainedLocked()
}

// drainedLocked lets the lanes end when nothing waits and nothing will.
func (t *Topic) drainedLocked() {
	if t.closing && t.waiting == 0 {
		close(t.drained)
	}
}

// wait waits before another try. It returns ctx's error when that ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isTransport tells an error of the way to the broker from an answer of the broker.
func isTransport(err error) bool {
	_, answered := errors.AsType[kafka.Error](err)
	return !answered
}
