package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/analytics"
	"heed/consent"
	"heed/schemas"
)

// userAgent is a browser's; with the headers that it sends, visits count as a person's.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"

// sendPage sends one allowed page view from the demo and returns its id.
func sendPage(t *testing.T, p *process, path string) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	notice := demoNotice(t)
	now := time.Now()
	choice := consent.Choice{Granted: consent.All, Day: int(now.Unix() / 86400), Notice: notice}
	body, err := json.Marshal(schemas.Batch{
		Version: schemas.EventVersion, Sent: now.UnixMilli(), Choice: choice.String(), Visitor: strings.Repeat("ab", 16),
		Consent: acceptedNow(now),
		Events:  []schemas.Event{{ID: id.String(), Kind: schemas.Page, Created: now.UnixMilli(), URL: p.Demo + path}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, p.Collector+"/"+demoSite+"/ordinary", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/plain", "Origin": p.Demo, "User-Agent": userAgent, "Accept": "*/*", "Accept-Language": "en",
		"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("send page view: %v", err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusAccepted || strings.Contains(string(text), "rejected") {
		t.Fatalf("send page view: %d %s, want 202 without rejections", answer.StatusCode, text)
	}
	return id.String()
}

// views asks the API for the demo's page views.
func views(t testing.TB, p *process, question string) uint64 {
	t.Helper()
	answer, err := http.Get(p.API + "/api/v1/sites/" + demoSite + "/summary" + question)
	if err != nil {
		t.Fatalf("ask for views: %v", err)
	}
	defer answer.Body.Close()
	var stats analytics.Stats
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil || stats.Summary == nil {
		t.Fatalf("ask for views: status %d, %v", answer.StatusCode, err)
	}
	return stats.Summary.Views
}

// TestServeDrains sends events and stops at once: what was accepted is in ClickHouse when the process has ended, and
// a second start finds it.
func TestServeDrains(t *testing.T) {
	dir := t.TempDir()
	p := startHeed(t, dir, "--demo", "--load.max_wait", "1m") // nothing is inserted before the stop
	const sent = 17
	for i := range sent {
		sendPage(t, p, fmt.Sprintf("/page-%d", i))
	}
	if text := p.stop(); !strings.Contains(text, "drained 17 events into ClickHouse") {
		t.Errorf("heed serve printed at its stop:\n%s\nwant that it drained 17 events", text)
	}
	p = startHeed(t, dir, "--demo")
	if got := views(t, p, ""); got != sent {
		t.Errorf("views after a second start = %d, want %d", got, sent)
	}
	p.stop()
}

// TestServeSurvivesKill kills the process while events wait in the log: the next one brings them into ClickHouse.
func TestServeSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	p := startHeed(t, dir, "--demo", "--load.max_wait", "1m")
	sendPage(t, p, "/")
	p.kill()
	p = startHeed(t, dir, "--demo")
	p.awaitViews("", 1)
	if text := p.stop(); !strings.Contains(text, "was killed") {
		t.Errorf("heed serve printed:\n%s\nwant that it noticed the kill", text)
	}
}

// TestServeWithoutServer starts with a ClickHouse server that is away: events are accepted, and /readyz says why not
// all is well.
func TestServeWithoutServer(t *testing.T) {
	p := launchHeed(t, t.TempDir(), "--demo", "--clickhouse.dsn", "clickhouse://user:planted-secret@"+freeAddress(t)+"/heed?dial_timeout=200ms",
		"--drain_timeout", "100ms")
	p.awaitAddresses()
	sendPage(t, p, "/")
	answer, err := http.Get(p.API + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "ClickHouse has not answered") {
		t.Errorf("GET /readyz = %d %s, want 503 that names ClickHouse", answer.StatusCode, text)
	}
	answer, err = http.Get(p.API + "/api/v1/sites")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("GET /api/v1/sites = %d, want 503 with Retry-After", answer.StatusCode)
	}
	printed := p.stop()
	if !strings.Contains(printed, "the rest is safe in the log") {
		t.Errorf("heed serve printed:\n%s\nwant that the log keeps the event", printed)
	}
	if strings.Contains(printed, "planted-secret") {
		t.Errorf("heed serve printed the password of the DSN:\n%s", printed)
	}
}

// TestServeSecondSignal: who does not want to wait for the drain is not kept.
func TestServeSecondSignal(t *testing.T) {
	p := launchHeed(t, t.TempDir(), "--demo", "--clickhouse.dsn", "clickhouse://"+freeAddress(t)+"/heed?dial_timeout=200ms",
		"--drain_timeout", "10m")
	p.awaitAddresses()
	for _, wantText := range []string{"stopping: no more events", "stopped at once; nothing is lost"} {
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		p.awaitOutput(wantText)
	}
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != exitError {
		t.Errorf("status after the second Ctrl-C = %d, want %d", code, exitError)
	}
}

// TestServeClock runs the process in another year: what it receives is of that time, and so is what is asked.
func TestServeClock(t *testing.T) {
	p := startHeed(t, t.TempDir(), "--demo", testNow+"=2027-01-31T12:00:00Z", "--load.max_wait", "10ms")
	sendPage(t, p, "/")
	p.awaitViews("?from=2027-01-31&to=2027-01-31", 1)
	p.awaitViews("", 1) // the 30 days that end today, by the same clock
	p.awaitViews("?from=2027-01-01&to=2027-01-30", 0)
	p.stop()
}

// TestServeOldScripts: a page that a browser has cached asks for the script of an earlier configuration.
func TestServeOldScripts(t *testing.T) {
	dir := t.TempDir()
	script := func(p *process) (address string) {
		t.Helper()
		loader := fetch(t, p.Collector+"/"+demoSite+"/heed.js")
		name := regexp.MustCompile(`[0-9a-f]{20}\.js`).FindString(loader)
		if name == "" {
			t.Fatalf("the loader names no script: %s", loader)
		}
		return p.Collector + "/" + demoSite + "/" + name
	}
	address := freeAddress(t)
	p := startHeed(t, dir, "--demo", "--collector.address", address)
	old := script(p)
	want := fetch(t, old)
	p.stop()
	p = startHeed(t, dir, "--demo", "--collector.address", address, "--collector.public_url", "http://localhost:1")
	if got := fetch(t, old); got != want {
		t.Errorf("GET %s after a change = %d bytes, want the %d of before", old, len(got), len(want))
	}
	p.stop()
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %d, %v, want 200", address, answer.StatusCode, err)
	}
	return string(text)
}

// awaitViews polls: the test cannot see into the other process.
func (p *process) awaitViews(question string, want uint64) {
	p.t.Helper()
	var got uint64
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = views(p.t, p, question); got == want {
			return
		}
	}
	p.t.Fatalf("views%s = %d, want %d", question, got, want)
}

// TestServeLimitsRates: a site takes so much from one network, and then says when to come again.
func TestServeLimitsRates(t *testing.T) {
	p := startHeed(t, t.TempDir(), "--demo", "--collector.rate", "27")
	for range 500 {
		answer, err := http.Post(p.Collector+"/demo/ordinary", "text/plain", strings.NewReader(`{"v":1,"sent":1,"events":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusTooManyRequests {
			if answer.Header.Get("Retry-After") == "" {
				t.Error("429 has no Retry-After")
			}
			return
		}
	}
	t.Error("500 batches were taken at 27 events a second")
}
