package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// testClock names a file that holds how far the clock of a heed that a test starts is off, as 1h. A test that writes
// it steps the clock of the running process.
const testClock = "HEED_TEST_CLOCK"

// clockFrom is the machine's clock, ahead by that much and, when there is a file, off by what it says.
func clockFrom(ahead time.Duration, file string) func() time.Time {
	if file == "" {
		return func() time.Time { return time.Now().Add(ahead) }
	}
	var off atomic.Int64
	go func() { // ends with the process
		for range time.Tick(10 * time.Millisecond) {
			text, _ := os.ReadFile(file) // an empty one is being written
			step, err := time.ParseDuration(string(text))
			if err == nil && time.Duration(off.Swap(int64(step))) != step {
				fmt.Fprintf(os.Stderr, "the clock is off by %v\n", step)
			}
		}
	}()
	return func() time.Time { return time.Now().Add(ahead + time.Duration(off.Load())) }
}

// probe is an event of which the test knows when it was received by heed's clock, and how old it said it was.
type probe struct {
	batch       schemas.Batch
	first, last time.Time // bounds of its receipt by the test's clock
	age         time.Duration
}

// TestClockSteps steps the process's clock by an hour, both ways and across its start. Events are neither lost nor
// doubled, their times follow the receipt, and questions are answered.
func TestClockSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	clock := filepath.Join(t.TempDir(), "clock")
	heed := startHeed(t, o.data, o.settings(testClock+"="+clock)...)
	random := rand.New(rand.NewPCG(o.seed, 0))
	o.send()
	o.awaitMore(heed, 100)
	probes := []*probe{o.probe(random, 0)}
	for _, off := range []time.Duration{time.Hour, 0, -time.Hour, 0} {
		o.stepClock(heed, clock, off)
		for _, p := range probes {
			o.repeat(p, false) // memory knows it
			o.repeat(p, true)  // ClickHouse is asked
		}
		probes = append(probes, o.probe(random, off))
		o.awaitMore(heed, 100)
		o.awaitLoaded(heed)
		o.askSummary(heed)
	}
	o.pauseClients()
	heed.stop()

	// The clock is set back while no heed runs: what the next one finds was loaded in its future.
	if err := os.WriteFile(clock, []byte("-1h"), 0o600); err != nil {
		t.Fatal(err)
	}
	heed = startHeed(t, o.data, o.settings(testClock+"="+clock)...)
	heed.awaitOutput("the clock is off by -1h")
	for _, p := range probes {
		o.repeat(p, false)
	}
	o.send()
	o.awaitLoaded(heed)
	o.askSummary(heed)
	o.pauseClients()
	heed.stop()
	o.checkProbes(probes)
	o.check(t, filepath.Join(o.data, "clickhouse"))
}

// stepClock sets how far heed's clock is off, and waits until it is so.
func (o *ordeal) stepClock(heed *process, file string, off time.Duration) {
	o.t.Helper()
	said := strings.Count(heed.output.String(), "the clock is off")
	if err := os.WriteFile(file, []byte(off.String()), 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.await(heed, "a step of the clock", func() bool { return strings.Count(heed.output.String(), "the clock is off") > said })
}

// probe sends one batch of one event while heed's clock is off by that much.
func (o *ordeal) probe(random *rand.Rand, off time.Duration) *probe {
	o.t.Helper()
	p := &probe{batch: o.batch(random)}
	p.batch.Events = p.batch.Events[:1]
	p.age = time.Duration(p.batch.Sent-p.batch.Events[0].Created) * time.Millisecond
	p.first = o.now().Add(off)
	o.repeat(p, false)
	p.last = o.now().Add(off)
	return p
}

// repeat sends the probe, again.
func (o *ordeal) repeat(p *probe, marked bool) {
	o.t.Helper()
	p.batch.Retried = marked
	accepted, err := o.killedSite.send(http.DefaultClient, p.batch)
	if err != nil || accepted != 1 {
		o.t.Fatalf("send a probe: %d events accepted, %v, want 1", accepted, err)
	}
	o.acknowledge(p.batch)
}

func (o *ordeal) askSummary(heed *process) {
	o.t.Helper()
	answer, err := http.Get(heed.API + "/api/v1/sites/kill/summary")
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		o.t.Errorf("GET summary = %s %s, want 200", answer.Status, text)
	}
}

// clockLag is how far heed's clock may be behind the test's: it is set when the process is told to start.
const clockLag = time.Minute

// checkProbes compares what the dead process has stored with what was sent.
func (o *ordeal) checkProbes(probes []*probe) {
	o.t.Helper()
	store, err := clickhouse.Open(o.t.Context(), clickhouse.Config{
		Path: filepath.Join(o.data, "clickhouse"), Library: libraryPath(o.t),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		o.t.Fatal(err)
	}
	defer store.Close(context.Background())
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	for i, p := range probes {
		id := uuid.MustParse(p.batch.Events[0].ID)
		var received, at time.Time
		if err := conn.QueryRow(o.t.Context(), "SELECT received, time FROM events WHERE id = ?", id).Scan(&received, &at); err != nil {
			o.t.Fatalf("find probe %d: %v", i, err)
		}
		if received.Before(p.first.Add(-clockLag)) || received.After(p.last) || received.Sub(at) != p.age {
			o.t.Errorf("probe %d of age %v was received at %v and is of %v, want receipt between %v and %v",
				i, p.age, received, at, p.first, p.last)
		}
	}
}
