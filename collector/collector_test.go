package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/wal"
	"heed/schemas"
)

func TestBatchIsStoredWithWhatWasAllowed(t *testing.T) {
	e := start(t, collector.Config{})
	view, earlier := newID(), newID()
	b := batch(
		func(ev *schemas.Event) {
			ev.URL = pageURL + "?utm_source=news&gclid=secret&name=ann#top"
			ev.Referrer = "https://search.example/?q=private"
			ev.Created -= 90_000
			ev.Anonymous = []string{earlier}
		},
		func(ev *schemas.Event) { ev.Kind, ev.View, ev.Engaged = schemas.Engagement, view, 1234 },
		func(ev *schemas.Event) {
			ev.Kind, ev.Name, ev.Props = schemas.Custom, "plan chosen", map[string]string{"plan": "gold"}
		},
		func(ev *schemas.Event) { ev.Kind, ev.Form = schemas.Form, "sign-up" },
	)
	b.Visitor, b.Retried = strings.Repeat("ab", 16), true
	if a := e.post(encode(t, b)); a.status != http.StatusAccepted || a.body != "" {
		t.Fatalf("post = %d %q, want 202 without a body", a.status, a.body)
	}
	got := e.stored()
	if len(got) != len(b.Events) {
		t.Fatalf("stored %d events, want %d", len(got), len(b.Events))
	}
	for i, ev := range got {
		if id := uuid.UUID(ev.Id).String(); id != b.Events[i].ID || ev.Kind != string(b.Events[i].Kind) {
			t.Errorf("stored[%d] = %s %s, want %s %s", i, ev.Kind, id, b.Events[i].Kind, b.Events[i].ID)
		}
		if len(ev.Visitor) != 16 || !bytes.Equal(ev.Visitor, got[0].Visitor) {
			t.Errorf("stored[%d]: visitor = %x, want the same 16 bytes in all", i, ev.Visitor)
		}
		want := fmt.Sprint("shop true false 14 strictest ", consent.MatrixVersion, " 5 false ", notice)
		if have := fmt.Sprint(ev.Site, ev.Retried, ev.UnverifiedOrigin, ev.RetentionMonths, ev.Jurisdiction,
			ev.MatrixVersion, ev.Categories, ev.Anonymous, ev.Notice); strings.Join(strings.Fields(have), "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("stored[%d]: site, origin, rights = %s, want %s", i, have, want)
		}
		if ev.Record[0] != 7 || ev.Browser != "Safari" || ev.Os != "macOS" || ev.Device != "desktop" || ev.Bot != "" {
			t.Errorf("stored[%d]: record %x, client %s %s %s %q", i, ev.Record, ev.Browser, ev.Os, ev.Device, ev.Bot)
		}
	}
	page := got[0]
	if page.Host != "shop.example" || page.Path != "/pricing" || page.ReferrerHost != "search.example" || page.UtmSource != "news" {
		t.Errorf("page = %s %s from %s, %s", page.Host, page.Path, page.ReferrerHost, page.UtmSource)
	}
	if page.ClickId != "" || page.ClickIdKind != "" {
		t.Errorf("click id = %s %q without an advertising grant", page.ClickIdKind, page.ClickId)
	}
	if age := page.ReceivedMs - page.TimeMs; age != 90_000 {
		t.Errorf("age = %d ms, want 90000", age)
	}
	if len(page.AnonymousIds) != 1 || uuid.UUID(page.AnonymousIds[0]).String() != earlier {
		t.Errorf("anonymous ids = %x, want %s", page.AnonymousIds, earlier)
	}
	if got[1].EngagedMs != 1234 || uuid.UUID(got[1].View).String() != view {
		t.Errorf("engagement = %d ms of %x", got[1].EngagedMs, got[1].View)
	}
	if got[2].Name != "plan chosen" || got[2].Props["plan"] != "gold" || got[3].Form != "sign-up" {
		t.Errorf("custom = %s %v, form = %s", got[2].Name, got[2].Props, got[3].Form)
	}
	if bytes.Contains(page.Visitor, []byte{0xab, 0xab}) {
		t.Error("the visitor's id is stored as it was sent")
	}
}

func TestClickIDNeedsAdvertising(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(func(ev *schemas.Event) { ev.URL += "?gclid=c1" })
	b.Choice = sealed(consent.Performance | consent.Advertising)
	e.post(encode(t, b)).result(t)
	if got := e.stored(); len(got) != 1 || got[0].ClickIdKind != "gclid" || got[0].ClickId != "c1" {
		t.Errorf("stored = %v, want gclid c1", got)
	}
}

