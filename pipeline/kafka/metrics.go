package kafka

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// limitEvery is how often a warning of one kind is logged at most.
const limitEvery = 30 * time.Second

// counters are the topic's metrics, each with what it means.
type counters struct {
	set *metrics.Set

	produceEvents *metrics.Counter   // events that Kafka has acknowledged
	produceBytes  *metrics.Counter   // their keys and values, before compression
	requests      *metrics.Counter   // requests that it acknowledged them in
	produceTime   *metrics.Histogram // seconds from a request to its acknowledgement
	produceErrors *metrics.Counter   // requests that were refused or not answered, each tried again
	full          *metrics.Counter   // appends refused with wal.ErrFull
	fetchEvents   *metrics.Counter   // events read
	fetchErrors   *metrics.Counter   // requests to read that were refused or not answered, each tried again
	lost          *metrics.Counter   // offsets that Kafka had deleted before they were read
	generations   *metrics.Counter   // generations of the consumer group that this process took part in
	stops         *metrics.Counter   // times that the work on a partition ended with an error and began again
	dead          *metrics.Counter   // dead letters written

	mu   sync.Mutex
	said map[string]time.Time // when each warning was logged last
}

func newCounters(t *Topic) *counters {
	s := metrics.NewSet()
	c := &counters{
		set:           s,
		produceEvents: s.NewCounter("heed_kafka_produced_events_total"),
		produceBytes:  s.NewCounter("heed_kafka_produced_bytes_total"),
		requests:      s.NewCounter("heed_kafka_produce_requests_total"),
		produceTime:   s.NewHistogram("heed_kafka_produce_duration_seconds"),
		produceErrors: s.NewCounter("heed_kafka_produce_errors_total"),
		full:          s.NewCounter("heed_kafka_full_total"),
		fetchEvents:   s.NewCounter("heed_kafka_fetched_events_total"),
		fetchErrors:   s.NewCounter("heed_kafka_fetch_errors_total"),
		lost:          s.NewCounter("heed_kafka_deleted_unread_events_total"),
		generations:   s.NewCounter("heed_kafka_generations_total"),
		stops:         s.NewCounter("heed_kafka_partition_stops_total"),
		dead:          s.NewCounter("heed_kafka_dead_letters_total"),
		said:          make(map[string]time.Time),
	}
	s.NewGauge("heed_kafka_waiting_bytes", func() float64 { // sent or about to be, not yet acknowledged
		t.mu.Lock()
		defer t.mu.Unlock()
		return float64(t.waiting)
	})
	s.NewGauge("heed_kafka_waiting_seconds", func() float64 { return t.Waiting().Seconds() }) // the oldest of them
	return c
}

func (c *counters) produced(batch []message, took time.Duration) {
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].key) + len(batch[i].value)
	}
	c.produceEvents.Add(len(batch))
	c.produceBytes.Add(bytes)
	c.requests.Inc()
	c.produceTime.Update(took.Seconds())
}

// shipCounters are the shipper's metrics, each with what it means.
type shipCounters struct {
	set *metrics.Set

	records    *metrics.Counter // records of the spool of which Kafka has acknowledged every event
	bytes      *metrics.Counter // their bytes
	openErrors *metrics.Counter // times that the topic could not be opened, each tried again
	saveErrors *metrics.Counter // times that the position could not be written, or the spool not trimmed
}

func newShipCounters(ship *Shipper) *shipCounters {
	s := metrics.NewSet()
	gauge := func(name string, f func(bytes int64, oldest time.Duration) float64) {
		s.NewGauge(name, func() float64 { return f(ship.Backlog()) })
	}
	// Bytes of the spool that Kafka has not acknowledged.
	gauge("heed_kafka_spool_backlog_bytes", func(bytes int64, _ time.Duration) float64 { return float64(bytes) })
	// Age of the oldest event that was read from the spool and not acknowledged, 0 when there is none.
	gauge("heed_kafka_spool_oldest_seconds", func(_ int64, oldest time.Duration) float64 { return oldest.Seconds() })
	return &shipCounters{
		set:        s,
		records:    s.NewCounter("heed_kafka_shipped_records_total"),
		bytes:      s.NewCounter("heed_kafka_shipped_bytes_total"),
		openErrors: s.NewCounter("heed_kafka_open_errors_total"),
		saveErrors: s.NewCounter("heed_kafka_save_errors_total"),
	}
}

// lagName is the gauge of one partition: events that the loader it is assigned to has yet to bring to rest. It is
// there while this process has the partition.
func lagName(partition int) string {
	return fmt.Sprintf("heed_kafka_lag_events{partition=%q}", fmt.Sprint(partition))
}

func (c *counters) lag(partition int, events int64) {
	c.set.GetOrCreateGauge(lagName(partition), nil).Set(float64(events))
}

func (c *counters) forgetLag(partitions []int) {
	for _, p := range partitions {
		c.set.UnregisterMetric(lagName(p))
	}
}

// limited logs a warning unless the same was logged a short time ago: while Kafka is away every lane would.
func (c *counters) limited(logger *slog.Logger, message string, args ...any) {
	now := time.Now()
	c.mu.Lock()
	recent := now.Sub(c.said[message]) < limitEvery
	if !recent {
		c.said[message] = now
	}
	c.mu.Unlock()
	if !recent {
		logger.Warn(message, args...)
	}
}
