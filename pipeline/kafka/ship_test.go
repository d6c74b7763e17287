package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/wal"
	"heed/schemas"
)

// spool opens a log with small segments in dir, and closes it with the test.
func spool(t testing.TB, dir string) *wal.Log {
	t.Helper()
	log, err := wal.Open(t.Context(), wal.Config{Dir: dir, SegmentBytes: 256 << 10}, discard())
	if err != nil {
		t.Fatalf("wal.Open = %v", err)
	}
	t.Cleanup(func() { closeSpool(t, log) })
	return log
}

func closeSpool(t testing.TB, log *wal.Log) {
	t.Helper()
	if err := log.Close(context.Background()); err != nil {
		t.Errorf("close spool: %v", err)
	}
}

// fill appends the events from … to-1, batch at a time.
func fill(t testing.TB, log *wal.Log, from, to, batch uint64) {
	t.Helper()
	for n := from; n < to; n += batch {
		var evs []*schemas.Envelope
		for i := n; i < min(n+batch, to); i++ {
			evs = append(evs, event(i, 300))
		}
		if _, err := log.Append(t.Context(), evs); err != nil {
			t.Fatalf("Append = %v", err)
		}
	}
}

// ship starts a shipper and returns it, and what waits for its end.
func ship(t testing.TB, ctx context.Context, log *wal.Log, dir string, cfg Config) (*Shipper, func() error) {
	t.Helper()
	s, err := NewShipper(log, dir, cfg, discard())
	if err != nil {
		t.Fatalf("NewShipper = %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("the shipper has not ended")
			return nil
		}
	}
}

// checkShipped fails the test unless the topic holds every event below n, and returns how many are there twice.
func checkShipped(t testing.TB, cfg Config, n uint64) (doubles int) {
	t.Helper()
	counts := readAll(t, open(t, cfg))
	for i := range n {
		switch c := counts[i]; {
		case c == 0:
			t.Fatalf("event %d of %d is missing", i, n)
		default:
			doubles += c - 1
		}
	}
	if len(counts) != int(n) {
		t.Errorf("%d events are there, want %d", len(counts), n)
	}
	return doubles
}

// Everything is there once, by partition of its key, and the spool is trimmed; closing the log ends the shipper in
// good order, and the next one sends nothing again.
func TestShip(t *testing.T) {
	const events = 5000
	cfg, dir := config(t, 4), t.TempDir()
	log := spool(t, filepath.Join(dir, "wal"))
	fill(t, log, 0, events, 50)
	before, _ := log.Size()
	_, wait := ship(t, bounded(t), log, dir, cfg)
	closeSpool(t, log)
	if err := wait(); err != nil {
		t.Fatalf("Run = %v, want no error when the log is closed", err)
	}
	if after, _ := log.Size(); after > before/4 {
		t.Errorf("the spool holds %d of %d bytes, want it trimmed", after, before)
	}
	log = spool(t, filepath.Join(dir, "wal"))
	fill(t, log, events, events+10, 10)
	_, wait = ship(t, bounded(t), log, dir, cfg)
	closeSpool(t, log)
	if err := wait(); err != nil {
		t.Fatalf("the second Run = %v", err)
	}
	if doubles := checkShipped(t, cfg, events+10); doubles != 0 {
		t.Errorf("%d events are there twice, want none after an end in good order", doubles)
	}
}