func TestGoodEventsOfABatchAreAccepted(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(
		func(ev *schemas.Event) { ev.Kind = "pageview" },
		asIs,
		func(ev *schemas.Event) { ev.URL = "https://elsewhere.example/" },
		func(ev *schemas.Event) { ev.Created -= schemas.MaxAge.Milliseconds() + 1 },
		func(ev *schemas.Event) { ev.Created -= schemas.MaxAge.Milliseconds() },
		func(ev *schemas.Event) { ev.ID = "" },
	)
	r := e.post(encode(t, b)).result(t)
	if r.Accepted != 2 {
		t.Errorf("accepted = %d, want 2", r.Accepted)
	}
	want := []string{
		"0 invalid_field events[0].kind", "2 foreign_origin events[2].url", "3 too_old events[3].created", "5 missing_field events[5].id",
	}
	for i, rejection := range r.Rejected {
		if got := fmt.Sprint(rejection.Index, " ", rejection.Code, " ", rejection.Field); i >= len(want) || got != want[i] {
			t.Errorf("rejected[%d] = %s, want one of %q", i, got, want)
		}
		if rejection.ID != b.Events[rejection.Index].ID || rejection.Message == "" {
			t.Errorf("rejected[%d] = %+v, want the id as sent and a message", i, rejection)
		}
	}
	if len(r.Rejected) != len(want) {
		t.Errorf("rejected = %+v, want %d", r.Rejected, len(want))
	}
	if got := e.stored(); len(got) != 2 {
		t.Errorf("stored %d events, want 2", len(got))
	}
}

func TestLedgerAddsUp(t *testing.T) {
	e := start(t, collector.Config{})
	e.post(encode(t, batch(asIs, asIs, func(ev *schemas.Event) { ev.URL = "nowhere" })))
	e.post("{")
	refused := batch(asIs)
	refused.Choice = ""
	e.post(encode(t, refused))
	e.failed.err = errors.New("disk is gone")
	e.post(encode(t, batch(asIs)))
	e.do(http.MethodPost, "/h/k1/urgent", "{}", "Origin", "https://evil.example")
	for name, want := range map[string]string{
		`heed_collector_events_arrived_total{site="shop"}`:                        "7",
		`heed_collector_events_accepted_total{site="shop"}`:                       "2",
		`heed_collector_events_rejected_total{site="shop",code="invalid_field"}`:  "1",
		`heed_collector_events_rejected_total{site="shop",code="malformed"}`:      "1",
		`heed_collector_events_rejected_total{site="shop",code="no_consent"}`:     "1",
		`heed_collector_events_rejected_total{site="shop",code="unavailable"}`:    "1",
		`heed_collector_events_rejected_total{site="shop",code="foreign_origin"}`: "1",
		`heed_collector_refused_total{code="foreign_origin"}`:                     "1",
		`heed_collector_batches_total`:                                            "2",
	} {
		if got := e.metric(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

func TestDuplicateIDsAreBothAccepted(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs, asIs)
	b.Events[1].ID = b.Events[0].ID
	e.post(encode(t, b))
	if got := e.stored(); len(got) != 2 || !bytes.Equal(got[0].Id, got[1].Id) {
		t.Errorf("stored %d events, want both: the loader counts them once", len(got))
	}
}

func TestClocksYearsOff(t *testing.T) {
	for _, sent := range []int64{1, 1000, 1<<53 - 1} {
		e := start(t, collector.Config{})
		b := batch(asIs, asIs, asIs)
		b.Sent = sent
		b.Events[0].Created = max(sent-500, 1) // before
		b.Events[1].Created = sent             // now
		b.Events[2].Created = 1<<53 - 1        // after
		if r := e.post(encode(t, b)).result(t); len(r.Rejected) > 0 {
			t.Fatalf("sent %d: rejected %+v", sent, r.Rejected)
		}
		got := e.stored()
		if want := min(500, sent-1); got[0].ReceivedMs-got[0].TimeMs != want || time.Since(time.UnixMilli(got[0].ReceivedMs)) > time.Hour {
			t.Errorf("sent %d: received %d, time %d, want %d ms between and today", sent, got[0].ReceivedMs, got[0].TimeMs, want)
		}
		for _, ev := range got[1:] {
			if ev.TimeMs != ev.ReceivedMs {
				t.Errorf("sent %d: time = %d, want the receipt %d", sent, ev.TimeMs, ev.ReceivedMs)
			}
		}
	}
}

func TestUnavailableIsNever2xx(t *testing.T) {
	f := func(err error, retryAfter string) {
		t.Helper()
		e := start(t, collector.Config{})
		e.failed.err = err
		a := e.post(encode(t, batch(asIs)))
		if a.status != http.StatusServiceUnavailable || a.code(t) != schemas.Unavailable || a.header.Get("Retry-After") != retryAfter {
			t.Errorf("%v: answer = %d %s Retry-After %q, want 503 and %s", err, a.status, a.body, a.header.Get("Retry-After"), retryAfter)
		}
		if a.header.Get("Access-Control-Expose-Headers") != "Retry-After" {
			t.Errorf("%v: Retry-After is not exposed to the page", err)
		}
		e.post(encode(t, batch(asIs)))
		e.failed.err = nil
		if a := e.post(encode(t, batch(asIs))); a.status != http.StatusAccepted {
			t.Errorf("%v: afterwards = %d %s, want 202", err, a.status, a.body)
		}
		if got := len(e.stored()); got != 1 {
			t.Errorf("%v: stored %d events, want the one that was answered 202", err, got)
		}
		if got := strings.Count(e.logged.String(), "not made durable"); got != 1 {
			t.Errorf("%v: warned %d times, want once in a while", err, got)
		}
	}
	f(fmt.Errorf("append: %w", wal.ErrFull), "60")
	f(context.DeadlineExceeded, "5")
	f(errors.New("input/output error"), "5")
}

func TestSlowLogMeetsTheDeadline(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{AppendTimeout: 20 * time.Millisecond}})
	e.failed.Log = stuckLog{}
	if a := e.post(encode(t, batch(asIs))); a.status != http.StatusServiceUnavailable {
		t.Errorf("answer = %d %s, want 503", a.status, a.body)
	}
}

