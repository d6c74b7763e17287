package kafka

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/wal"
	"heed/schemas"
)

// rounds is how often a test kills: every part of HEED_KILLS where that is set, else a few times.
func rounds(t *testing.T, few, part int) int {
	t.Helper()
	text := os.Getenv("HEED_KILLS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("HEED_KILLS: %v", err)
	}
	return max(few, n/part)
}

func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// shipUntilKilled is the child's part of TestKillShipper: it appends to a spool, prints each event that was
// acknowledged, and ships. It only returns when something goes wrong.
func shipUntilKilled(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return err
	}
	var cfg Config
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return err
	}
	log, err := wal.Open(context.Background(), wal.Config{Dir: filepath.Join(dir, "wal"), SegmentBytes: 64 << 10}, discard())
	if err != nil {
		return err
	}
	s, err := NewShipper(log, dir, cfg, discard())
	if err != nil {
		return err
	}
	failed := make(chan error)
	go func() { failed <- s.Run(context.Background()) }()
	base := uint64(os.Getpid()) << 32
	for worker := range uint64(8) {
		go func() {
			for n := base | worker<<24; ; n++ {
				if _, err := log.Append(context.Background(), []*schemas.Envelope{event(n, int(n%500))}); err != nil {
					failed <- err
					return
				}
				fmt.Fprintln(os.Stdout, n) // one short write to a pipe is never torn
			}
		}()
	}
	return <-failed
}

// TestKillShipper kills a process that spools and ships, again and again on the same folder. Every event that was
// acknowledged comes to be in Kafka.
func TestKillShipper(t *testing.T) {
	cfg, dir := config(t, 3), t.TempDir()
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, cfg)) // makes the topic, so that even the first child ships
	random, acked := seeded(t), map[uint64]bool{}
	for range rounds(t, 3, 2) {
		killShipper(t, dir, time.Duration(200+random.IntN(2000))*time.Millisecond, acked)
	}
	log := spool(t, filepath.Join(dir, "wal"))
	_, wait := ship(t, bounded(t), log, dir, cfg)
	closeSpool(t, log)
	if err := wait(); err != nil {
		t.Fatalf("Run = %v", err)
	}
	checkAcked(t, open(t, cfg), acked)
}

func killShipper(t *testing.T, dir string, after time.Duration, acked map[uint64]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HEED_KAFKA_TEST_KILL="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatalf("child printed %q: %v", lines.Text(), err)
		}
		acked[n] = true
	}
	cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("child ended by itself: %v", cmd.ProcessState)
	}
}

func checkAcked(t *testing.T, topic *Topic, acked map[uint64]bool) {
	t.Helper()
	counts := readAll(t, topic)
	doubles := 0
	for n := range acked {
		if counts[n] == 0 {
			t.Fatalf("event %x was acknowledged and is missing", n)
		}
		doubles += counts[n] - 1
	}
	t.Logf("%d acknowledged, %d there, %d more than once", len(acked), len(counts), doubles)
	if len(acked) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// TestKillBrokers kills, pauses and cuts off one of three brokers after the other, while four goroutines append in
// direct mode. What was acknowledged is there.
func TestKillBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("three brokers take long to start")
	}
	c := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	cfg := config(t, 3)
	cfg.Brokers, cfg.Replication = c.Brokers(), 3
	topic := open(t, cfg)
	a := &appenders{topic: topic, stop: make(chan struct{}), acked: map[uint64]bool{}}
	for worker := range uint64(4) {
		a.running.Go(func() { a.append(t.Context(), worker<<32) })
	}
	random := seeded(t)
	for round := range rounds(t, 1, 10) {
		a.wait(t)
		n := c.Nodes[random.IntN(3)]
		switch round % 3 {
		case 0:
			without(t, n.Kill, n.Start, func() { a.wait(t) })
		case 1:
			without(t, n.Pause, n.Resume, func() { a.wait(t) })
		case 2: // it goes on to lead, since it still reaches the others, and nobody can write to what it leads
			errs, had := topic.metrics.produceErrors.Get(), a.count()
			cut, heal := func() error { n.Cut(); return nil }, func() error { n.Heal(); return nil }
			without(t, cut, heal, func() {
				eventually(t, "writing fails, or it leads nothing", func() bool {
					return topic.metrics.produceErrors.Get() > errs || a.count() > had+500
				})
			})
		}
		if err := c.WaitReady(bounded(t)); err != nil {
			t.Fatal(err)
		}
	}
	a.wait(t)
	close(a.stop)
	a.running.Wait()
	checkAcked(t, topic, a.acked)
}

// without does something while a node is away.
func without(t *testing.T, away, back func() error, do func()) {
	t.Helper()
	if err := away(); err != nil {
		t.Fatal(err)
	}
	do()
	if err := back(); err != nil {
		t.Fatal(err)
	}
}

// appenders append until they are told to stop, and remember what was acknowledged.
type appenders struct {
	topic   *Topic
	stop    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex
	acked map[uint64]bool
}

func (a *appenders) append(ctx context.Context, n uint64) {
	for ; ; n += 10 {
		select {
		case <-a.stop:
			return
		default:
		}
		if _, err := a.topic.Append(ctx, events(n, 10)); err != nil {
			continue // nobody was promised anything
		}
		a.mu.Lock()
		for i := range uint64(10) {
			a.acked[n+i] = true
		}
		a.mu.Unlock()
	}
}

// wait returns when some more events have been acknowledged.
func (a *appenders) wait(t *testing.T) {
	t.Helper()
	had := a.count()
	eventually(t, "events are acknowledged", func() bool { return a.count() > had+500 })
}

func (a *appenders) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.acked)
}
