package collector_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/schemas"
)

// badInput is one row of README.md's table: what is wrong, and how it is answered.
type badInput struct {
	what   string
	status int
	code   schemas.Code
	send   func(e *edge) answer
}

func head(method, path string, headers ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: h\r\nOrigin: " + siteOrigin + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

const (
	urgent = "/h/k1/urgent"
	text   = "Content-Type: text/plain"
)

func badInputs(t *testing.T) []badInput {
	post := func(body string, headers ...string) func(*edge) answer {
		return func(e *edge) answer { return e.post(body, headers...) }
	}
	do := func(method, path string) func(*edge) answer {
		return func(e *edge) answer { return e.do(method, path, "", "Content-Type", "text/plain") }
	}
	// raw sends what no HTTP client would, and leaves the rest unsent: the answer must come without it.
	raw := func(request string) func(*edge) answer {
		return func(e *edge) answer { return rawExchange(t, e, request) }
	}
	event := func(extra string) func(*edge) answer { return post(rawBatch(rawEvent(extra))) }
	consented := func(change func(*schemas.ConsentEvent)) func(*edge) answer {
		b := answered(schemas.ConsentAccept, grant(consent.All))
		change(b.Consent)
		return post(encode(t, b))
	}
	nested := strings.Repeat("[", schemas.MaxDepth) + strings.Repeat("]", schemas.MaxDepth)
	many := strings.TrimSuffix(strings.Repeat(rawEvent("")+",", schemas.MaxBatchEvents+1), ",")

	return []badInput{
		// Before the body is read.
		{"unknown path", 404, schemas.NotFound, do("GET", "/h/k1/nothing")},
		{"unknown site", 404, schemas.UnknownSite, raw(head("POST", "/h/k9/urgent", text, "Content-Length: 60000"))},
		{"unknown site, chunked body", 404, schemas.UnknownSite, raw(head("POST", "/h/k9/urgent", text, "Transfer-Encoding: chunked"))},
		{"foreign origin", 403, schemas.ForeignOrigin, raw("POST " + urgent + " HTTP/1.1\r\nHost: h\r\nOrigin: null\r\nContent-Length: 9\r\n\r\n")},
		{"wrong method", 405, schemas.MethodNotAllowed, do("PUT", urgent)},
		{"wrong media type", 415, schemas.UnsupportedMedia, raw(head("POST", urgent, "Content-Type: text/html", "Content-Length: 60000"))},
		{"no media type", 415, schemas.UnsupportedMedia, raw(head("POST", urgent, "Content-Length: 60000"))},
		{"unknown compression, or two at once", 415, schemas.UnsupportedMedia, raw(head("POST", urgent, text, "Content-Encoding: gzip, br", "Content-Length: 60000"))},
		{"body announced too long", 413, schemas.TooLarge, raw(head("POST", urgent, text, fmt.Sprintf("Content-Length: %d", schemas.MaxBatchBytes+1)))},
		{"request line or headers too long", 431, schemas.HeadersTooLarge, raw(head("POST", urgent, "Cookie: "+strings.Repeat("a", 9<<10)))},
		{"path too long", 431, schemas.HeadersTooLarge, raw("GET /" + strings.Repeat("a", 9<<10))},
		{"not HTTP", 400, schemas.Malformed, raw("\x16\x03\x01 garbage\r\n\r\n")},
		{"Content-Length and Transfer-Encoding", 400, schemas.Malformed, raw(head("POST", urgent, text, "Content-Length: 60000", "Transfer-Encoding: chunked"))},
		{"folded header line", 400, schemas.Malformed, raw(head("POST", urgent, text, "X-A: a\r\n b", "Content-Length: 60000"))},
		{"bare line feed", 400, schemas.Malformed, raw(head("POST", urgent, text, "X-A: a\nX-B: b", "Content-Length: 60000"))},
		{"too many header lines", 431, schemas.HeadersTooLarge, raw(head("POST", urgent, strings.Repeat("A: b\r\n", 200)+text))},
		{"two lengths that differ", 400, schemas.Malformed, raw(head("POST", urgent, text, "Content-Length: 1", "Content-Length: 2"))},

		// While the body is read.
		{"chunked body too long", 413, schemas.TooLarge, raw(head("POST", urgent, text, "Transfer-Encoding: chunked") + "20000\r\n")},
		{"broken chunk", 400, schemas.Malformed, raw(head("POST", urgent, text, "Transfer-Encoding: chunked") + "xyz\r\n")},
		{"body cut short", 400, schemas.Malformed, func(e *edge) answer { return cutShort(t, e) }},
		{"body too slow", 408, schemas.Timeout, func(e *edge) answer {
			return rawExchange(t, e, head("POST", urgent, text, "Content-Length: 100")+"{")
		}},
		{"headers too slow", 408, schemas.Timeout, raw("POST /h/k1/urgent HTT")},

		// The body as a whole.
		{"not JSON", 400, schemas.Malformed, post("hello")},
		{"empty body", 400, schemas.Malformed, post("")},
		{"not UTF-8", 400, schemas.Malformed, post(rawBatch(rawEvent("\"x\":\"\xff\",")))},
		{"NUL byte", 400, schemas.Malformed, post(rawBatch(rawEvent("\"x\":\"\x00\",")))},
		{"compressed body damaged or cut short", 400, schemas.Malformed, post("\x1f\x8b garbage", "Content-Encoding", "gzip")},
		{"body too long when expanded", 413, schemas.TooLarge, func(e *edge) answer {
			return e.post(gzipped(strings.Repeat(" ", schemas.MaxBatchBytes+1)), "Content-Encoding", "gzip")
		}},
		{"nested too deep", 400, schemas.TooDeep, post(rawBatch(rawEvent(`"x":` + nested + `,`)))},
		{"another version", 400, schemas.UnsupportedVersion, post(`{"v":2,"sent":1,"events":[]}`)},
		{"too many events", 400, schemas.TooManyEvents, post(rawBatch(many))},
		{"wrong type in the batch itself", 400, schemas.Malformed, post(`{"v":1,"sent":"now","events":[]}`)},
		{"consent event with a wrong field", 400, schemas.Malformed, consented(func(ev *schemas.ConsentEvent) { ev.Method = "mind" })},
		{"consent event that its choice contradicts", 400, schemas.Malformed,
			consented(func(ev *schemas.ConsentEvent) { ev.Event = schemas.ConsentReject })},
		{"consent event of a notice that is not in force", 400, schemas.UnknownNotice,
			consented(func(ev *schemas.ConsentEvent) { ev.Shown = strings.Repeat("0", 64) })},
		{"body too long", 413, schemas.TooLarge, post(strings.Repeat(" ", schemas.MaxBatchBytes+1))},

		// One event.
		{"event of a wrong type", 202, schemas.InvalidField, post(rawBatch("7"))},
		{"wrong type in an event", 202, schemas.InvalidField, event(`"url":7,`)},
		{"huge number", 202, schemas.InvalidField, event(`"created":1` + strings.Repeat("0", 300) + `,`)},
		{"negative number", 202, schemas.InvalidField, event(`"created":-1,`)},
		{"fraction", 202, schemas.InvalidField, event(`"created":1.5,`)},
		{"escaped NUL or control character", 202, schemas.InvalidField, event(`"url":"https://shop.example/\u0000",`)},
		{"id is not a lower-case UUIDv7", 202, schemas.InvalidField, event(`"id":"0198C0DE-0000-7000-8000-000000000001",`)},
		{"URL is not http or https", 202, schemas.InvalidField, event(`"url":"javascript:alert(1)",`)},
		{"URL with a user name", 202, schemas.InvalidField, event(`"url":"https://a:b@shop.example/",`)},
		{"URL of another host", 202, schemas.ForeignOrigin, event(`"url":"https://evil.example/",`)},
		{"required field missing or empty", 202, schemas.MissingField, event(`"url":"",`)},
		{"text too long", 202, schemas.FieldTooLong, event(`"url":"` + pageURL + strings.Repeat("a", 4096) + `",`)},
		{"event too long", 202, schemas.EventTooLarge, event(`"x":"` + strings.Repeat("a", schemas.MaxEventBytes) + `",`)},
		{"event older than 24 h", 202, schemas.TooOld, post(strings.Replace(rawBatch(rawEvent("")), `"sent":1000`, `"sent":86401001`, 1))},
		{"refused by the visitor", 202, schemas.NoConsent, post(`{"v":1,"sent":1,"events":[` + rawEvent("") + `]}`)},
	}
}

func TestBadInput(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{ReadTimeout: 250 * time.Millisecond}})
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range badInputs(t) {
		t.Run(in.what, func(t *testing.T) {
			row := fmt.Sprintf("| %s | %d | `%s` |", in.what, in.status, in.code)
			if !strings.Contains(string(readme), row) {
				t.Errorf("README.md has no row %s", row)
			}
			a := in.send(e)
			if a.status != in.status {
				t.Fatalf("answer = %d %s, want %d", a.status, a.body, in.status)
			}
			if a.status != http.StatusAccepted {
				if code := a.code(t); code != in.code {
					t.Errorf("code = %s, want %s", code, in.code)
				}
			} else if codes := a.codes(t); !slices.Equal(codes, []schemas.Code{in.code}) {
				t.Errorf("codes = %v, want %s", codes, in.code)
			}
			if strings.Contains(a.body, "evil") || strings.Contains(a.body, "alert") {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
		})
	}
	if got := e.metric("heed_collector_panics_total"); got != "0" {
		t.Errorf("panics = %s, want 0", got)
	}
	if got := e.stored(); len(got) > 0 {
		t.Errorf("stored %d events of bad input, want none", len(got))
	}
}

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, text)
	w.Close()
	return out.String()
}

