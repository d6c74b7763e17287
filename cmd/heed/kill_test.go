package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

const (
	killClients = 8
	killOrigin  = "http://kill.example"
	killSites   = "sites:\n  - id: kill\n    origins: [" + killOrigin + "]\n"
	// killClock is when the test begins by the collector's clock: events of the last minute lie in both months.
	killClock = "2026-12-01T00:00:20Z"
)

// kills is how often the process is killed: 20, or what HEED_KILLS says.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HEED_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("HEED_KILLS=%q: want a number of kills", text)
	}
	return n
}

// Whatever moment the process is killed at, the ids in ClickHouse are those that were acknowledged, each once, in
// events and in every projection.
func TestKillLosesAndDoublesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	site := newKilledSite(t)
	config := writeKillConfig(t, dir)
	data := filepath.Join(dir, "data")
	launch := func() *process {
		return launchHeed(t, data, "--config", config, "--collector.address", site.address, "--collector.prefix", "/k",
			testNow+"="+site.now().Format(time.RFC3339Nano))
	}

	ctx, stopClients := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	heed := launch()
	heed.awaitAddresses()
	for i := range killClients {
		clients.Go(func() { site.client(ctx, t, rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	for range kills(t) {
		if random.IntN(5) > 0 { // else it is killed while it starts
			heed.awaitAddresses()
		}
		pause(time.Duration(random.IntN(1500)) * time.Millisecond)
		heed.kill()
		if random.IntN(4) == 0 {
			forgetRecords(t, data)
		}
		heed = launch()
	}
	heed.awaitAddresses()
	site.awaitMore(t, 100)
	stopClients()
	clients.Wait()
	heed.stop()
	t.Logf("%d events acknowledged", len(site.acked))
	site.check(t, filepath.Join(data, "clickhouse"))
}

// pause is a part of the experiment, the random moment of the kill, and not a wait for something.
func pause(d time.Duration) { <-time.After(d) }

// writeKillConfig writes the configuration of the site that is killed, and returns its name.
func writeKillConfig(t *testing.T, dir string) string {
	t.Helper()
	config := filepath.Join(dir, "heed.yaml")
	if err := os.WriteFile(config, []byte(killSites), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// killedSite is a site whose collector is killed again and again, and what its clients know to be durable.
type killedSite struct {
	address, notice string
	start           time.Time
	*acknowledged
}

// acknowledged are the events that are known to be durable.
type acknowledged struct {
	mu    sync.Mutex
	acked map[uuid.UUID]bool

	records map[uuid.UUID]bool // consent events of acknowledged batches
}

func newKilledSite(t *testing.T) *killedSite {
	t.Helper()
	notice := noticeOf(t, killSites, "kill")
	return &killedSite{address: freeAddress(t), notice: notice, start: time.Now(),
		acknowledged: &acknowledged{acked: map[uuid.UUID]bool{}, records: map[uuid.UUID]bool{}}}
}

// now is the collector's clock: it goes on across restarts.
func (s *killedSite) now() time.Time {
	start, err := time.Parse(time.RFC3339, killClock)
	if err != nil {
		panic(err)
	}
	return start.Add(time.Since(s.start))
}

// client sends batches until ctx ends. It sends each again, under the same ids, until it is acknowledged, and one in
// ten once more after that, as if the answer had been lost.
func (s *killedSite) client(ctx context.Context, t *testing.T, random *rand.Rand) {
	web := &http.Client{Timeout: 5 * time.Second}
	defer web.CloseIdleConnections()
	for ctx.Err() == nil {
		batch := s.batch(random)
		tries := 1
		if random.IntN(10) == 0 {
			tries = 2
		}
		for tries > 0 {
			accepted, err := s.send(web, batch)
			batch.Retried = true
			if err != nil {
				if ctx.Err() != nil && len(s.known(batch)) == len(batch.Events) {
					return // it is acknowledged; only its repeat is not
				}
				pause(20 * time.Millisecond)
				continue
			}
			if accepted != len(batch.Events) {
				t.Errorf("%d of %d events were accepted", accepted, len(batch.Events))
				return
			}
			s.acknowledge(batch)
			tries--
		}
	}
}

func (s *killedSite) batch(random *rand.Rand) schemas.Batch {
	now := s.now()
	choice := consent.Choice{Granted: consent.All, Day: consent.DayOf(now), Notice: s.notice}
	b := schemas.Batch{Version: 1, Sent: now.UnixMilli(), Choice: choice.String(), Consent: acceptedNow(now),
		Visitor: fmt.Sprintf("%032x", random.Uint64N(50)+1)}
	view := uuid.Must(uuid.NewV7()).String()
	for range 1 + random.IntN(5) {
		ev := schemas.Event{ID: uuid.Must(uuid.NewV7()).String(), Created: now.UnixMilli() - random.Int64N(60_000),
			URL: killOrigin + fmt.Sprintf("/page/%d", random.IntN(20)), View: view}
		switch random.IntN(4) {
		case 0:
			ev.Kind = schemas.Page
		case 1:
			ev.Kind, ev.Engaged = schemas.Engagement, 1+random.Int64N(60_000)
		case 2:
			ev.Kind, ev.Name, ev.Props = schemas.Custom, "bought", map[string]string{"plan": "pro"}
		case 3:
			ev.Kind, ev.Form = schemas.Form, "signup"
		}
		b.Events = append(b.Events, ev)
	}
	return b
}

// send returns how many events were accepted, or an error when nothing is known of them.
func (s *killedSite) send(web *http.Client, batch schemas.Batch) (accepted int, err error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/k/kill/ordinary", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	request.Header.Set("Origin", killOrigin)
	answer, err := web.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		return 0, fmt.Errorf("%s: %s: %w", answer.Status, text, err)
	}
	if len(text) == 0 { // all are accepted, and the choice was sealed before
		return len(batch.Events), nil
	}
	var sealed schemas.Answer
	if err := json.Unmarshal(text, &sealed); err != nil {
		return 0, err
	}
	return sealed.Accepted, nil
}

func (s *acknowledged) acknowledge(batch schemas.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range batch.Events {
		s.acked[uuid.MustParse(ev.ID)] = true
	}
	if batch.Consent != nil {
		s.records[uuid.MustParse(batch.Consent.ID)] = true
	}
}

// known returns those of the batch's events that are acknowledged.
func (s *acknowledged) known(batch schemas.Batch) (ids []uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range batch.Events {
		if id := uuid.MustParse(ev.ID); s.acked[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// awaitMore waits until n more events are acknowledged.
func (s *acknowledged) awaitMore(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.acked)
	}
	want := count() + n
	for deadline := time.Now().Add(startTimeout); count() < want; pause(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events are acknowledged, want %d", count(), want)
		}
	}
}

// check opens what the dead process has left and compares it with what was acknowledged.
func (s *killedSite) check(t *testing.T, folder string) {
	t.Helper()
	store, err := clickhouse.Open(t.Context(), clickhouse.Config{Path: folder, Library: libraryPath(t)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.Query(t.Context(), "SELECT id, count() FROM events GROUP BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored := 0
	for rows.Next() {
		var id uuid.UUID
		var n uint64
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		if n != 1 || !s.acked[id] {
			t.Errorf("event %v is stored %d times, acknowledged %v", id, n, s.acked[id])
		}
		delete(s.acked, id)
		stored++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(s.acked) > 0 {
		t.Errorf("%d of %d acknowledged events are not stored", len(s.acked), stored+len(s.acked))
	}
	var months, dead uint64
	if err := conn.QueryRow(t.Context(), "SELECT uniqExact(toYYYYMM(time)), (SELECT count() FROM dead_letters) FROM events").
		Scan(&months, &dead); err != nil || months != 2 || dead != 0 {
		t.Errorf("events lie in %d months and %d are dead letters, want 2 and 0: %v", months, dead, err)
	}
	clickhousetest.CheckProjections(t, store)
	s.checkRecords(t, store)
}
