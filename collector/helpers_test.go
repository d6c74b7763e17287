package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

const (
	siteOrigin = "https://shop.example"
	pageURL    = siteOrigin + "/pricing"
	userAgent  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
)

// testSite returns a site with one asset. Tests change what they are about.
func testSite() collector.Site {
	return collector.Site{
		ID: "shop", Key: "k1", Origins: []string{siteOrigin, "http://localhost:8080"},
		RetentionMonths: 14, Notice: notice, Notices: shopNotices,
		VisitorKey: bytes.Repeat([]byte{1}, 32), SealKey: bytes.Repeat([]byte{2}, 32),
		Assets: []collector.Asset{{
			Name: "heed.js", ContentType: "text/javascript", CacheControl: "max-age=300", ETag: `"5f1c"`,
			Plain: []byte("plain"), Gzip: []byte("gzip"), Brotli: []byte("brotli"),
		}},
	}
}

// edge is a collector behind a real listener, in front of a real log.
type edge struct {
	t             testing.TB
	c             *collector.Collector
	addr          string
	log           *wal.Log
	consent       *wal.Log      // of consent records
	logged        *lockedBuffer // everything the collector logged
	failed        *failingLog
	failedConsent *failingLog
	stop          func()
}

// lockedBuffer is read while a connection that has just been closed may still log.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// failingLog hands on to the real log until it is told to fail.
type failingLog struct {
	collector.Log
	err   error
	panic any
}

func (l *failingLog) Append(ctx context.Context, evs []*schemas.Envelope) (wal.Pos, error) {
	if l.panic != nil {
		panic(l.panic)
	}
	if l.err != nil {
		return wal.Pos{}, l.err
	}
	return l.Log.Append(ctx, evs)
}

// Start fails no sooner than Wait.
func (l *failingLog) Start(evs []*schemas.Envelope) (wal.Pending, error) {
	if l.panic != nil {
		panic(l.panic)
	}
	if l.err != nil {
		return failed{l.err}, nil
	}
	return l.Log.(collector.Starter).Start(evs)
}

type failed struct{ error }

func (f failed) Wait(context.Context) error { return f.error }

// start serves cfg, whose sites default to testSite, on a port of its own.
func start(t testing.TB, cfg collector.Config) *edge {
	t.Helper()
	return startWith(t, cfg, nil)
}

