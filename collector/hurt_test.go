package collector_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"heed/collector"
	"heed/collector/limit"
	"heed/consent"
	"heed/schemas"
)

func TestCompressedBodies(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(coding string, compress func(io.Writer) io.WriteCloser) {
		t.Helper()
		var body bytes.Buffer
		w := compress(&body)
		io.WriteString(w, encode(t, batch(asIs)))
		w.Close()
		if a := e.post(body.String(), "Content-Encoding", coding); a.status != http.StatusAccepted || a.body != "" {
			t.Errorf("%s = %d %s, want 202", coding, a.status, a.body)
		}
	}
	f("deflate", func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	f("BR", func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
	f("zstd", func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z })
	if a := e.post(gzipped(encode(t, batch(asIs))), "Content-Encoding", "gzip"); a.status != http.StatusAccepted {
		t.Errorf("gzip = %d %s, want 202", a.status, a.body)
	}
	if a := e.post(encode(t, batch(asIs)), "Content-Encoding", "identity"); a.status != http.StatusAccepted {
		t.Errorf("identity = %d %s, want 202", a.status, a.body)
	}
	if got := len(e.stored()); got != 5 {
		t.Errorf("stored %d events, want 5", got)
	}
}

func TestPipelining(t *testing.T) {
	e := start(t, collector.Config{})
	conn := rawDial(t, e)
	body := encode(t, batch(asIs))
	request := head("POST", "/h/k1/ordinary", text, fmt.Sprintf("Content-Length: %d", len(body))) + body
	const n = 20
	if _, err := io.WriteString(conn, strings.Repeat(request, n)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for i := range n {
		if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusAccepted {
			t.Fatalf("answer %d = %v, %v, want 202", i, resp, err)
		}
	}
	if got := len(e.stored()); got != n {
		t.Errorf("stored %d events, want %d", got, n)
	}
}

func TestExpectContinue(t *testing.T) {
	e := start(t, collector.Config{})
	conn := rawDial(t, e)
	body := encode(t, batch(asIs))
	io.WriteString(conn, head("POST", "/h/k1/ordinary", text, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body))))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("before the body: %q, %v, want 100 Continue", line, err)
	}
	r.ReadString('\n')
	io.WriteString(conn, body)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Errorf("answer = %v, %v, want 202", resp, err)
	}
}

// A body of the smallest values there are costs no more memory than it is long.
func TestManyTinyValues(t *testing.T) {
	e := start(t, collector.Config{})
	frame := `{"v":1,"sent":1,"events":[],"x":[%s0]}`
	body := fmt.Sprintf(frame, strings.Repeat("0,", (schemas.MaxBatchBytes-len(frame))/2))
	send := func() {
		if a := e.post(body); a.status != http.StatusAccepted {
			t.Fatalf("answer = %d %s, want 202", a.status, a.body)
		}
	}
	send()
	before := liveHeap()
	for range 50 {
		send()
	}
	if grown := int64(liveHeap()) - int64(before); grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// What unfinished requests hold in memory is bounded over all connections, and given back.
func TestBodyBudget(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{BodyBytes: schemas.MaxBatchBytes, ReadTimeout: 2 * time.Second}})
	first := make(chan *http.Response, 2)
	for range 2 { // each brings 50,000 bytes of its body and then nothing
		conn := rawDial(t, e)
		io.WriteString(conn, head("POST", urgent, text, "Content-Length: 60000")+strings.Repeat(" ", 50_000))
		go func() {
			resp, _ := http.ReadResponse(bufio.NewReader(conn), nil)
			first <- resp
		}()
	}
	if resp := <-first; resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many = %v, want 503 with Retry-After", resp)
	}
	body := rawBatch(rawEvent("")) + strings.Repeat(" ", 50_000)
	for deadline := time.Now().Add(10 * time.Second); e.post(body).status != http.StatusAccepted; {
		if time.Now().After(deadline) {
			t.Fatal("the budget was not given back")
		}
	}
}