// Keys, times and values are what FORMAT.md says.
func TestMessage(t *testing.T) {
	cfg, dir := config(t, 3), t.TempDir()
	log := spool(t, filepath.Join(dir, "wal"))
	fill(t, log, 0, 30, 3)
	_, wait := ship(t, bounded(t), log, dir, cfg)
	closeSpool(t, log)
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	topic := open(t, cfg)
	if _, err := topic.Append(bounded(t), []*schemas.Envelope{event(7, 0)}); err != nil { // in direct mode, the same event
		t.Fatal(err)
	}
	where := map[uint64]int{}
	for p := range 3 {
		for _, m := range rawMessages(t, topic, p) {
			var ev schemas.Envelope
			if err := ev.UnmarshalVT(m.value); err != nil {
				t.Fatalf("a message of partition %d is no envelope: %v", p, err)
			}
			if string(m.key) != string(ev.Id) {
				t.Errorf("message has key %x, want its id %x", m.key, ev.Id)
			}
			n := binary.BigEndian.Uint64(ev.Id[8:])
			if at, twice := where[n]; twice && at != p {
				t.Errorf("event %d is in partitions %d and %d, want copies to meet in one", n, at, p)
			}
			where[n] = p
		}
	}
	if len(where) != 30 {
		t.Errorf("%d events, want 30", len(where))
	}
}

// The position belongs to one log. Without one, or with one that cannot be, the whole spool is sent again.
func TestShipperPosition(t *testing.T) {
	cfg := config(t, 1)
	f := func(name, text string, wantDoubles int) {
		t.Helper()
		cfg, dir := cfg, t.TempDir()
		cfg.Topic += name
		log := spool(t, filepath.Join(dir, "wal"))
		fill(t, log, 0, 20, 1)
		_, wait := ship(t, bounded(t), log, dir, cfg)
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "shipped.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		log = spool(t, filepath.Join(dir, "wal"))
		fill(t, log, 20, 21, 1)
		_, wait = ship(t, bounded(t), log, dir, cfg)
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if got := checkShipped(t, cfg, 21); got != wantDoubles {
			t.Errorf("%s: %d events are there twice, want %d", name, got, wantDoubles)
		}
	}
	f("kept", "", 0)
	f("torn", `{"log":"`, 20)
	f("other", `{"log":"another","pos":{"Segment":0,"Record":9}}`, 20)
}

// An event that Kafka does not take stays in the spool, and goes on its way once Kafka takes it.
func TestShipTooLarge(t *testing.T) {
	cfg, dir := config(t, 1), t.TempDir()
	create(t, cfg, cfg.Topic, 1, map[string]string{"max.message.bytes": "1000"})
	log := spool(t, filepath.Join(dir, "wal"))
	large := event(0, 0)
	large.Path = noise(1500)
	if _, err := log.Append(t.Context(), []*schemas.Envelope{large}); err != nil {
		t.Fatal(err)
	}
	fill(t, log, 1, 10, 1)
	s, wait := ship(t, bounded(t), log, dir, cfg)
	eventually(t, "Kafka has refused it", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.topic != nil && s.topic.metrics.produceErrors.Get() > 3
	})
	if n := s.metrics.records.Get(); n != 0 {
		t.Errorf("%d records count as shipped, want none behind one that is not", n)
	}
	client := &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: &kafka.Transport{}}
	_, err := client.IncrementalAlterConfigs(bounded(t), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: cfg.Topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "max.message.bytes", Value: "1048576"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	closeSpool(t, log)
	if err := wait(); err != nil {
		t.Fatalf("Run = %v", err)
	}
	checkShipped(t, cfg, 10)
}

// maxFilled bounds what a test appends while it waits for the shipper.
const maxFilled = 50_000

