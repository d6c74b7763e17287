package load_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/kafka"
	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/load"
	"heed/schemas"
)

// patience bounds waits for Kafka; none is reached when the code is right.
const patience = 2 * time.Minute

// worker is a process that loads what the group gives it.
type worker struct {
	topic *kafka.Topic
	stop  context.CancelFunc
	ended chan struct{} // closed when it has left the group

	mu     sync.Mutex
	errors []error // of loaders
}

func openTopic(t *testing.T, cfg kafka.Config) *kafka.Topic {
	t.Helper()
	topic, err := kafka.Open(t.Context(), cfg, logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topic.Close(context.Background()); err != nil {
			t.Errorf("close topic: %v", err)
		}
	})
	return topic
}

func work(t *testing.T, cfg kafka.Config, store load.Store, tables *clickhouse.Store) *worker {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	w := &worker{topic: openTopic(t, cfg), stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		_ = w.topic.Consume(ctx, func(ctx context.Context, p *kafka.Partition) error { // it ends with ctx only
			l, err := load.Open(ctx, load.Config{MaxRows: 50, MaxWait: time.Millisecond, OnePartition: true},
				load.Parts{Log: p, Plans: p, Store: store, Dead: w.topic.DeadLetters(), Ends: tables}, logger())
			if err == nil {
				err = l.Run(ctx)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errors = append(w.errors, err)
			return err
		})
	}()
	t.Cleanup(func() {
		stop()
		<-w.ended
	})
	return w
}

// rest waits until the group has nothing left to load.
func (w *worker) rest(t *testing.T) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		lag, err := w.topic.Lag(ctx)
		left := int64(0)
		for _, n := range lag {
			left += n
		}
		if err == nil && left == 0 {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("still to be loaded: %v, %v", lag, err)
		}
	}
}

// With a real broker: a loader stands still in the middle of an insert until Kafka gives its partitions to another, which
// loads everything; then it wakes. Afterwards all of it is replayed, as one that owns the partitions.
func TestKafkaTakesPartitionsFromALoaderThatStandsStill(t *testing.T) {
	const events = 400
	tables := clickhousetest.Open(t)
	broker := kafkatest.Start(t, kafkatest.Config{})
	cfg := kafka.Config{Brokers: broker.Brokers(), Topic: "events", Partitions: 2, Replication: 1, SessionTimeout: 2 * time.Second}
	topic := openTopic(t, cfg)
	var batch []*schemas.Envelope
	for i := range events {
		batch = append(batch, event(i))
		if i%10 == 4 {
			batch = append(batch, event(i)) // the key is the same, so it stands behind its first copy
		}
	}
	nonsense := event(events)
	nonsense.Kind = "nonsense"
	if _, err := topic.Append(t.Context(), append(batch, nonsense)); err != nil {
		t.Fatal(err)
	}

	stopped, wake := make(chan struct{}), make(chan struct{})
	var once sync.Mutex
	inserts := 0
	first := work(t, cfg, stoppedBefore{tables, func() {
		once.Lock()
		inserts++
		third := inserts == 3
		once.Unlock()
		if third {
			close(stopped)
			<-wake
		}
	}}, tables)
	<-stopped
	second := work(t, cfg, tables, tables)
	second.rest(t)
	checkEvents(t, tables, events, events)
	close(wake)
	first.stop()
	<-first.ended
	fenced := false
	for _, err := range first.errors {
		fenced = fenced || errors.Is(err, load.ErrFenced) || errors.Is(err, context.Canceled)
	}
	if !fenced {
		t.Errorf("the first loaders ended with %v, want one of them to be fenced", first.errors)
	}
	second.rest(t)
	checkEvents(t, tables, events, events)
	checkTotals(t, tables, topic.ID(), clickhouse.EndTotals{Stored: events, Duplicates: events / 10, Dead: 1})

	second.stop()
	<-second.ended
	for i := range topic.Partitions() {
		replayPartition(t, topic, i, tables)
	}
	checkEvents(t, tables, events, events)
	if got := listed(t, load.NewDeadLetters(topic.DeadLetters(), logger(), nil), load.LetterFilter{}); len(got) != 1 {
		t.Errorf("dead letters after the replay: %q, want one", got)
	}
}

func checkTotals(t *testing.T, tables *clickhouse.Store, origin string, want clickhouse.EndTotals) {
	t.Helper()
	totals, err := tables.EndTotals(t.Context(), origin)
	if err != nil || totals["demo"] != want {
		t.Errorf("EndTotals(%q) = %+v, %v, want %+v", origin, totals, err, want)
	}
}

// replayPartition replays a whole partition onto full tables.
func replayPartition(t *testing.T, topic *kafka.Topic, number int, tables *clickhouse.Store) {
	t.Helper()
	p, err := topic.Partition(number)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := load.FilePlans(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	progress, err := load.Replay(t.Context(), load.ReplayConfig{To: plan.From},
		load.Parts{Log: p, Plans: state, Store: tables, Dead: topic.DeadLetters()}, logger())
	if err != nil || progress.Added != 0 || progress.Read == 0 || progress.Pos != plan.From {
		t.Errorf("Replay of partition %d = %+v, %v, want all of it read and nothing added", number, progress, err)
	}
}
