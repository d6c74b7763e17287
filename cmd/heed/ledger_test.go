package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"heed/consent"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/ledger"
	"heed/pipeline/wal"
	"heed/schemas"
)

const (
	ledgerKills   = 4
	ledgerClients = 6
)

// Through kills under load the ledger's sums are those that the clients have counted for themselves. Of rejected events
// a kill may cost those since the last flush; what the file held then is what counts on.
func TestLedgerAddsUpAfterKills(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newLedgerClientele(t)
	for round := range ledgerKills + 1 {
		heed := c.launch()
		c.repeatSome(random) // doubles of what was accepted before the kill
		ctx, stop := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i := range ledgerClients {
			clients.Go(func() { c.load(ctx, rand.New(rand.NewPCG(seed, uint64(round*100+i)))) })
		}
		c.awaitFlush(c.rejectedSoFar() + 1)
		pause(time.Duration(random.IntN(700)) * time.Millisecond)
		if round < ledgerKills {
			heed.kill()
			stop()
			clients.Wait()
			c.settle()
			continue
		}
		stop()
		clients.Wait()
		c.checkRejected(c.ask(heed))
		if text := fetch(t, heed.API+"/metrics"); !strings.Contains(text, "\nheed_ledger_arrived_total{site=\"kill\"} ") {
			t.Errorf("metrics lack the ledger:\n%s", text)
		}
		heed.stop()
	}
	status, out, errs := runHeed(t, nil, "ledger", "--config", c.config, "--data.dir", c.data, "--json")
	var offline ledgerDocument
	if err := json.Unmarshal([]byte(out), &offline); err != nil || status != exitOK || len(offline.Sites) != 1 {
		t.Fatalf("heed ledger = %d, %q, %q, %v; want the account of one site", status, out, errs, err)
	}
	c.checkRejected(offline.Sites[0])
	c.checkAccepted(offline.Sites[0])
}

// ledgerClientele are clients that send to a site whose collector is killed again and again, and count what they have sent.
type ledgerClientele struct {
	t                             *testing.T
	config, data, address, notice string

	mu       sync.Mutex
	acked    [][]byte    // bodies of batches that were answered, to be sent again
	accepted uint64      // events acknowledged, doubles included
	doubles  uint64      // of those, sent again
	unknown  []uuid.UUID // sent without an answer: accepted when they are found
	lost     uint64      // rejected events without an answer in this round
	before   codeCounts  // what the file held when this round began
	rejected codeCounts  // rejected events in this round
	flushed  uint64      // rejected events that the file has been seen to hold
}

type codeCounts map[schemas.Code]uint64

func (c codeCounts) total() (n uint64) {
	for _, count := range c {
		n += count
	}
	return n
}

func newLedgerClientele(t *testing.T) *ledgerClientele {
	t.Helper()
	dir := t.TempDir()
	notice := noticeOf(t, killSites, "kill")
	c := &ledgerClientele{t: t, config: filepath.Join(dir, "heed.yaml"), data: filepath.Join(dir, "data"),
		address: freeAddress(t), notice: notice, before: codeCounts{}, rejected: codeCounts{}}
	if err := os.WriteFile(c.config, []byte(killSites), 0o600); err != nil {
		t.Fatal(err)
	}
	c.plantDeadLetter()
	return c
}

// plantDeadLetter puts an event into the log that no collector would: it was accepted, and can never be a row.
func (c *ledgerClientele) plantDeadLetter() {
	c.t.Helper()
	log, err := wal.Open(c.t.Context(), wal.Config{Dir: filepath.Join(c.data, "wal")}, slog.New(slog.DiscardHandler))
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = log.Append(c.t.Context(), []*schemas.Envelope{{Version: 1, Site: "kill", Id: []byte("short")}})
	if err := errors.Join(err, os.Chmod(c.data, 0o700), log.Close(c.t.Context())); err != nil {
		c.t.Fatal(err)
	}
	c.accepted++
}

func (c *ledgerClientele) launch() *process {
	p := launchHeed(c.t, c.data, "--config", c.config, "--collector.address", c.address, "--collector.prefix", "/k")
	p.awaitAddresses()
	return p
}