// cutShort sends half a body and closes its half of the connection.
func cutShort(t *testing.T, e *edge) answer {
	t.Helper()
	conn := rawDial(t, e)
	body := rawBatch(rawEvent(""), rawEvent(""))
	io.WriteString(conn, head("POST", urgent, text, fmt.Sprintf("Content-Length: %d", len(body)))+body[:len(body)-9])
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	return rawAnswer(t, conn)
}

// A client that is refused early and goes on sending still reads the answer: it is not lost in a reset.
func TestEarlyAnswerSurvivesTheBody(t *testing.T) {
	e := start(t, collector.Config{})
	for range 20 {
		conn := rawDial(t, e)
		body := strings.Repeat("x", schemas.MaxBatchBytes+1)
		io.WriteString(conn, head("POST", urgent, text, fmt.Sprintf("Content-Length: %d", len(body)))+body)
		if a := rawAnswer(t, conn); a.status != http.StatusRequestEntityTooLarge || a.header.Get("Access-Control-Allow-Origin") != siteOrigin {
			t.Fatalf("answer = %d %v, want 413 that the page may read", a.status, a.header)
		}
	}
}

// What follows a refused request on its connection is its body, never the next request.
func TestBodyIsNotTakenForARequest(t *testing.T) {
	e := start(t, collector.Config{})
	inner := "GET /h/k1/heed.js HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, method := range []string{"POST", "GET", "OPTIONS"} {
		outer := head(method, "/h/k9/urgent", text, fmt.Sprintf("Content-Length: %d", len(inner))) + inner
		if a := rawExchange(t, e, outer); a.status != http.StatusNotFound { // which also wants the end behind the answer
			t.Errorf("%s = %d, want 404", method, a.status)
		}
	}
}

