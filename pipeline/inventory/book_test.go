package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/inventory"
	"heed/schemas"
)

// shelf is where books put their rows. It can be away.
type shelf struct {
	away bool
	puts int
	rows map[string]clickhouse.InventoryRow // the last of each key
}

func (s *shelf) put(ctx context.Context, rows []clickhouse.InventoryRow) error {
	s.puts++
	if s.away {
		return errors.New("away")
	}
	if s.rows == nil {
		s.rows = map[string]clickhouse.InventoryRow{}
	}
	for _, r := range rows {
		s.rows[strings.Join([]string{r.Site, r.Day.Format(time.DateOnly), r.What, r.Kind, r.Name}, " ")] = r
	}
	return ctx.Err()
}

func (s *shelf) String() string {
	var lines []string
	for key, row := range s.rows {
		lines = append(lines, fmt.Sprintf("%s %d", key, row.Count))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func newBook(t *testing.T, cfg inventory.Config) *inventory.Book {
	t.Helper()
	b, err := inventory.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	script = schemas.Held{Host: "tag.example", Kind: schemas.HeldScript}
	image  = schemas.Held{Host: "tag.example", Kind: schemas.HeldImage}
	cookie = schemas.Name{Name: "_ga", Place: schemas.PlaceCookie}
)

func TestBookCounts(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	s := &shelf{}
	b := newBook(t, inventory.Config{Put: s.put, Now: func() time.Time { return now }})
	flush := func() {
		t.Helper()
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.Add("a", []schemas.Held{script, image, script}, nil)
	b.Add("b", []schemas.Held{{Host: "10.0.0.1", Kind: schemas.HeldImage}}, []schemas.Name{{Name: "_ga", Place: schemas.PlaceCookie, Days: 9, HTTP: true}})
	flush()
	now = now.Add(2 * time.Hour)
	b.Add("b", nil, []schemas.Name{cookie})
	flush()
	flush()
	want := "a 2026-11-22 held img tag.example 1\na 2026-11-22 held script tag.example 2\nb 2026-11-22 name cookie _ga 1\nb 2026-11-23 name cookie _ga 1"
	if got := s.String(); got != want || s.puts != 2 {
		t.Errorf("%d puts made\n%s\nwant 2 and\n%s", s.puts, got, want)
	}
	if r := s.rows["b 2026-11-22 name cookie _ga"]; r.Days != 9 || !r.HTTP {
		t.Errorf("row = %+v, want 9 days, by an answer", r)
	}
	var out strings.Builder
	b.WriteMetrics(&out)
	if !strings.Contains(out.String(), "heed_inventory_refused_total 1") {
		t.Errorf("metrics = %s, want one refused", out.String())
	}
}

func TestBookBounds(t *testing.T) {
	s, now := &shelf{}, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	b := newBook(t, inventory.Config{Put: s.put, Now: func() time.Time { return now }})
	for i := range 600 {
		host := fmt.Sprintf("h%c%c%c.example", 'a'+i/676, 'a'+i/26%26, 'a'+i%26)
		b.Add("a", []schemas.Held{{Host: host, Kind: schemas.HeldImage}}, nil)
	}
	b.Add("a", nil, []schemas.Name{cookie})
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	more := 0
	for key, row := range s.rows {
		if strings.HasSuffix(key, " held more ") {
			more = int(row.Count)
		}
	}
	if len(s.rows) != 502 || more != 100 {
		t.Errorf("600 hosts and a name made %d rows with %d more, want 502 and 100", len(s.rows), more)
	}
	now = now.AddDate(0, 0, 1)
	b.Add("a", []schemas.Held{script}, nil)
	b.Add("b", []schemas.Held{script}, nil)
	if err := b.Flush(t.Context()); err != nil || !strings.Contains(s.String(), "a 2026-11-23 held script tag.example 1\nb 2026-11-23") {
		t.Errorf("Flush on the next day = %v, want room for another host", err)
	}
}

// TestBookRuns: what cannot be written goes with what comes later, and the end writes the rest.
func TestBookRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{away: true}
		b := newBook(t, inventory.Config{Put: s.put})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); b.Run(ctx) }()
		b.Add("a", []schemas.Held{script}, nil)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if s.puts != 2 {
			t.Errorf("put %d times in 11 s, want 2", s.puts)
		}
		s.away = false
		b.Add("a", []schemas.Held{script}, nil)
		cancel()
		<-ended
		if len(s.rows) != 1 || !strings.HasSuffix(s.String(), "script tag.example 2") {
			t.Errorf("the end left %q, want both", s)
		}
	})
}

func TestNewFailure(t *testing.T) {
	if _, err := inventory.New(inventory.Config{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("New without a place for counts: no error")
	}
}

// TestStoreSums: a restart adds to what was before it, and writing twice does not.
func TestStoreSums(t *testing.T) {
	store := clickhousetest.Open(t)
	day := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return day }
	for range 2 { // two processes
		b := newBook(t, inventory.Config{Put: store.PutInventory, Now: now})
		for n := range 3 {
			b.Add("a", []schemas.Held{script, {Host: "self", Kind: schemas.HeldImage}}, []schemas.Name{{Name: "_ga", Place: schemas.PlaceCookie, Days: int64(n), HTTP: n == 1}})
			if err := b.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		day = day.Add(24 * time.Hour)
	}
	f := func(site, what string, since time.Time, want string) {
		t.Helper()
		totals, err := store.Inventory(t.Context(), site, what, since)
		var got []string
		for _, sum := range totals {
			got = append(got, fmt.Sprintf("%s %s %d %d %v %s %s", sum.Kind, sum.Name, sum.Count, sum.Days, sum.HTTP,
				sum.First.Format(time.DateOnly), sum.Last.Format(time.DateOnly)))
		}
		if err != nil || strings.Join(got, "; ") != want {
			t.Errorf("Inventory(%q, %q) = %q, %v, want %q", site, what, got, err, want)
		}
	}
	f("a", clickhouse.InventoryHeld, time.Time{}.AddDate(1970, 0, 0), "img self 6 0 false 2026-11-20 2026-11-21; script tag.example 6 0 false 2026-11-20 2026-11-21")
	f("a", clickhouse.InventoryName, day.Add(-24*time.Hour), "cookie _ga 3 2 true 2026-11-21 2026-11-21")
	f("b", clickhouse.InventoryHeld, time.Time{}.AddDate(1970, 0, 0), "")
}