// batch has a few good events, one that is too old and one of no kind.
func (c *ledgerClientele) batch(random *rand.Rand) (body []byte, good []uuid.UUID) {
	now := time.Now()
	choice := consent.Choice{Granted: consent.All, Day: consent.DayOf(now), Notice: c.notice}
	b := schemas.Batch{Version: 1, Sent: now.UnixMilli(), Choice: choice.String(), Consent: acceptedNow(now),
		Visitor: strings.Repeat("1a", 16)}
	event := func(kind schemas.Kind, age time.Duration) uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		b.Events = append(b.Events, schemas.Event{ID: id.String(), Kind: kind, Created: now.Add(-age).UnixMilli(), URL: killOrigin + "/"})
		return id
	}
	for range 1 + random.IntN(5) {
		good = append(good, event(schemas.Page, time.Second))
	}
	event(schemas.Page, schemas.MaxAge+time.Hour)
	event("nonsense", time.Second)
	body, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return body, good
}

// load sends until ctx ends. Nothing is sent twice: what has no answer is looked for at the end.
func (c *ledgerClientele) load(ctx context.Context, random *rand.Rand) {
	web := &http.Client{Timeout: 10 * time.Second}
	defer web.CloseIdleConnections()
	for ctx.Err() == nil {
		switch random.IntN(4) {
		case 0:
			c.sendRefused(web, "not JSON at all", schemas.Malformed)
		case 1:
			c.sendRefused(web, strings.Repeat(" ", schemas.MaxBatchBytes+1), schemas.TooLarge)
		default:
			c.sendBatch(web, random)
		}
	}
}

func (c *ledgerClientele) sendBatch(web *http.Client, random *rand.Rand) {
	body, good := c.batch(random)
	answer, ok := c.post(web, string(body), http.StatusAccepted)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		c.unknown = append(c.unknown, good...)
		c.lost += 2
		return
	}
	if answer.Accepted != len(good) || len(answer.Rejected) != 2 {
		c.t.Errorf("answer is %+v, want %d accepted and 2 rejected", answer, len(good))
	}
	c.acked = append(c.acked, body)
	c.accepted += uint64(len(good))
	c.rejected[schemas.TooOld]++
	c.rejected[schemas.InvalidField]++
}

func (c *ledgerClientele) sendRefused(web *http.Client, body string, code schemas.Code) {
	want := http.StatusBadRequest
	if code == schemas.TooLarge {
		want = http.StatusRequestEntityTooLarge
	}
	_, ok := c.post(web, body, want)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.rejected[code]++
	} else {
		c.lost++
	}
}

// repeatSome sends again what was acknowledged in earlier rounds, and waits for each answer.
func (c *ledgerClientele) repeatSome(random *rand.Rand) {
	web := &http.Client{Timeout: 30 * time.Second}
	defer web.CloseIdleConnections()
	for range min(20, len(c.acked)) {
		body := c.acked[random.IntN(len(c.acked))]
		again := bytes.Replace(body, []byte(`{"v":1,`), []byte(`{"v":1,"retried":true,`), 1)
		answer, ok := c.post(web, string(again), http.StatusAccepted)
		if !ok {
			c.t.Fatalf("a repeated batch has no answer")
		}
		c.accepted += uint64(answer.Accepted)
		c.doubles += uint64(answer.Accepted)
		c.rejected[schemas.TooOld]++
		c.rejected[schemas.InvalidField]++
	}
}

// post returns false when nothing is known of what was sent.
func (c *ledgerClientele) post(web *http.Client, body string, want int) (sealed schemas.Answer, ok bool) {
	request, err := http.NewRequest(http.MethodPost, "http://"+c.address+"/k/kill/ordinary", strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return sealed, false
	}
	request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	request.Header.Set("Origin", killOrigin)
	answer, err := web.Do(request)
	if err != nil {
		return sealed, false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return sealed, false
	}
	if answer.StatusCode != want {
		c.t.Errorf("POST of %d bytes = %s %s, want %d", len(body), answer.Status, text, want)
	}
	if want == http.StatusAccepted {
		err = json.Unmarshal(text, &sealed)
	}
	return sealed, err == nil
}

// rejectedSoFar is how many rejected events have been answered.
func (c *ledgerClientele) rejectedSoFar() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.before.total() + c.rejected.total()
}

