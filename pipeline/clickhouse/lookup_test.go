package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// filled has the records 1 to 4 of partition 3 with five events each, and record 1 of partition 4.
func filled(t *testing.T) *clickhouse.Store {
	t.Helper()
	store := clickhousetest.Open(t)
	for offset := uint64(1); offset <= 5; offset++ {
		rows := someRows(offset, 5)
		for i := range rows {
			rows[i].Loaded = time.Now().Add(-time.Duration(offset) * 50 * time.Second)
			if offset == 5 {
				rows[i].Source.Partition, rows[i].Source.Offset = 4, 1
			}
		}
		if err := store.Insert(context.Background(), fmt.Sprint("fill", offset), rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	return store
}

func TestPresent(t *testing.T) {
	store := filled(t)
	at := func(partition uint32, offset uint64, event uint32) schemas.Source {
		return schemas.Source{Partition: partition, Offset: offset, Event: event}
	}
	f := func(origin string, from, to schemas.Source, want ...string) {
		t.Helper()
		found, err := store.Present(context.Background(), origin, from, to)
		if err != nil {
			t.Fatalf("Present(%q, %v, %v) = %v, want no error", origin, from, to, err)
		}
		var got []string
		for _, s := range found {
			got = append(got, fmt.Sprintf("%s/%d/%d/%d", s.Source.Origin, s.Source.Partition, s.Source.Offset, s.Source.Event))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("Present(%q, %v, %v) = %v, want %v", origin, from, to, got, want)
		}
	}
	f("log", at(3, 2, 1), at(3, 2, 3), "log/3/2/1", "log/3/2/2", "log/3/2/3")
	f("log", at(3, 2, 4), at(3, 3, 0), "log/3/2/4", "log/3/3/0")
	f("log", at(3, 4, 3), at(4, 1, 1), "log/3/4/3", "log/3/4/4", "log/4/1/0", "log/4/1/1")
	f("log", at(3, 4, 4), at(4, 0, math.MaxUint32), "log/3/4/4")
	f("log", at(9, 0, 0), at(9, math.MaxUint64, math.MaxUint32))
	f("other", at(3, 2, 1), at(3, 2, 3))

	found, err := store.Present(context.Background(), "log", at(3, 2, 1), at(3, 2, 1))
	if err != nil || len(found) != 1 {
		t.Fatalf("Present = %v, %v; want one", found, err)
	}
	row := someRows(2, 2)[1]
	want := clickhouse.Stored{Source: row.Source, ID: [16]byte(row.Envelope.Id), Site: row.Envelope.Site}
	if found[0] != want {
		t.Errorf("Present = %v, want %v", found[0], want)
	}
}

func TestHasIDs(t *testing.T) {
	store := filled(t)
	var keys []clickhouse.EventKey
	want := map[clickhouse.EventKey]schemas.Source{}
	for offset := uint64(1); offset <= 3; offset++ {
		for _, row := range someRows(offset, 5) {
			key := clickhouse.EventKey{Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)}
			keys, want[key] = append(keys, key), row.Source
			key.Site = "elsewhere" // the same id of another site is another event
			keys = append(keys, key)
		}
	}
	for n := range 9000 { // more than one query's worth, none stored
		keys = append(keys, clickhouse.EventKey{Site: "site-0", ID: [16]byte(id16(0xdd, n))})
	}
	got, err := store.HasIDs(context.Background(), keys)
	if err != nil {
		t.Fatalf("HasIDs = %v, want no error", err)
	}
	if len(got) != len(want) {
		t.Errorf("HasIDs found %d, want %d", len(got), len(want))
	}
	for key, source := range want {
		if got[key] != source {
			t.Errorf("HasIDs[%v] = %v, want %v", key, got[key], source)
		}
	}
	if got, err := store.HasIDs(context.Background(), nil); len(got) != 0 || err != nil {
		t.Errorf("HasIDs(nil) = %v, %v; want none", got, err)
	}
}

func TestRecentIDs(t *testing.T) {
	store := filled(t)
	f := func(since time.Duration, limit, want int) {
		t.Helper()
		var times []time.Time
		ids := map[clickhouse.EventKey]bool{}
		err := store.RecentIDs(context.Background(), time.Now().Add(-since), limit, func(key clickhouse.EventKey, source schemas.Source, loaded time.Time) error {
			if source.Origin != "log" || source.Partition < 3 {
				t.Errorf("source = %v, want one of the log", source)
			}
			times, ids[key] = append(times, loaded), true
			return nil
		})
		if err != nil || len(times) != want || len(ids) != want {
			t.Errorf("RecentIDs(%v, %d) = %d ids, %v; want %d", since, limit, len(ids), err, want)
		}
		if !slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) }) {
			t.Errorf("RecentIDs(%v, %d) = %v, want newest first", since, limit, times)
		}
	}
	f(time.Hour, 1000, 25)
	f(time.Hour, 12, 12)
	f(125*time.Second, 1000, 10) // loaded 50 and 100 s ago
	f(time.Second, 1000, 0)
	f(time.Hour, 0, 0)
}

func TestRecentIDsEndsWithYield(t *testing.T) {
	store := filled(t)
	enough := errors.New("enough")
	n := 0
	err := store.RecentIDs(context.Background(), time.Now().Add(-time.Hour), 1000, func(clickhouse.EventKey, schemas.Source, time.Time) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("RecentIDs = %v after %d calls, want %v after 3", err, n, enough)
	}
}

// The lookups of the loader must not read whole tables: each uses its skip index.
func TestLookupsUseIndexes(t *testing.T) {
	store := filled(t)
	if err := store.Insert(context.Background(), "many", someRows(9, 30_000)); err != nil { // several granules
		t.Fatal(err)
	}
	f := func(sql, index string) {
		t.Helper()
		rows, err := connect(t, store).Query(context.Background(), "EXPLAIN indexes = 1 "+sql)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var plan string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if index != "" && !strings.Contains(plan, "Name: "+index) {
			t.Errorf("plan of %s does not use %s:\n%s", sql, index, plan)
		}
	}
	f("SELECT id FROM events WHERE site = 's' AND id IN ['018f3a5b-7c9d-7ef0-8123-456789abcdef']", "id_bloom")
	f("SELECT id FROM events WHERE source_origin = 'log' AND source_partition BETWEEN 3 AND 3 AND source_offset BETWEEN 2 AND 2", "source_offsets")
	f("SELECT id FROM events WHERE loaded >= toDateTime64(0, 3) AND loaded < now64(3) ORDER BY loaded DESC", "loaded_times")
	f("SELECT path, count(), uniqExact(visitor) FROM events WHERE site = 'site-1' AND kind = 'page' AND NOT anonymous AND bot = ''"+
		" AND toStartOfFifteenMinutes(time) >= toDateTime('2026-07-01', 'UTC') GROUP BY path SETTINGS force_optimize_projection_name = 'by_path'", "")
	f("SELECT country, count(), uniqExact(visitor) FROM events WHERE site = 'site-1' AND kind = 'page' AND NOT anonymous AND bot = ''"+
		" AND toStartOfFifteenMinutes(time) >= toDateTime('2026-07-01', 'UTC') GROUP BY country SETTINGS force_optimize_projection_name = 'by_source'", "")
}
