package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/analytics"
)

// visited is what testdata/browser/visit.mjs says that it did.
type visited struct {
	Views []struct {
		Path        string
		Least, Most int64 // how long it was engaged, ms
	}
	Forms, Events int
	Silent        int    // requests before an answer
	Stored        string // what the page had stored before an answer
	Errors        []string
	Answers       []int
}

// A person's visit in a real browser is in the answers as it was, once.
func TestVisitIsInTheAnswers(t *testing.T) {
	heed := startHeed(t, t.TempDir(), "--demo")
	did := visit(t, heed.Demo)
	left := time.Now()
	if did.Silent != 0 || did.Stored != "{}{}" {
		t.Errorf("before an answer %d requests were sent and %q stored, want nothing", did.Silent, did.Stored)
	}
	if len(did.Errors) > 0 || !slices.Equal(did.Answers, []int{http.StatusAccepted}) {
		t.Errorf("the page saw errors %q and answers %v, want none and 202", did.Errors, did.Answers)
	}
	stats := awaitStats(t, heed, func(s analytics.Stats) bool {
		return s.Summary.Views >= uint64(len(did.Views)) && engagedOf(did).holds(s.Summary.EngagedMS)
	})
	t.Logf("complete %v after the browser was closed", time.Since(left).Round(time.Millisecond))

	got := stats.Summary
	if got.Views != uint64(len(did.Views)) || got.Visitors != 1 || got.AnonymousViews != 0 {
		t.Errorf("summary = %+v, want %d views of 1 visitor", got, len(did.Views))
	}
	if got.FormsSent != uint64(did.Forms) || got.CustomEvents != uint64(did.Events) {
		t.Errorf("summary has %d forms and %d events, want %d and %d", got.FormsSent, got.CustomEvents, did.Forms, did.Events)
	}
	checkPages(t, did, stats.Pages.Rows)
	if forms := stats.Forms.Rows; len(forms) != 1 || forms[0].Form != "signup" || forms[0].Path != "/signup" {
		t.Errorf("forms = %+v, want signup on /signup", forms)
	}
	if sources := stats.Sources.Rows; len(sources) != 1 || sources[0].Source != "newsletter" {
		t.Errorf("sources = %+v, want the newsletter alone", sources)
	}
	if browsers := stats.Browsers.Rows; len(browsers) != 1 || browsers[0].Value != "Chrome" {
		t.Errorf("browsers = %+v, want Chrome", browsers)
	}
	heed.stop()
}

// bounds are the least and the most that several views can have been engaged, in milliseconds.
type bounds struct{ least, most int64 }

func (b *bounds) add(least, most int64) { b.least, b.most = b.least+least, b.most+most }

// holds allows for the milliseconds to which either side rounds.
func (b bounds) holds(ms uint64) bool { return int64(ms) >= b.least-20 && int64(ms) <= b.most+20 }

// checkPages compares each path's views and engaged time with what the browser did.
func checkPages(t *testing.T, did visited, rows []analytics.Page) {
	t.Helper()
	views, engaged := map[string]int{}, map[string]*bounds{}
	for _, v := range did.Views {
		views[v.Path]++
		if engaged[v.Path] == nil {
			engaged[v.Path] = &bounds{}
		}
		engaged[v.Path].add(v.Least, v.Most)
	}
	for _, row := range rows {
		if row.Views != uint64(views[row.Path]) {
			t.Errorf("%s has %d views, want %d", row.Path, row.Views, views[row.Path])
		} else if e := engaged[row.Path]; !e.holds(row.EngagedMS) {
			t.Errorf("%s was engaged for %d ms, want %d to %d ms", row.Path, row.EngagedMS, e.least, e.most)
		} else {
			t.Logf("%s was engaged for %d ms, within %d to %d ms", row.Path, row.EngagedMS, e.least, e.most)
		}
		delete(views, row.Path)
	}
	if len(views) > 0 {
		t.Errorf("no answer about %v", views)
	}
}

func engagedOf(did visited) (b bounds) {
	for _, v := range did.Views {
		b.add(v.Least, v.Most)
	}
	return b
}

// visit drives Chromium through the demo and keeps its screenshots in test-output.
func visit(t *testing.T, demo string) (did visited) {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "test-output"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "browser", "visit.mjs"), demo, folder)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("visit the demo: %v (it needs node, npm ci, and Debian's chromium)\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &did); err != nil {
		t.Fatalf("read what the visit did: %v\n%s", err, stdout.String())
	}
	if info, err := os.Stat(filepath.Join(folder, "demo.png")); err != nil || info.Size() == 0 {
		t.Errorf("the visit left no screenshot: %v", err)
	}
	return did
}

// awaitStats asks the API until the answer is complete or clearly will not be; the caller looks at what came last.
func awaitStats(t *testing.T, heed *process, complete func(analytics.Stats) bool) (stats analytics.Stats) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		stats = readStats(t, heed.API, "")
		if stats.Summary == nil {
			t.Fatal("stats have no summary")
		}
		if complete(stats) || time.Now().After(deadline) {
			return stats
		}
	}
}

func readStats(t *testing.T, api, query string) (stats analytics.Stats) {
	t.Helper()
	address := fmt.Sprintf("%s/api/v1/sites/demo/stats%s", api, query)
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("GET %s: %s", address, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	return stats
}