// On bad days of one broker that can be killed.
func TestShipBadDays(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Config{})
	node := c.Nodes[0]
	start := func(t *testing.T) (cfg Config, dir string, log *wal.Log) {
		cfg, dir = config(t, 4), t.TempDir()
		cfg.Brokers = c.Brokers()
		return cfg, dir, spool(t, filepath.Join(dir, "wal"))
	}
	t.Run("broker killed while shipping", func(t *testing.T) {
		cfg, dir, log := start(t)
		s, wait := ship(t, bounded(t), log, dir, cfg)
		n := uint64(0)
		for range 2 {
			shipped := s.metrics.records.Get()
			for s.metrics.records.Get() < shipped+20 && n < maxFilled {
				fill(t, log, n, n+100, 10)
				n += 100
			}
			if err := errors.Join(node.Kill(), node.Start()); err != nil {
				t.Fatal(err)
			}
			fill(t, log, n, n+1000, 100) // it is not up again
			n += 1000
			eventually(t, "shipped behind the kill", func() bool { return s.metrics.records.Get() > shipped+30 })
		}
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatalf("Run = %v", err)
		}
		t.Logf("%d events, %d twice", n, checkShipped(t, cfg, n))
	})
	t.Run("Kafka away and back", func(t *testing.T) {
		cfg, dir, log := start(t)
		fill(t, log, 0, 100, 1)
		s, wait := ship(t, bounded(t), log, dir, cfg)
		eventually(t, "shipped", func() bool { return s.metrics.records.Get() == 100 })
		node.CutClients()
		fill(t, log, 100, 3000, 10)
		eventually(t, "the backlog is what was appended, and has an age", func() bool {
			bytes, oldest := s.Backlog()
			return bytes > 2900*300 && oldest > 0
		})
		node.Heal()
		eventually(t, "there is hardly any backlog", func() bool {
			bytes, oldest := s.Backlog()
			return bytes < 100<<10 && oldest == 0
		})
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatalf("Run = %v", err)
		}
		checkShipped(t, cfg, 3000)
	})
	t.Run("Kafka away at the start", func(t *testing.T) {
		cfg, dir, log := start(t)
		node.CutClients()
		fill(t, log, 0, 100, 1)
		s, wait := ship(t, bounded(t), log, dir, cfg)
		eventually(t, "the topic cannot be opened", func() bool { return s.metrics.openErrors.Get() > 0 })
		if _, oldest := s.Backlog(); oldest == 0 {
			t.Error("Backlog tells no age while Kafka is away")
		}
		node.Heal()
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatalf("Run = %v", err)
		}
		checkShipped(t, cfg, 100)
	})
	t.Run("told to stop while Kafka is away", func(t *testing.T) {
		cfg, dir, log := start(t)
		ctx, cancel := context.WithCancel(bounded(t))
		fill(t, log, 0, 100, 1)
		s, wait := ship(t, ctx, log, dir, cfg)
		eventually(t, "shipped", func() bool { return s.metrics.records.Get() == 100 })
		node.CutClients()
		fill(t, log, 100, 200, 1)
		cancel()
		if err := wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want %v", err, context.Canceled)
		}
		node.Heal()
		_, wait = ship(t, bounded(t), log, dir, cfg)
		closeSpool(t, log)
		if err := wait(); err != nil {
			t.Fatalf("Run = %v", err)
		}
		checkShipped(t, cfg, 200)
	})
}

// What somebody else still has to read is not trimmed, although Kafka has it; once he has read it, it is, also when
// nothing more is shipped.
func TestShipperKeepsWhatIsHeld(t *testing.T) {
	log := spool(t, filepath.Join(t.TempDir(), "wal"))
	s, err := NewShipper(log, filepath.Join(t.TempDir(), "ship"), Config{Brokers: []string{"127.0.0.1:1"}}, discard())
	if err != nil {
		t.Fatalf("NewShipper = %v", err)
	}
	held := wal.Pos{}
	s.Hold(func() wal.Pos { return held })
	fill(t, log, 0, 4000, 100) // several segments
	reader, err := log.Reader(wal.Pos{})
	if err != nil {
		t.Fatalf("Reader = %v", err)
	}
	defer reader.Close()
	for range 40 {
		rec, err := reader.Next(t.Context())
		if err != nil {
			t.Fatalf("Next = %v", err)
		}
		s.shipped = rec.Next
	}
	before, _ := log.Size()
	s.save()
	if after, _ := log.Size(); after < before {
		t.Errorf("the spool has %d bytes after save, want all %d: its beginning is held", after, before)
	}
	held = s.shipped
	s.save()
	if after, _ := log.Size(); after >= before/2 {
		t.Errorf("the spool has %d of %d bytes after save, want less than half: nothing is held", after, before)
	}
}