func TestRateLimit(t *testing.T) {
	quiet := testSite()
	quiet.ID, quiet.Key, quiet.Notices = "quiet", "k2", nil
	rates := limit.DefaultConfig()
	rates.Rate, rates.Window = 5, time.Minute
	e := start(t, collector.Config{Sites: []collector.Site{testSite(), quiet}, Rates: &rates, TrustedProxies: loopback})
	sent := 0
	var last answer
	for ; sent < 1000 && last.status != http.StatusTooManyRequests; sent++ {
		last = e.post(encode(t, batch(asIs)), "X-Forwarded-For", zurichIP)
	}
	if last.status != http.StatusTooManyRequests || last.code(t) != schemas.RateLimited || last.header.Get("Retry-After") == "" {
		t.Fatalf("after %d batches = %d %s, want 429 with Retry-After", sent, last.status, last.body)
	}
	if a := e.post(encode(t, batch(asIs)), "X-Forwarded-For", unknownIP); a.status != http.StatusAccepted {
		t.Errorf("another network = %d %s, want 202", a.status, a.body)
	}
	if a := e.get("/h/k1/view.gif?u="+pageURL, "X-Forwarded-For", zurichIP); a.header.Get("X-Heed-Reason") != "rate_limited" {
		t.Errorf("image = %v, want it refused as rate_limited", a.header)
	}
	if a := e.do(http.MethodPost, "/h/k2/ordinary", encode(t, batch(asIs)), "Content-Type", "text/plain", "X-Forwarded-For", zurichIP); a.status != http.StatusAccepted {
		t.Errorf("the neighbour's site = %d %s, want 202", a.status, a.body)
	}
}

// What cannot be read costs as much as an event, and an event that is wrong as much as a good one.
func TestRateLimitCountsWhatIsRefused(t *testing.T) {
	f := func(what, body string, want, perBatch int, headers ...string) {
		t.Helper()
		rates := limit.DefaultConfig()
		rates.Rate, rates.Window = 10, time.Minute // 112 events of one network at once
		e := start(t, collector.Config{Rates: &rates})
		sent := 0
		for a := (answer{status: want}); a.status == want && sent < 1000; sent++ {
			a = e.post(body, headers...)
			if a.status == http.StatusTooManyRequests && (a.code(t) != schemas.RateLimited || a.header.Get("Retry-After") == "") {
				t.Errorf("%s: refused with %s, want rate_limited with Retry-After", what, a.body)
			}
		}
		if most := 150/perBatch + 2; sent > most {
			t.Errorf("%s: %d were let through, want at most %d", what, sent-1, most-1)
		}
		var rejected uint64
		for _, n := range e.c.Ledger()[0].Rejected {
			rejected += n
		}
		if ledger := e.c.Ledger()[0]; ledger.Arrived != ledger.Accepted+rejected || ledger.Rejected[schemas.RateLimited] != 1 {
			t.Errorf("%s: ledger = %+v, want a rate_limited one, and that it adds up", what, ledger)
		}
	}
	f("not JSON", "{", http.StatusBadRequest, 1)
	f("damaged", "\x1f\x8b garbage", http.StatusBadRequest, 1, "Content-Encoding", "gzip")
	long := gzipped(strings.Repeat(" ", schemas.MaxBatchBytes+1))
	f("too long when expanded", long, http.StatusRequestEntityTooLarge, 1, "Content-Encoding", "gzip")
	wrong := slices.Repeat([]string{"7"}, schemas.MaxBatchEvents-1)
	f("49 wrong events", rawBatch(append(wrong, rawEvent(""))...), http.StatusAccepted, schemas.MaxBatchEvents)
}

// shedLog says that it is as full as the test wants.
type shedLog struct {
	nullLog
	bytes   int64
	waiting time.Duration
}

func (l shedLog) Size() (bytes, limit int64) { return l.bytes, 100 }
func (l shedLog) Waiting() time.Duration     { return l.waiting }

func TestShedding(t *testing.T) {
	f := func(log shedLog, want int) {
		t.Helper()
		e := startWith(t, collector.Config{}, log)
		conn := rawDial(t, e)
		// The body never comes: the answer is the request line's.
		request := head("POST", "/h/k1/ordinary", text, "Content-Length: 60000", "Connection: close")
		body := ""
		if want == http.StatusAccepted {
			body = encode(t, batch(asIs))
			request = head("POST", "/h/k1/ordinary", text, fmt.Sprintf("Content-Length: %d", len(body)), "Connection: close")
		}
		io.WriteString(conn, request+body)
		a := rawAnswer(t, conn)
		if a.status != want || want == http.StatusServiceUnavailable && (a.code(t) != schemas.Unavailable || a.header.Get("Retry-After") != "5") {
			t.Errorf("%+v: ordinary = %d %s, want %d", log, a.status, a.body, want)
		}
		if a := e.postTo("urgent", encode(t, batch(formEvent))); a.status != http.StatusAccepted || a.body != "" {
			t.Errorf("%+v: urgent = %d %s, want 202", log, a.status, a.body)
		}
		stored, reason, refused := "1", "", uint64(0)
		if want == http.StatusServiceUnavailable {
			stored, reason, refused = "0", "unavailable", 2 // the batch, and the image
		}
		image := e.get("/h/k1/view.gif?u="+pageURL, "Cookie", "heed="+sealed(consent.Performance))
		if s, r := image.header.Get("X-Heed-Stored"), image.header.Get("X-Heed-Reason"); s != stored || r != reason || len(image.body) != 43 {
			t.Errorf("%+v: image of %d bytes, stored %q %q, want 43, %q %q", log, len(image.body), s, r, stored, reason)
		}
		if got := e.c.Ledger()[0].Rejected[schemas.Unavailable]; got != refused {
			t.Errorf("%+v: the ledger has %d as unavailable, want %d", log, got, refused)
		}
	}
	f(shedLog{bytes: 90}, http.StatusAccepted)
	f(shedLog{bytes: 91}, http.StatusServiceUnavailable)
	f(shedLog{waiting: time.Second}, http.StatusAccepted)
	f(shedLog{waiting: 1100 * time.Millisecond}, http.StatusServiceUnavailable)
}

