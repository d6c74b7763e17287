package analytics

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heed/schemas"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestAPI asks what stands in the first line of each file of testdata/api, and compares the answer with the rest.
func TestAPI(t *testing.T) {
	a := open(t, visit(t)...)
	a.now = func() time.Time { return at(t, "2025-06-11T08:30:00Z") }
	handler := a.Handler()
	files, err := filepath.Glob("testdata/api/*.http")
	if err != nil || len(files) < 20 {
		t.Fatalf("Glob = %d files, %v, want at least 20", len(files), err)
	}
	for _, file := range files {
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		request, _, _ := strings.Cut(string(golden), "\n")
		method, target, _ := strings.Cut(request, " ")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
		checkHeaders(t, file, recorder)
		got := request + "\n\n" + transcript(t, recorder)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got != string(golden) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, golden)
		}
	}
}

// checkHeaders looks for what every answer must have.
func checkHeaders(t *testing.T, file string, r *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := r.Header().Get(name); got != want {
			t.Errorf("%s: header %s = %q, want %q", file, name, got, want)
		}
	}
}

// transcript writes an answer with its JSON indented, which keeps the order of the fields.
func transcript(t *testing.T, r *httptest.ResponseRecorder) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(http.StatusText(r.Code) + "\n")
	for _, name := range []string{"Allow", "Retry-After"} {
		if value := r.Header().Get(name); value != "" {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	b.WriteString("\n")
	if err := json.Indent(&b, r.Body.Bytes(), "", "  "); err != nil {
		t.Errorf("answer %q has no JSON: %v", r.Body, err)
	}
	return b.String()
}

// Over a real connection HEAD has the headers of GET and no body.
func TestHead(t *testing.T) {
	a := open(t, visit(t)...)
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	answer, err := http.Head(server.URL + "/api/v1/sites/a/summary")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ContentLength < 100 {
		t.Errorf("HEAD = %s with length %d, want 200 with the length of the body", answer.Status, answer.ContentLength)
	}
}

// Whatever stands where a site's id belongs is looked up, never run, and never repeated.
func TestHostileSites(t *testing.T) {
	a := open(t, visit(t)...)
	for _, site := range []string{
		"a'%20OR%201=1%20--", "%7Bsite:String%7D", "a%00", "a%0A", "%27", "A", "a%20", "..%2Fa", "%3Cscript%3E", strings.Repeat("a", 5000), "%ff",
	} {
		recorder := httptest.NewRecorder()
		a.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/api/v1/sites/"+site+"/summary", nil))
		if recorder.Code != http.StatusNotFound || !strings.Contains(recorder.Body.String(), `"code":"unknown_site"`) {
			t.Errorf("GET site %.40q = %d %s, want 404 unknown_site", site, recorder.Code, recorder.Body)
		}
		if len(recorder.Body.String()) > 200 {
			t.Errorf("GET site %.40q repeats it: %s", site, recorder.Body)
		}
	}
}

// A site whose own id looks like a statement is bound like any other.
func TestSiteIsBound(t *testing.T) {
	const hostile = "a' OR 1=1 --\\\t\n{x:String}"
	a := open(t, visit(t)...)
	a.sites[hostile] = true
	q := query(t, "from=2025-06-10&to=2025-06-10")
	q.Site = hostile
	got, err := a.Summary(t.Context(), q)
	if err != nil || got != (Summary{}) {
		t.Errorf("Summary(%q) = %+v, %v, want nothing", q.Site, got, err)
	}
}

// A store that is gone is a 503, and its error stays inside.
func TestStoreGone(t *testing.T) {
	a := open(t)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	a.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/api/v1/sites/a/stats", nil))
	var answer schemas.Error
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if recorder.Code != http.StatusServiceUnavailable || answer.Code != schemas.Unavailable || recorder.Header().Get("Retry-After") == "" {
		t.Errorf("GET without a store = %d %s, want 503 unavailable with Retry-After", recorder.Code, recorder.Body)
	}
}

func TestNotes(t *testing.T) {
	noon := at(t, "2025-06-10T12:00:00Z")
	bot := func(ev *schemas.Envelope) { ev.Bot = "declared" }
	a := open(t, page(1, 1, noon), with(page(2, 1, noon.AddDate(0, 0, 1)), bot), anonymous(3, noon.AddDate(0, 0, 2)))
	f := func(site, section, parameters string, want NoteCode) {
		t.Helper()
		recorder := httptest.NewRecorder()
		a.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/api/v1/sites/"+site+"/"+section+"?"+parameters, nil))
		var got Stats
		if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil || recorder.Code != http.StatusOK {
			t.Fatalf("GET %s %s = %d, %v, want 200", section, parameters, recorder.Code, err)
		}
		code := NoteCode("")
		if got.Note != nil {
			code = got.Note.Code
		}
		if code != want {
			t.Errorf("GET %s %s has note %q, want %q", section, parameters, code, want)
		}
	}
	const first, bots, nobody, empty = "from=2025-06-10&to=2025-06-10", "from=2025-06-11&to=2025-06-11", "from=2025-06-12&to=2025-06-12", "from=2025-06-13&to=2025-06-13"
	f("b", "stats", first, NoEvents)
	f("a", "stats", first, "")
	f("a", "stats", bots, OnlyBotEvents)
	f("a", "stats", bots+"&bots=include", "")
	f("a", "stats", first+"&bots=only", NoBotEvents)
	f("a", "stats", nobody, OnlyAnonymous)
	f("a", "stats", empty, NoEventsInRange)
	f("a", "pages", nobody, "")
	f("a", "forms", nobody, OnlyAnonymous)
	f("a", "forms", first, NothingOfThis)
	f("a", "bots", first, NoBotEvents)
	f("a", "bots", bots, "")
	f("a", "series", empty, NoEventsInRange)
}