// file is what stands in the file of rejected events.
func (c *ledgerClientele) file() codeCounts {
	var f struct {
		Sites map[string]codeCounts `json:"sites"`
	}
	raw, err := os.ReadFile(filepath.Join(c.data, "ledger", "rejected.json"))
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if f.Sites["kill"] == nil {
		return codeCounts{}
	}
	return f.Sites["kill"]
}

// awaitFlush waits until the file holds what was rejected up to now.
func (c *ledgerClientele) awaitFlush(want uint64) {
	c.t.Helper()
	for deadline := time.Now().Add(startTimeout); c.file().total() < want; pause(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the file holds %d rejected events, want %d", c.file().total(), want)
		}
	}
	c.flushed = want
}

// settle compares what a kill has left of the rejected events with what the clients know, and counts on from there.
func (c *ledgerClientele) settle() {
	c.t.Helper()
	left := c.file()
	most := c.before.total() + c.rejected.total() + c.lost
	if got := left.total(); got < c.flushed || got > most {
		c.t.Errorf("after the kill the file holds %d rejected events, want %d to %d", got, c.flushed, most)
	}
	c.t.Logf("%d rejected events, %d of them flushed, and %d without an answer: the kill left %d",
		c.before.total()+c.rejected.total(), c.flushed, c.lost, left.total())
	c.before, c.rejected, c.lost = left, codeCounts{}, 0
}

// ask waits until nothing is pending and returns the site's account as the API has it.
func (c *ledgerClientele) ask(heed *process) (account ledger.Account) {
	c.t.Helper()
	for deadline := time.Now().Add(startTimeout); ; pause(20 * time.Millisecond) {
		answer, err := http.Get(heed.API + "/api/v1/sites/kill/ledger")
		if err != nil {
			c.t.Fatal(err)
		}
		err = json.NewDecoder(answer.Body).Decode(&account)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			c.t.Fatalf("GET ledger = %s, %v, want 200", answer.Status, err)
		}
		if account.Accepted.Pending == 0 && account.Accepted.Total >= c.accepted {
			return account
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the ledger is %+v, want nothing pending and at least %d accepted", account, c.accepted)
		}
	}
}

// checkRejected compares with what the clients and the file have counted.
func (c *ledgerClientele) checkRejected(got ledger.Account) {
	c.t.Helper()
	want := maps.Clone(c.before)
	for code, n := range c.rejected {
		want[code] += n
	}
	if !maps.Equal(got.Rejected.Codes, want) || got.Rejected.Total != want.total() {
		c.t.Errorf("rejected are %+v, want %v", got.Rejected, want)
	}
	if got.Arrived != got.Rejected.Total+got.Accepted.Total {
		c.t.Errorf("%d arrived, %d rejected and %d accepted: they do not add up", got.Arrived, got.Rejected.Total, got.Accepted.Total)
	}
}

// checkAccepted compares with what the clients have counted and ClickHouse holds.
func (c *ledgerClientele) checkAccepted(got ledger.Account) {
	c.t.Helper()
	store, err := clickhouse.Open(c.t.Context(), clickhouse.Config{Path: filepath.Join(c.data, "clickhouse"), Library: libraryPath(c.t)},
		slog.New(slog.DiscardHandler))
	if err != nil {
		c.t.Fatal(err)
	}
	defer store.Close(context.Background())
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	var rows, dead, found uint64
	// A kill may have a dead letter written twice; those of one position are one.
	err = conn.QueryRow(c.t.Context(), `SELECT count(), countIf(id IN {ids:Array(UUID)}),
		(SELECT uniqExact(source_origin, source_partition, source_offset, source_event) FROM dead_letters) FROM events`,
		driver.Named("ids", c.unknown)).Scan(&rows, &found, &dead)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("%d events accepted with an answer, %d without, of %d that had none", c.accepted, found, len(c.unknown))
	want := ledger.Accepted{Total: c.accepted + found, Stored: rows, Duplicate: c.doubles, Dead: dead}
	if got.Accepted != want || dead != 1 || rows != want.Total-c.doubles-dead {
		c.t.Errorf("accepted are %+v, want %+v with 1 dead letter", got.Accepted, want)
	}
}
