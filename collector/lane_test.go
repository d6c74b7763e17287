package collector_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/wal"
	"heed/schemas"
)

// laneLog remembers the events that it is given, and how many batches came through a lane.
type laneLog struct {
	mu     sync.Mutex
	events [][]byte // encoded
	inLane int
	reach  chan struct{} // if not nil, told of each batch
	hold   chan struct{} // if not nil, each batch waits for it
}

func (l *laneLog) Append(_ context.Context, evs []*schemas.Envelope) (wal.Pos, error) {
	err := l.take(evs)
	l.wait()
	return wal.Pos{}, err
}

func (l *laneLog) take(evs []*schemas.Envelope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range evs {
		encoded, err := e.MarshalVT()
		if err != nil {
			return err
		}
		l.events = append(l.events, encoded)
	}
	if calledBy("(*Collector).expedite") {
		l.inLane++
	}
	return nil
}

func (l *laneLog) wait() {
	if l.hold != nil {
		l.reach <- struct{}{}
		<-l.hold
	}
}

// taken is how many batches came through a lane.
func (l *laneLog) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inLane
}

// calledBy reports whether a function is under way in this goroutine.
func calledBy(name string) bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// laneEdge serves in front of log, at a time that stands still at now, and returns a connection that has had its first request,
// which is the server's.
func laneEdge(t *testing.T, log collector.Log, now time.Time, proxyHeader string) (*edge, *laneConn) {
	t.Helper()
	e := startWith(t, collector.Config{
		Now: func() time.Time { return now }, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		ProxyHeader: proxyHeader,
	}, log)
	c := &laneConn{e: e, first: head("GET", "/h/k1/heed.js", "Accept: */*")}
	c.dial()
	return e, c
}

// laneConn is a keep-alive connection.
type laneConn struct {
	e     *edge
	first string
	net.Conn
	r *bufio.Reader
}

func (c *laneConn) dial() {
	c.e.t.Helper()
	c.Conn = rawDial(c.e.t, c.e)
	c.r = bufio.NewReader(c.Conn)
	c.exchange(c.first)
}

var dateLine = regexp.MustCompile(`(?m)^Date: .*\n`)

// exchange sends a request and returns the answer as it came, but for its time. Where it ends the connection there is a
// new one.
func (c *laneConn) exchange(request string) string {
	c.e.t.Helper()
	c.write(request)
	var resp fasthttp.Response
	if err := resp.Read(c.r); err != nil {
		c.e.t.Fatalf("read the answer to %s\n%v", request, err)
	}
	text := dateLine.ReplaceAllString(resp.String(), "")
	if resp.ConnectionClose() {
		c.dial()
	}
	return text
}

func (c *laneConn) write(text string) {
	c.e.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.e.t.Fatal(err)
	}
}

// serverOnly is a line that a lane leaves to the server, and that the server passes over.
const serverOnly = "Upgrade: none\r\n"

// TestLaneAnswersAsTheServer: a batch means the same in a lane as through the server, to the byte.
func TestLaneAnswersAsTheServer(t *testing.T) {
	for _, header := range []string{fasthttp.HeaderXForwardedFor, fasthttp.HeaderForwarded} {
		t.Run(header, func(t *testing.T) { compareWays(t, header) })
	}
}

func compareWays(t *testing.T, proxyHeader string) {
	fast, slow := new(laneLog), new(laneLog)
	now := time.Now()
	e, lane := laneEdge(t, fast, now, proxyHeader)
	_, server := laneEdge(t, slow, now, proxyHeader)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		request := laneRequest(t, random)
		got, want := lane.exchange(request), server.exchange(strings.Replace(request, "\r\n", "\r\n"+serverOnly, 1))
		if got != want {
			t.Fatalf("%d: %s\nthe lane answers\n%s\nthe server\n%s", i, request, got, want)
		}
	}
	if fast.taken() < 50 || slow.taken() != 0 {
		t.Errorf("%d kept batches came through a lane, and %d of the server's; want over 50 and none", fast.taken(), slow.taken())
	}
	if len(fast.events) != len(slow.events) {
		t.Fatalf("the lane keeps %d events, the server %d", len(fast.events), len(slow.events))
	}
	for i := range fast.events {
		if !bytes.Equal(fast.events[i], slow.events[i]) {
			t.Fatalf("the lane keeps\n%q\nthe server\n%q", fast.events[i], slow.events[i])
		}
	}
	if e.metric("heed_collector_panics_total") != "0" {
		t.Error("it panicked")
	}
}