// startWith serves cfg in front of log instead of a real one; nil is the real one.
func startWith(t testing.TB, cfg collector.Config, log collector.Log) *edge {
	t.Helper()
	if cfg.Sites == nil {
		cfg.Sites = []collector.Site{testSite()}
	}
	cfg.Prefix = "/h"
	e := &edge{t: t, logged: new(lockedBuffer)}
	logger := slog.New(slog.NewTextHandler(e.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e.log, e.consent = openLog(t), openLog(t)
	enricher, err := enrich.Open(context.Background(), geoData(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e.failed, e.failedConsent = &failingLog{Log: e.log}, &failingLog{Log: e.consent}
	if log == nil {
		log = e.failed
	}
	if e.c, err = collector.New(cfg, collector.Logs{Events: log, Consent: e.failedConsent}, enricher, logger); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- e.c.Serve(ln) }()
	stopped := false
	e.stop = func() {
		if stopped {
			return
		}
		stopped = true
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(e.c.Shutdown(ctx), <-served, e.log.Close(ctx), e.consent.Close(ctx)); err != nil {
			t.Errorf("stop: %v", err)
		}
		enricher.Close()
	}
	t.Cleanup(e.stop)
	return e
}

// stored stops the edge and returns every event of the log, as it is read back from disk.
func (e *edge) stored() []*schemas.Envelope {
	e.t.Helper()
	e.stop()
	return readAll(e.t, e.log)
}

// readAll returns all events of a closed log.
func readAll(t testing.TB, log *wal.Log) (all []*schemas.Envelope) {
	t.Helper()
	r, err := log.Reader(wal.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		rec, err := r.Next(context.Background())
		if errors.Is(err, wal.ErrClosed) {
			return all
		}
		var g schemas.Group
		if err := errors.Join(err, g.UnmarshalVT(rec.Group)); err != nil {
			t.Fatal(err)
		}
		all = append(all, g.Events...)
	}
}

func openLog(t testing.TB) *wal.Log {
	t.Helper()
	log, err := wal.Open(context.Background(), wal.Config{Dir: filepath.Join(t.TempDir(), "wal")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// metric returns the value of one counter.
func (e *edge) metric(name string) string {
	var out bytes.Buffer
	e.c.WriteMetrics(&out)
	for line := range strings.Lines(out.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "absent"
}

// answer is an HTTP answer read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// result reads the body of a 202.
func (a answer) result(t testing.TB) (r schemas.Answer) {
	t.Helper()
	if a.status != http.StatusAccepted {
		t.Fatalf("status = %d %s, want 202", a.status, a.body)
	}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &r); err != nil {
			t.Fatalf("body %q: %v", a.body, err)
		}
	}
	return r
}

// code returns the code of an error.
func (a answer) code(t testing.TB) schemas.Code {
	t.Helper()
	var e schemas.Error
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Message == "" {
		t.Fatalf("status %d, body %q: want an error as JSON", a.status, a.body)
	}
	return e.Code
}

// codes returns the codes of the rejected events of a 202.
func (a answer) codes(t testing.TB) (codes []schemas.Code) {
	t.Helper()
	for _, r := range a.result(t).Rejected {
		codes = append(codes, r.Code)
	}
	return codes
}

// post sends a batch as a browser does. Headers come in pairs and replace the usual ones; "" leaves one out.
func (e *edge) post(body string, headers ...string) answer {
	e.t.Helper()
	return e.postTo("ordinary", body, headers...)
}

func (e *edge) postTo(name, body string, headers ...string) answer {
	e.t.Helper()
	return e.do(http.MethodPost, "/h/k1/"+name, body, append([]string{
		"Origin", siteOrigin, "Content-Type", "text/plain;charset=UTF-8", "User-Agent", userAgent,
		"Accept", "*/*", "Accept-Language", "de", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty",
	}, headers...)...)
}

func (e *edge) get(path string, headers ...string) answer {
	e.t.Helper()
	return e.do(http.MethodGet, path, "", headers...)
}

func (e *edge) do(method, path, body string, headers ...string) answer {
	e.t.Helper()
	req, err := http.NewRequest(method, "http://"+e.addr+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		if req.Header.Del(pair[0]); pair[1] != "" {
			req.Header.Set(pair[0], pair[1])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatalf("%s %s: read answer: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// grant returns the text of a choice made today; sealed ones carry record.
func grant(categories consent.Categories) consent.Choice {
	return consent.Choice{Granted: categories | consent.Essential, Day: consent.DayOf(time.Now()), Notice: notice}
}

func sealed(categories consent.Categories) string {
	return seal(grant(categories), [16]byte{7})
}

// batch returns a batch of one page view per change to it, allowed to be measured.
func batch(changes ...func(*schemas.Event)) schemas.Batch {
	sent := time.Now().UnixMilli()
	b := schemas.Batch{Version: 1, Sent: sent, Choice: sealed(consent.Performance), Events: []schemas.Event{}}
	for _, change := range changes {
		ev := schemas.Event{ID: newID(), Kind: schemas.Page, Created: sent, URL: pageURL}
		change(&ev)
		b.Events = append(b.Events, ev)
	}
	return b
}

func asIs(*schemas.Event) {}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func encode(t testing.TB, b schemas.Batch) string {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rawEvent is a valid event's JSON with extra fields put in front, of which the first of a name counts.
func rawEvent(extra string) string {
	return fmt.Sprintf(`{%s"id":%q,"kind":"page","created":1000,"url":%q}`, extra, newID(), pageURL)
}

// rawBatch is a batch of raw events.
func rawBatch(events ...string) string {
	return fmt.Sprintf(`{"v":1,"sent":1000,"choice":%q,"events":[%s]}`, sealed(consent.Performance), strings.Join(events, ","))
}
