package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heed/pipeline/ledger"
	"heed/schemas"
)

const (
	faultClients = 6
	// faultPatience is how long a client waits for an answer. It is shorter than the hardest faults last, so that
	// outcomes become unknown and events come twice.
	faultPatience = time.Second
)

// ordeal is a whole heed serve that suffers a fault, and clients that send to it all the while. The site, its events
// and what is known of them are those of the kill test.
type ordeal struct {
	*killedSite
	t      *testing.T
	seed   uint64
	config string
	data   string

	refused atomic.Int64 // answers 503
	stop    context.CancelFunc
	clients sync.WaitGroup
}

// newOrdeal makes a site whose data folder is within dir. Nothing runs yet.
func newOrdeal(t *testing.T, dir string) *ordeal {
	t.Helper()
	o := &ordeal{
		killedSite: newKilledSite(t), t: t, seed: rand.Uint64(),
		config: writeKillConfig(t, t.TempDir()), data: filepath.Join(dir, "data"),
	}
	t.Logf("seed %d", o.seed)
	return o
}

// settings are those that every process of the ordeal has, and more.
func (o *ordeal) settings(more ...string) []string {
	return append([]string{
		"--config", o.config, "--collector.address", o.address, "--collector.prefix", "/k",
		testNow + "=" + o.now().Format(time.RFC3339Nano), "--load.max_wait", "20ms",
	}, more...)
}

// send starts the clients. They send until finish, each batch until it is acknowledged.
func (o *ordeal) send() {
	ctx, cancel := context.WithCancel(o.t.Context())
	o.stop = cancel
	for i := range faultClients {
		o.clients.Go(func() { o.client(ctx, rand.New(rand.NewPCG(o.seed, uint64(i+1)))) })
	}
}

// pauseClients ends the clients; what they have sent is acknowledged.
func (o *ordeal) pauseClients() {
	o.stop()
	o.clients.Wait()
}

// finish ends the clients and stops heed; then every acknowledged event must be in ClickHouse once, and in the ledger.
func (o *ordeal) finish(heed *process) {
	o.t.Helper()
	o.awaitMore(heed, 50)
	o.pauseClients()
	o.checkLedger(heed)
	heed.stop()
	o.t.Logf("%d events acknowledged, %d answers were 503", len(o.acked), o.refused.Load())
	o.check(o.t, filepath.Join(o.data, "clickhouse"))
}

// checkLedger wants the site's account to say the same, once nothing is pending any more.
func (o *ordeal) checkLedger(heed *process) {
	o.t.Helper()
	var account ledger.Account
	o.await(heed, "an account without pending events", func() bool {
		text := fetch(o.t, heed.API+"/api/v1/ledger")
		var document ledgerDocument
		if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Sites) != 1 {
			o.t.Fatalf("GET /api/v1/ledger = %s, %v, want one site", text, err)
		}
		account = document.Sites[0]
		return account.Accepted.Pending == 0
	})
	if a := account.Accepted; a.Stored != uint64(len(o.acked)) || a.Dead+a.Withdrawn > 0 {
		o.t.Errorf("the account of %d acknowledged events is %+v, want all of them stored", len(o.acked), account)
	}
}

// batch is one of the kill test's. JSON leaves an engagement of 0 ms out, which the collector would refuse.
func (o *ordeal) batch(random *rand.Rand) schemas.Batch {
	b := o.killedSite.batch(random)
	for i, ev := range b.Events {
		if ev.Kind == schemas.Engagement {
			b.Events[i].Engaged = max(ev.Engaged, 1)
		}
	}
	return b
}

func (o *ordeal) client(ctx context.Context, random *rand.Rand) {
	own := http.DefaultTransport.(*http.Transport).Clone()
	defer own.CloseIdleConnections()
	web := &http.Client{Timeout: faultPatience, Transport: &inspector{own, o}}
	for ctx.Err() == nil {
		batch := o.batch(random)
		for sent := false; !sent || random.IntN(10) == 0; { // one in ten comes again, as if the answer had been lost
			accepted, err := o.killedSite.send(web, batch)
			batch.Retried = true
			if err != nil {
				if o.t.Context().Err() != nil {
					return // the test has failed
				}
				pause(20 * time.Millisecond)
				continue
			}
			if accepted != len(batch.Events) {
				o.t.Errorf("%d of %d events were accepted", accepted, len(batch.Events))
				return
			}
			o.acknowledge(batch)
			sent = true
		}
	}
}

// inspector sees every answer that a client gets.
type inspector struct {
	http.RoundTripper
	o *ordeal
}

// RoundTrip fails the test for an answer that a client could not act on.
func (i *inspector) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := i.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusAccepted:
		return answer, nil
	case http.StatusServiceUnavailable:
		i.o.refused.Add(1)
		fallthrough
	case http.StatusTooManyRequests:
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 {
			i.o.t.Errorf("a %s says Retry-After %q, want seconds", answer.Status, answer.Header.Get("Retry-After"))
		}
	default:
		i.o.t.Errorf("a batch was answered %s, want 202, or 503 or 429 for a while", answer.Status)
	}
	return answer, nil
}

// awaitMore waits until n more events have been acknowledged.
func (o *ordeal) awaitMore(heed *process, n int) {
	o.t.Helper()
	count := func() int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.acked)
	}
	want := count() + n
	o.await(heed, fmt.Sprintf("%d acknowledged events", want), func() bool { return count() >= want })
}

// awaitRefused does what keeps the fault up until n more batches have been refused.
func (o *ordeal) awaitRefused(heed *process, n int64, keepUp func()) {
	o.t.Helper()
	want := o.refused.Load() + n
	o.await(heed, fmt.Sprintf("%d answers that are 503", want), func() bool {
		keepUp()
		return o.refused.Load() >= want
	})
}

// await polls until something is so. The process must not end meanwhile.
func (o *ordeal) await(heed *process, what string, so func() bool) {
	o.t.Helper()
	for deadline := time.Now().Add(startTimeout); !so(); pause(10 * time.Millisecond) {
		select {
		case <-heed.done:
			o.t.Fatalf("heed serve ended while the test waited for %s; it printed:\n%s", what, heed.output)
		default:
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("there never were %s; heed serve printed:\n%s", what, heed.output)
		}
	}
}

// metric reads a value from heed's metrics.
func (o *ordeal) metric(heed *process, name string) float64 {
	o.t.Helper()
	answer, err := http.Get(heed.API + "/metrics")
	if err != nil {
		o.t.Fatalf("read metrics: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		o.t.Fatalf("read metrics: %v", err)
	}
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if match == nil {
		o.t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		o.t.Fatalf("metric %s: %v", name, err)
	}
	return value
}

// awaitLoaded waits until the loader has brought something to rest since now: it works, or works again.
func (o *ordeal) awaitLoaded(heed *process) {
	o.t.Helper()
	before := o.metric(heed, "heed_load_rows_total")
	o.await(heed, "rows loaded anew", func() bool { return o.metric(heed, "heed_load_rows_total") > before })
}