// TestUndecidedIsCountedOnce: a batch whose outcome is not known when it is answered is counted when it is: as accepted
// where it became durable after all, else as rejected.
func TestUndecidedIsCountedOnce(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(outcome error, want collector.SiteLedger) {
		t.Helper()
		told := make(chan error, 1)
		e.failed.err = slowOutcome{told}
		before := e.c.Ledger()[0]
		if a := e.post(encode(t, batch(asIs))); a.status != http.StatusServiceUnavailable {
			t.Errorf("answer = %d %s, want 503", a.status, a.body)
		}
		if got := e.c.Ledger()[0]; got.Arrived != before.Arrived {
			t.Errorf("before the outcome is known %d events are counted, want none", got.Arrived-before.Arrived)
		}
		told <- outcome
		got := before
		for ended := got.Accepted + got.Rejected[schemas.Unavailable]; got.Accepted+got.Rejected[schemas.Unavailable] == ended; {
			runtime.Gosched()
			got = e.c.Ledger()[0]
		}
		if got.Accepted-before.Accepted != want.Accepted ||
			got.Rejected[schemas.Unavailable]-before.Rejected[schemas.Unavailable] != want.Rejected[schemas.Unavailable] {
			t.Errorf("after the outcome %v the ledger went from %+v to %+v", outcome, before, got)
		}
	}
	f(nil, collector.SiteLedger{Accepted: 1})
	f(errors.New("input/output error"), collector.SiteLedger{Rejected: map[schemas.Code]uint64{schemas.Unavailable: 1}})
}

// Shutdown waits for what the log has not decided yet, but not for longer than it may.
func TestShutdownWaitsForTheOutcome(t *testing.T) {
	e := start(t, collector.Config{})
	told := make(chan error)
	e.failed.err = slowOutcome{told}
	if a := e.post(encode(t, batch(asIs)), "Connection", "close"); a.status != http.StatusServiceUnavailable {
		t.Errorf("answer = %d %s, want 503", a.status, a.body)
	}
	e.untilMetric("heed_collector_connections", "0")
	ended, end := context.WithCancel(context.Background())
	end()
	if err := e.c.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown before the outcome = %v, want %v", err, context.Canceled)
	}
	told <- nil
	if err := e.c.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if got := e.c.Ledger()[0]; got.Arrived != 1 || got.Accepted != 1 {
		t.Errorf("after Shutdown the ledger is %+v, want 1 arrived and accepted", got)
	}
}

// slowOutcome is an error of a log that has not decided yet.
type slowOutcome struct{ told chan error }