func TestExpectIsAnsweredBeforeTheBody(t *testing.T) {
	e := start(t, collector.Config{})
	if a := rawExchange(t, e, head("POST", "/h/k9/urgent", text, "Content-Length: 5", "Expect: 100-continue")); a.status != http.StatusNotFound {
		t.Errorf("answer = %d, want 404 at once", a.status)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{Connections: 1}})
	first := rawDial(t, e)
	io.WriteString(first, "GET /h/k1/heed.js HTTP/1.1\r\n") // of which the rest never comes
	e.untilMetric("heed_collector_connections", "1")
	second := rawDial(t, e)
	if a := rawAnswer(t, second); a.status != http.StatusServiceUnavailable || a.code(t) != schemas.Unavailable || a.header.Get("Retry-After") != "5" {
		t.Errorf("second connection = %d %s, want 503 with Retry-After", a.status, a.body)
	}
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); ; { // the server notices the close in its own time
		third := rawDial(t, e)
		io.WriteString(third, head("GET", "/h/k1/heed.js", "Connection: close"))
		// One too many is closed without being read, so its answer may be lost in a reset.
		resp, err := http.ReadResponse(bufio.NewReader(third), nil)
		if err == nil && resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the first has ended = %v, %v, want 200", resp, err)
		}
	}
}

func TestMethodNotAllowedNamesTheOthers(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(path, want string) {
		t.Helper()
		if a := e.do(http.MethodDelete, path, ""); a.status != 405 || a.header.Get("Allow") != want {
			t.Errorf("delete %s = %d, Allow %q, want 405 and %q", path, a.status, a.header.Get("Allow"), want)
		}
	}
	f("/h/k1/urgent", "POST, OPTIONS")
	f("/h/k1/view.gif", "GET")
	f("/h/k1/heed.js", "GET, HEAD")
}
