package analytics

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// meddler does something before every question that passes through it.
type meddler struct {
	http.RoundTripper
	mu     sync.Mutex
	meddle func() // nil: nothing
}

func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	if m.meddle != nil {
		m.meddle()
	}
	m.mu.Unlock()
	return m.RoundTripper.RoundTrip(r)
}

// An insert between any two questions of a document is in all of its sections or in none.
func TestDocumentIsOneSnapshot(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 25))
	start := at(t, "2025-06-10T00:00:00Z")
	events := invent(random, start, 24*time.Hour, 400)
	const each = 20 // events of an insert
	store := clickhousetest.Open(t)
	between := &meddler{RoundTripper: store.Transport()}
	a, err := Open(t.Context(), Config{
		DSN: store.DSN(), Transport: between, Sites: []string{"a"}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	inserted := 0
	insertNext := func() {
		block := events[inserted*each : (inserted+1)*each]
		inserted++
		load(t, store, block, start.Add(time.Duration(inserted)*time.Millisecond))
	}
	insertNext()
	q := query(t, "from=2025-06-10&to=2025-06-10&limit=1000")
	for range 2 {
		first := inserted
		between.meddle = insertNext
		got, err := a.Stats(t.Context(), q)
		between.meddle = nil
		if err != nil {
			t.Fatalf("Stats = %v, want no error", err)
		}
		if inserted-first < len(sections) {
			t.Fatalf("%d inserts between the questions, want one before each of %d", inserted-first, len(sections))
		}
		if !isAnyPrefix(got, events, first*each, inserted*each, each) {
			t.Errorf("Stats is not that of any moment: %d views, but pages %+v", got.Summary.Views, got.Pages)
		}
	}
}

// isAnyPrefix reports whether got answers for the first n events, n being least, least+step … most.
func isAnyPrefix(got Stats, events []*schemas.Envelope, least, most, step int) bool {
	for n := least; n <= most; n += step {
		want := work(events[:n], mentionsOf(events[:n]), got.Query)
		want.Generated, want.Note = got.Generated, got.Note
		if reflect.DeepEqual(got, want) {
			return true
		}
	}
	return false
}

// load stores the events in one insert.
func load(t *testing.T, store *clickhouse.Store, events []*schemas.Envelope, loaded time.Time) {
	t.Helper()
	var rows []clickhouse.Row
	for i, ev := range events {
		rows = append(rows, clickhouse.Row{Envelope: ev, Source: schemas.Source{Origin: "test", Event: uint32(i)}, Loaded: loaded})
	}
	if err := store.Insert(t.Context(), "", rows); err != nil {
		t.Errorf("Insert = %v, want no error", err)
	}
}

// The days of a question that names none follow the clock of the configuration.
func TestDefaultRangeFollowsTheClock(t *testing.T) {
	store := clickhousetest.Open(t)
	a, err := Open(t.Context(), Config{
		DSN: store.DSN(), Transport: store.Transport(), Sites: []string{"a"}, Now: func() time.Time { return at(t, "2031-03-05T12:00:00Z") },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	got, err := a.serveSection(newRequest("a", "summary"))
	if err != nil {
		t.Fatalf("summary = %v, want no error", err)
	}
	if from := got.(Stats).Query.From; !from.Equal(at(t, "2031-02-04T00:00:00Z")) {
		t.Errorf("range begins %v, want 2031-02-04", from)
	}
}

func newRequest(site, section string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "/", nil) // both are constant and good
	r.SetPathValue("site", site)
	r.SetPathValue("section", section)
	return r
}