// No client can say that its batch was shed: neither to Serve nor to a server of the caller's own.
func TestShedMarkOfAClientMeansNothing(t *testing.T) {
	e := start(t, collector.Config{})
	marked := head("POST", "/h/k1/ordinary", text, "Heed-Shed: 1", "heed-shed: 1", "Content-Length: 0", "Connection: close")
	if a := rawExchange(t, e, marked); a.status != http.StatusBadRequest || a.code(t) != schemas.Malformed {
		t.Errorf("served = %d %s, want 400 for an empty body", a.status, a.body)
	}
	if got := e.c.Ledger()[0].Rejected; !maps.Equal(got, map[schemas.Code]uint64{schemas.Malformed: 1}) {
		t.Errorf("rejected = %v, want a malformed one", got)
	}
	ctx := newRequest(t, marked)
	if e.c.Handler()(ctx); ctx.Response.StatusCode() != http.StatusBadRequest {
		t.Errorf("handled = %d %s, want 400 for an empty body", ctx.Response.StatusCode(), ctx.Response.Body())
	}
}

func formEvent(ev *schemas.Event) { ev.Kind, ev.Form = schemas.Form, "f" }

func TestOrdinaryEventsInUrgentBatches(t *testing.T) {
	many := slices.Repeat([]func(*schemas.Event){asIs}, 12)
	many = append(many, formEvent)
	site := testSite()
	site.OldSealKeys = [][]byte{bytes.Repeat([]byte{9}, 32)}
	f := func(log shedLog, choice string, event *schemas.ConsentEvent, want int) {
		t.Helper()
		e := startWith(t, collector.Config{Sites: []collector.Site{site}}, log)
		b := batch(many...)
		b.Choice, b.Consent = choice, event
		codes := e.postTo("urgent", encode(t, b)).codes(t)
		if len(codes) != want || slices.ContainsFunc(codes, func(c schemas.Code) bool { return c != schemas.Unavailable }) {
			t.Errorf("%+v, choice %q: rejected %v, want %d as unavailable", log, choice, codes, want)
		}
	}
	fresh := grant(consent.Performance).String()
	f(shedLog{}, sealed(consent.Performance), nil, 0)
	f(shedLog{}, fresh, event(schemas.ConsentCustom), 0)
	f(shedLog{bytes: 95}, sealed(consent.Performance), nil, 12)   // all but the form
	f(shedLog{bytes: 95}, fresh, event(schemas.ConsentCustom), 2) // ten may follow the choice that permits them
	old := sealedFor(site.ID, 9)
	f(shedLog{}, old, nil, 0)
	f(shedLog{bytes: 95}, old, nil, 12) // sealed anew, but no record comes with it
	f(shedLog{bytes: 95}, old, event(schemas.ConsentShown), 12)
}

func TestWebdriverIsMarked(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs)
	b.Webdriver = true
	e.post(encode(t, b)).result(t)
	if got := e.stored(); len(got) != 1 || got[0].Bot != "webdriver" {
		t.Errorf("stored = %v, want one event marked as webdriver", got)
	}
}

func TestForwardedHeader(t *testing.T) {
	e := start(t, collector.Config{TrustedProxies: loopback, ProxyHeader: "Forwarded"})
	e.post(encode(t, batch(asIs)), "Forwarded", `for="`+zurichIP+`:4711";proto=https`)
	e.post(encode(t, batch(asIs)), "X-Forwarded-For", zurichIP) // not the header that the proxy writes
	if got := e.stored(); len(got) != 2 || got[0].Country != "CH" || got[1].Country != "" {
		t.Errorf("stored = %v, want the place of the first alone", got)
	}
}