// laneRequest makes a batch with some of the lines that decide.
func laneRequest(t *testing.T, random *rand.Rand) string {
	b := batch(asIs)
	b.Visitor = "0123456789abcdef0123456789abcdef"
	some := func(lines ...string) string {
		if i := random.IntN(len(lines) + 1); i < len(lines) {
			return lines[i]
		}
		return ""
	}
	media := []string{"Content-Type: text/plain", "content-type: application/json; charset=utf-8", "CONTENT-TYPE:text/plain"}[random.IntN(3)]
	coding := some("Content-Encoding: identity", "Content-Encoding:")
	switch random.IntN(4) { // one visitor follows the other on the connection, some with a seal of their own making
	case 0:
		b.Choice = seal(grant(consent.All), [16]byte{8})
	case 1:
		b.Choice = b.Choice[:len(b.Choice)-2] + "AA"
	}
	switch random.IntN(12) {
	case 3:
		media = some("Content-Type: image/png")
	case 4:
		coding = "Content-Encoding: gzip"
	case 0:
		b.Choice = ""
	case 1:
		b.Events[0].URL = "https://other.example/"
	case 2:
		b.Choice = grant(consent.All).String()
	}
	body := encode(t, b)
	lines := []string{
		media, coding,
		"Origin: " + siteOrigin,
		"uSER-aGENT: " + userAgent,
		some("Sec-GPC: 1", "sec-gpc: 0", "DNT: 1"), some("DNT: 0"),
		some("Referer: " + pageURL),
		some("Cookie: heed_v_k1=fedcba98765432100123456789abcdef", `Cookie: a="b"; heed_v_k1=ffffba98765432100123456789abcdef ;c`, "Cookie: heed="+b.Choice),
		some("X-Forwarded-For: 2.125.160.216", "X-Forwarded-For: garbage, 81.2.69.142", "x-forwarded-for: 81.2.69.142, 127.0.0.1", "Forwarded: for=2.125.160.216"),
		some("Connection: keep-alive", "Connection: Keep-Alive", "Connection: other"),
		some("Accept: */*"), some("Accept-Language: de"), some("Sec-Fetch-Site: cross-site", "sec-fetch-site: none"),
		some("User-Agent: another", "Cookie: heed_v_k1=aaaaba98765432100123456789abcdef", "X-Forwarded-For: 2.125.160.216"),
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	name := []string{"ordinary", "urgent"}[random.IntN(2)]
	return fmt.Sprintf("POST /h/k1/%s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s", name,
		[]string{"stats.shop.example", "127.0.0.1:80"}[random.IntN(2)], strings.Join(lines, "\r\n"), len(body), body)
}

// Requests come as they like: several at once, in pieces, and some of them for the server. Each is answered, in order.
func TestLaneTakesRequestsAsTheyCome(t *testing.T) {
	log := new(laneLog)
	e, conn := laneEdge(t, log, time.Now(), "")
	batch, get := e.batchText(), head("GET", "/h/k1/heed.js", "Accept: */*")
	empty := head("POST", "/h/k1/ordinary", text, "Content-Length: 0")
	headEnd := strings.Index(batch, "\r\n\r\n") + 4
	f := func(inLane int, wants []int, pieces ...string) {
		t.Helper()
		before := log.taken()
		for i, piece := range pieces {
			if i > 0 { // the piece before has been read: nothing else wakes the reader
				for e.metric("heed_collector_connections_parked") != "0" {
					runtime.Gosched()
				}
			}
			conn.write(piece)
		}
		for _, want := range wants {
			resp, err := http.ReadResponse(conn.r, nil)
			if err != nil {
				t.Fatalf("want %d: %v", want, err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want {
				t.Fatalf("answer = %d, %v, want %d", resp.StatusCode, err, want)
			}
		}
		if got := log.taken() - before; inLane >= 0 && got != inLane {
			t.Errorf("%d came through a lane, want %d", got, inLane)
		}
	}
	f(1, []int{202}, batch)
	f(2, []int{202, 202}, batch+batch)
	f(1, []int{202, 200, 202}, batch+get+batch)
	f(0, []int{200}, get)
	f(0, []int{400}, empty)
	f(1, []int{400, 202}, empty+batch)
	f(-1, []int{202}, batch[:headEnd+7], batch[headEnd+7:])
	f(-1, []int{202}, batch[:10], batch[10:])
	f(-1, []int{202, 202, 202}, batch+batch[:headEnd], batch[headEnd:]+batch[:5], batch[5:])
	e.untilMetric("heed_collector_connections_parked", "1")
	f(1, []int{202}, batch)
}

// What a connection remembers of a proven choice counts at that site only, and for no other text.
func TestRecallIsOfOneChoiceAndSite(t *testing.T) {
	other := testSite()
	other.ID, other.Key, other.SealKey, other.Notices = "other", "k2", bytes.Repeat([]byte{3}, 32), nil
	e := start(t, collector.Config{Sites: []collector.Site{testSite(), other}})
	conn := rawDial(t, e)
	r := bufio.NewReader(conn)
	e.exchange(conn, r, e.batchText())
	f := func(key, choice string, want int) {
		t.Helper()
		b := batch(asIs)
		b.Choice = choice
		body := encode(t, b)
		if _, err := fmt.Fprintf(conn, "%s%s", head("POST", "/h/"+key+"/ordinary", text, fmt.Sprintf("Content-Length: %d", len(body))), body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got schemas.Answer
		if text, err := io.ReadAll(resp.Body); err != nil || len(text) > 0 && json.Unmarshal(text, &got) != nil || len(got.Rejected) != want {
			t.Errorf("at %s %s is answered %s, %v, want %d rejected", key, choice, text, err, want)
		}
	}
	proven := sealed(consent.Performance)
	for range 2 {
		f("k1", proven, 0)
		f("k1", proven, 0)
		f("k1", proven[:len(proven)-2]+"AA", 1)
		f("k1", proven[:len(proven)-1], 1)
		f("k2", proven, 1)
		f("k1", "", 1)
	}
	f("k1", proven, 0)
}

// A client that has said all that it will is answered, and then let go, though a lane does not ask the socket whether it has.
func TestLaneLetsGo(t *testing.T) {
	log := new(laneLog)
	e, conn := laneEdge(t, log, time.Now(), "")
	conn.write(e.batchText())
	if err := conn.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := rawAnswer(t, conn); a.status != http.StatusAccepted || log.taken() != 1 {
		t.Errorf("answer = %d, %d in a lane, want 202 and 1", a.status, log.taken())
	}
	e.untilMetric("heed_collector_connections", "0")
}

// A body that never ends is the server's to answer, in the time that one request has.
func TestLaneWaitsNoLongerThanTheServer(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{ReadTimeout: 200 * time.Millisecond}})
	conn := rawDial(t, e)
	r := bufio.NewReader(conn)
	request := e.batchText()
	e.exchange(conn, r, request)
	if _, err := io.WriteString(conn, request[:len(request)-1]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Fatalf("answer = %v, %v, want 408", resp, err)
	}
	e.untilMetric("heed_collector_connections", "0")
}

// A mistake of ours in a lane is a 500 and the end of the connection, and nothing of it is left for the next.
func TestLaneSurvivesPanic(t *testing.T) {
	e := start(t, collector.Config{})
	conn := rawDial(t, e)
	e.exchange(conn, bufio.NewReader(conn), e.batchText())
	e.failed.panic = "a mistake"
	if _, err := io.WriteString(conn, e.batchText()); err != nil {
		t.Fatal(err)
	}
	if a := rawAnswer(t, conn); a.status != http.StatusInternalServerError {
		t.Errorf("answer = %d, want 500", a.status)
	}
	e.failed.panic = nil
	if a := e.post(encode(t, batch(asIs))); a.status != http.StatusAccepted {
		t.Errorf("the next answer = %d, want 202", a.status)
	}
	e.untilMetric("heed_collector_panics_total", "1")
}

// What the log fails at after a lane was given back is answered as by the server, and counted.
func TestLaneAnswersFailedLog(t *testing.T) {
	e := start(t, collector.Config{})
	conn := &laneConn{e: e, first: e.batchText()}
	conn.dial()
	request := func(line string) string {
		body := encode(t, batch(asIs))
		return head("POST", "/h/k1/ordinary", text, line+fmt.Sprintf("Content-Length: %d", len(body))) + body
	}
	for i, err := range []error{wal.ErrFull, errors.New("disk is gone")} {
		e.failed.err = err
		server, lane := conn.exchange(request(serverOnly)), conn.exchange(request(""))
		if lane != server || !strings.HasPrefix(lane, "HTTP/1.1 503 ") {
			t.Errorf("a lane answers\n%s\nwant the server's\n%s", lane, server)
		}
		if got, want := e.c.Ledger()[0].Rejected[schemas.Unavailable], uint64(2*i+2); got != want {
			t.Errorf("after %v %d events are counted as unavailable, want %d", err, got, want)
		}
	}
	e.failed.err = nil
	if got := conn.exchange(request("")); !strings.HasPrefix(got, "HTTP/1.1 202 ") {
		t.Errorf("afterwards the answer is %s, want 202", got)
	}
	if got := e.c.Ledger()[0]; got.Accepted != 2 || got.Arrived != 6 {
		t.Errorf("ledger = %+v, want 2 accepted of 6", got)
	}
}

// beginStop returns when a shutdown has begun; the channel is closed when it has ended.
func (e *edge) beginStop() (stopped <-chan struct{}) {
	done := make(chan struct{})
	go func() { e.stop(); close(done) }()
	for {
		probe, err := net.Dial("tcp", e.addr)
		if err != nil {
			return done
		}
		probe.Close()
	}
}

// A shutdown lets the batch that is in a lane finish, and its answer says that the connection ends.
func TestShutdownWaitsForTheLane(t *testing.T) {
	whole := &laneLog{reach: make(chan struct{}), hold: make(chan struct{})}
	for _, log := range []collector.Log{whole, halvedLog{whole}} {
		e, conn := laneEdge(t, log, time.Now(), "")
		conn.write(e.batchText())
		<-whole.reach
		stopped := e.beginStop()
		whole.hold <- struct{}{}
		resp, err := http.ReadResponse(conn.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusAccepted || !resp.Close {
			t.Errorf("answer = %d, closes: %t, want 202 and true", resp.StatusCode, resp.Close)
		}
		<-stopped
	}
	if got := whole.taken(); got != 2 {
		t.Errorf("%d came through a lane, want 2", got)
	}
}

// A batch of which the end has not come when a shutdown begins is answered all the same.
func TestShutdownWaitsForTheRestOfABatch(t *testing.T) {
	log := new(laneLog)
	e, conn := laneEdge(t, log, time.Now(), "")
	batch := e.batchText()
	conn.write(batch + batch[:len(batch)-7]) // whoever has answered the first has the beginning of the second
	if resp, err := http.ReadResponse(conn.r, nil); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatalf("answer = %+v, %v, want 202", resp, err)
	}
	stopped := e.beginStop()
	conn.write(batch[len(batch)-7:])
	resp, err := http.ReadResponse(conn.r, nil)
	if err != nil || resp.StatusCode != http.StatusAccepted || !resp.Close {
		t.Errorf("answer = %+v, %v, want 202 and the end", resp, err)
	}
	<-stopped
}

// halvedLog is a laneLog that takes events before it waits.
type halvedLog struct{ *laneLog }

func (l halvedLog) Start(evs []*schemas.Envelope) (wal.Pending, error) { return l, l.take(evs) }
func (l halvedLog) Wait(context.Context) error                         { l.wait(); return nil }
