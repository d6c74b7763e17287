package collector_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/schemas"
)

// firstParty posts a batch to a collector that the page knows as host, and returns the cookies of the answer.
func (e *edge) firstParty(host, body string, headers ...string) []string {
	e.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+e.addr+"/h/k1/ordinary", strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Origin", siteOrigin)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.Header.Values("Set-Cookie")
}

func TestVisitorCookieDomain(t *testing.T) {
	site := testSite() // https://shop.example
	site.Origins = append(site.Origins, "https://www.shop.co.uk")
	e := start(t, collector.Config{Sites: []collector.Site{site}})
	f := func(origin, host, want string) {
		t.Helper()
		b := batch(asIs)
		b.Visitor = strings.Repeat("ab", 16)
		cookies := e.firstParty(host, encode(t, b), "Origin", origin)
		got := ""
		if len(cookies) == 1 {
			_, got, _ = strings.Cut(cookies[0], "domain=")
			got, _, _ = strings.Cut(got, ";")
		}
		if len(cookies) != 1 || got != want {
			t.Errorf("page of %s, served from %s: Set-Cookie = %q, want domain %q", origin, host, cookies, want)
		}
	}
	f(siteOrigin, "shop.example", "shop.example")
	f(siteOrigin, "Stats.Shop.Example:8443", "shop.example")
	f(siteOrigin, "notshop.example", "")
	f(siteOrigin, "shop.example.evil.test", "")
	f(siteOrigin, "stats.other.example", "")
	f("https://www.shop.co.uk", "stats.shop.co.uk", "shop.co.uk")
	f("https://www.shop.co.uk", "other.co.uk", "") // co.uk is nobody's
	f("http://localhost:8080", "localhost:8081", "")
}

func TestVisitorCookieIsExpiredWhereverItWasSet(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs)
	b.Choice = ""
	cookies := e.firstParty("stats.shop.example", encode(t, b), "Cookie", "heed_v_k1="+strings.Repeat("cd", 16))
	if len(cookies) != 2 || strings.Contains(cookies[0], "domain") || !strings.Contains(cookies[1], "domain=shop.example") ||
		!strings.Contains(cookies[0], "expires=Thu, 01 Jan 1970") || !strings.Contains(cookies[1], "expires=Thu, 01 Jan 1970") {
		t.Errorf("Set-Cookie = %q, want it expired for the host and for the domain", cookies)
	}
}

// A visitor whose first batches are sent at once, before any of them has brought the cookie, is one visitor.
func TestParallelFirstBatchesMakeOneVisitor(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs)
	b.Visitor = strings.Repeat("ab", 16)
	answers := make(chan answer)
	for range 8 {
		go func() { answers <- e.post(encode(t, b)) }()
	}
	cookies := map[string]bool{}
	for range 8 {
		cookies[(<-answers).header.Get("Set-Cookie")] = true
	}
	visitors := map[string]bool{}
	for _, ev := range e.stored() {
		visitors[string(ev.Visitor)] = true
	}
	if len(cookies) != 1 || len(visitors) != 1 {
		t.Errorf("cookies = %v, %d visitors, want one of each", cookies, len(visitors))
	}
}

func TestPixelReadsTheSitesOwnChoice(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(cookie, want string) {
		t.Helper()
		if got := e.get("/h/k1/view.gif?u="+pageURL, "Cookie", cookie).header.Get("X-Heed-Stored"); got != want {
			t.Errorf("cookie %q: stored = %s, want %s", cookie, got, want)
		}
	}
	granted, refused := sealed(consent.Performance), grant(0).String()
	f("heed_k1="+granted, "1")
	f("heed_k1="+refused+"; heed="+granted, "0") // the site's own comes first
	f("heed_k2="+granted, "0")
}

func TestLedger(t *testing.T) {
	other := testSite()
	other.ID, other.Key, other.Notices = "other", "k2", nil
	e := start(t, collector.Config{Sites: []collector.Site{testSite(), other}})
	e.post(encode(t, batch(asIs, asIs, func(ev *schemas.Event) { ev.URL = "nowhere" })))
	e.post("{")
	got := e.c.Ledger()
	if len(got) != 2 || got[0].Site != "shop" || got[0].Arrived != 4 || got[0].Accepted != 2 ||
		!maps.Equal(got[0].Rejected, map[schemas.Code]uint64{schemas.InvalidField: 1, schemas.Malformed: 1}) {
		t.Errorf("Ledger() = %+v, want 4 arrived, 2 accepted, an invalid_field and a malformed", got)
	}
	if got[1].Site != "other" || got[1].Arrived != 0 || len(got[1].Rejected) != 0 {
		t.Errorf("Ledger() = %+v, want nothing of the other site", got[1])
	}
}