func (slowOutcome) Error() string    { return "not yet" }
func (s slowOutcome) Outcome() error { return <-s.told }

// stuckLog is a disk that never comes back.
type stuckLog struct{}

func (l stuckLog) Append(ctx context.Context, _ []*schemas.Envelope) (wal.Pos, error) {
	return wal.Pos{}, l.Wait(ctx)
}

func (l stuckLog) Start([]*schemas.Envelope) (wal.Pending, error) { return l, nil }

func (stuckLog) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestPanicIsAnswered(t *testing.T) {
	e := start(t, collector.Config{})
	e.failed.panic = "the visitor's secret"
	if a := e.post(encode(t, batch(asIs))); a.status != http.StatusInternalServerError || a.code(t) != schemas.Internal {
		t.Errorf("answer = %d %s, want 500 internal", a.status, a.body)
	}
	e.failed.panic = nil
	if a := e.post(encode(t, batch(asIs))); a.status != http.StatusAccepted {
		t.Errorf("afterwards = %d %s, want 202", a.status, a.body)
	}
	if got := e.metric("heed_collector_panics_total"); got != "1" {
		t.Errorf("panics = %s, want 1", got)
	}
	e.stop()
	if log := e.logged.String(); !strings.Contains(log, "request panicked") || strings.Contains(log, "secret") {
		t.Errorf("log = %s, want the panic without its text", log)
	}
}

func TestNothingPersonalIsLoggedOrStored(t *testing.T) {
	e := start(t, collector.Config{TrustedProxies: loopback})
	b := batch(func(ev *schemas.Event) { ev.URL += "?email=ann@planted.example" })
	e.post(encode(t, b), "X-Forwarded-For", zurichIP)
	e.post("{planted", "X-Forwarded-For", zurichIP)
	e.get("/h/k1/view.gif?u=planted", "User-Agent", userAgent, "X-Forwarded-For", zurichIP)
	rawExchange(t, e, "planted planted\r\n\r\n")
	got := e.stored()
	text, err := json.Marshal(got)
	if err != nil || len(got) != 1 {
		t.Fatalf("stored %d events, %v", len(got), err)
	}
	for _, secret := range []string{zurichIP, "10_15_7", "AppleWebKit", "planted", "127.0.0.1"} {
		if bytes.Contains(text, []byte(secret)) || strings.Contains(e.logged.String(), secret) {
			t.Errorf("%q is stored or logged: %s\n%s", secret, text, e.logged)
		}
	}
	if !bytes.Contains(text, []byte("/pricing")) {
		t.Errorf("the search finds nothing at all: %s", text)
	}
}

func TestShutdownDrains(t *testing.T) {
	e := start(t, collector.Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	e.failed.Log = gatedLog{e.log, entered, leave}
	done := make(chan int)
	go func() { done <- e.post(encode(t, batch(asIs))).status }()
	<-entered
	stopped := make(chan struct{})
	go func() { e.stop(); close(stopped) }()
	close(leave)
	if status := <-done; status != http.StatusAccepted {
		t.Errorf("request under way = %d, want 202", status)
	}
	<-stopped
	if got := len(e.stored()); got != 1 {
		t.Errorf("stored %d events, want 1", got)
	}
}

// gatedLog lets a test act while a request is under way.
type gatedLog struct {
	*wal.Log
	entered, leave chan struct{}
}

func (l gatedLog) Start(evs []*schemas.Envelope) (wal.Pending, error) {
	close(l.entered)
	<-l.leave
	return l.Log.Start(evs)
}

func TestJunkDoesNotPileUp(t *testing.T) {
	e := start(t, collector.Config{})
	junk := strings.Repeat("[],", schemas.MaxBatchBytes/3-8)
	body := `{"x":[` + junk + `1]}`
	done := make(chan error)
	for range 8 {
		go func() {
			for range 8 {
				resp, err := http.Post("http://"+e.addr+"/h/k1/ordinary", "text/plain", strings.NewReader(body))
				if err != nil {
					done <- err
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusBadRequest {
					done <- fmt.Errorf("status %d", resp.StatusCode)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	// 64 bodies of values need some 2 MB each to parse; what is kept of them must not be their sum.
	const bound = 64 << 20
	if used := liveHeap(); used > bound {
		t.Errorf("live heap after junk = %d bytes, want at most %d", used, bound)
	}
	if a := e.post(encode(t, batch(asIs))); a.status != http.StatusAccepted {
		t.Errorf("afterwards = %d, want 202", a.status)
	}
}
