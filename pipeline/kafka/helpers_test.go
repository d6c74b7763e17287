package kafka

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/wal"
	"heed/schemas"
)

// patience bounds waits that end in a failure; none is reached when the code is right.
const patience = 2 * time.Minute

// TestMain also turns the test binary into the process that TestKillShipper kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HEED_KAFKA_TEST_KILL"); dir != "" {
		fmt.Fprintln(os.Stderr, shipUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(kafkatest.Run(m))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// config returns the configuration of a topic of the test's own at the shared broker.
func config(t testing.TB, partitions int) Config {
	t.Helper()
	return Config{
		Brokers:     kafkatest.Shared(t).Brokers(),
		Topic:       "test-" + rand.Text(),
		Group:       "test-" + rand.Text(),
		Partitions:  partitions,
		Replication: 1,
	}
}

// bounded is a context for a test that waits for another process.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks again and again until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for ctx := bounded(t); !yes(); {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("still not: %s", what)
		}
	}
}

// open opens the topic, and closes it with the test.
func open(t testing.TB, cfg Config) *Topic {
	t.Helper()
	topic, err := Open(bounded(t), cfg, discard())
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	t.Cleanup(func() { shut(t, topic) })
	return topic
}

func shut(t testing.TB, topic *Topic) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := topic.Close(ctx); err != nil {
		t.Errorf("Close = %v, want no error", err)
	}
}

// event returns an envelope whose id holds n, and which is pad bytes larger than the smallest.
func event(n uint64, pad int) *schemas.Envelope {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id[8:], n)
	return &schemas.Envelope{Version: 1, Site: "demo", Id: id, Kind: "page", ReceivedMs: 1_760_000_000_000 + int64(n),
		Path: strings.Repeat("x", pad)}
}

// number is the inverse of event, for a record of one.
func number(t testing.TB, rec wal.Record) uint64 {
	t.Helper()
	var g schemas.Group
	if err := g.UnmarshalVT(rec.Group); err != nil || len(g.Events) != 1 {
		t.Fatalf("record %v holds %d events, %v, want one", rec.Pos, len(g.Events), err)
	}
	return binary.BigEndian.Uint64(g.Events[0].Id[8:])
}

// never is the deadline of what is tried without end.
var never time.Time

// readAll reads each partition to its present end and returns how often each event is there.
func readAll(t testing.TB, topic *Topic) map[uint64]int {
	t.Helper()
	ctx := bounded(t)
	counts := make(map[uint64]int)
	for i := range topic.Partitions() {
		eachRecord(t, ctx, topic, i, func(rec wal.Record) { counts[number(t, rec)]++ })
	}
	return counts
}

// eachRecord yields a partition's records up to its present end.
func eachRecord(t testing.TB, ctx context.Context, topic *Topic, partition int, yield func(wal.Record)) {
	t.Helper()
	p, err := topic.Partition(partition)
	if err != nil {
		t.Fatal(err)
	}
	first, end, err := topic.bounds(ctx, partition)
	if err != nil {
		t.Fatalf("bounds of partition %d = %v", partition, err)
	}
	r, err := p.Reader(wal.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for at := first; at < end; {
		rec, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("Next of partition %d = %v", partition, err)
		}
		yield(rec)
		at = int64(rec.Next.Record)
	}
}

// rawMessages reads a partition's messages as they are, to its present end.
func rawMessages(t testing.TB, topic *Topic, partition int) (all []message) {
	t.Helper()
	ctx := bounded(t)
	first, end, err := topic.bounds(ctx, partition)
	if err != nil {
		t.Fatal(err)
	}
	for at := first; at < end; {
		res, err := topic.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: topic.cfg.Topic, Partition: partition, Offset: at, MinBytes: 1, MaxBytes: maxFetchBytes, MaxWait: fetchWait,
		})
		if err != nil {
			t.Fatal(err)
		}
		at, err = eachOf(res.Records, at, end, func(s *stored) error {
			all = append(all, message{key: s.key, value: s.value})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