// A body that is refused while it is read counts once, and the page may read why.
func TestLedgerHasWhatWasNotReadWhole(t *testing.T) {
	chunked := head("POST", urgent, text, "Transfer-Encoding: chunked")
	chunk := func(size int) string { return fmt.Sprintf("%x\r\n%s\r\n", size, strings.Repeat(" ", size)) }
	other := testSite()
	other.ID, other.Key, other.Notices = "other", "k2", nil
	f := func(what string, code schemas.Code, send func(e *edge) answer) {
		t.Helper()
		limits := collector.Limits{ReadTimeout: 500 * time.Millisecond, BodyBytes: schemas.MaxBatchBytes}
		if code == schemas.Unavailable {
			limits.ReadTimeout = 20 * time.Second // in which the budget stays used up
		}
		e := start(t, collector.Config{Limits: limits, Sites: []collector.Site{testSite(), other}})
		a := send(e)
		if a.code(t) != code || a.header.Get("Access-Control-Allow-Origin") != siteOrigin {
			t.Errorf("%s: answer = %d %s %v, want %s that the page may read", what, a.status, a.body, a.header, code)
		}
		if got := e.c.Ledger()[0]; got.Arrived != 1 || !maps.Equal(got.Rejected, map[schemas.Code]uint64{code: 1}) {
			t.Errorf("%s: ledger = %+v, want it as %s, once", what, got, code)
		}
	}
	raw := func(request string) func(*edge) answer {
		return func(e *edge) answer { return rawExchange(t, e, request) }
	}
	f("announced too long", schemas.TooLarge, raw(head("POST", urgent, text, "Content-Length: 70000")+strings.Repeat(" ", 70_000)))
	f("chunk too long", schemas.TooLarge, raw(chunked+chunk(70_000)+"0\r\n\r\n"))
	f("one chunk too many", schemas.TooLarge, raw(chunked+chunk(32<<10)+chunk(32<<10)+chunk(1000)+"0\r\n\r\n"))
	f("broken chunk", schemas.Malformed, raw(chunked+"xyz\r\n"))
	f("cut short", schemas.Malformed, func(e *edge) answer { return cutShort(t, e) })
	f("too slow", schemas.Timeout, raw(head("POST", urgent, text, "Content-Length: 100")+"{"))
	f("beyond the budget", schemas.Unavailable, func(e *edge) answer {
		held := rawDial(t, e)
		io.WriteString(held, head("POST", "/h/k2/urgent", text, "Content-Length: 60000")+strings.Repeat(" ", 58_000))
		body := strings.Repeat(" ", 30_000)
		for used := false; !used; { // until what is held has been read
			a := e.do(http.MethodPost, "/h/k2/urgent", body, "Content-Type", "text/plain")
			used = a.status == http.StatusServiceUnavailable
		}
		return e.post(body)
	})
}

// What is wrong with the head behind a batch is not the batch's.
func TestLedgerHasNoHeadThatIsWrong(t *testing.T) {
	e := start(t, collector.Config{})
	conn := rawDial(t, e)
	request := e.batchText()
	for _, part := range []string{request[:len(request)-7], request[len(request)-7:] + "garbage\r\n\r\n"} {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // so that they are read one by one
	}
	r := bufio.NewReader(conn)
	for _, want := range []int{http.StatusAccepted, http.StatusBadRequest} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("answer = %v, %v, want %d", resp, err, want)
		}
		io.Copy(io.Discard, resp.Body)
	}
	if got := e.c.Ledger()[0]; got.Arrived != 1 || got.Accepted != 1 {
		t.Errorf("ledger = %+v, want the batch's event alone", got)
	}
}

// A step of the collector's clock moves the receipt of what comes after it, and loses nothing.
func TestClockSteps(t *testing.T) {
	var step time.Duration
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	e := start(t, collector.Config{Now: func() time.Time { return now.Add(step) }})
	steps := []time.Duration{0, time.Hour, -time.Hour, 0}
	for _, step = range steps {
		b := batch(asIs)
		b.Sent += 500 // the event is half a second old, by a clock of its own
		choice := grant(consent.Performance)
		choice.Day = consent.DayOf(now)
		s := testSite()
		b.Choice = choice.Seal(s.SealKey, s.ID, [16]byte{7}).String()
		if a := e.post(encode(t, b)); a.status != http.StatusAccepted || a.body != "" {
			t.Errorf("after a step of %v = %d %s, want 202", step, a.status, a.body)
		}
	}
	for i, ev := range e.stored() {
		want := now.Add(steps[i]).UnixMilli()
		if ev.ReceivedMs != want || ev.TimeMs != want-500 {
			t.Errorf("after a step of %v: received %d, happened %d, want %d and half a second before", steps[i], ev.ReceivedMs, ev.TimeMs, want)
		}
	}
}
