package clickhouse_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

func TestEndsCountEachRangeOnce(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(token string, ends []clickhouse.LoadEnds, want string) {
		t.Helper()
		if err := store.InsertEnds(t.Context(), token, ends); err != nil {
			t.Fatalf("InsertEnds(%q) = %v, want no error", token, err)
		}
		got, err := store.EndTotals(t.Context(), "topic.1")
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("EndTotals after %q = %v, %v; want %s", token, got, err, want)
		}
	}
	at := func(site string, minute int, from, to, stored, duplicates uint64) clickhouse.LoadEnds {
		return clickhouse.LoadEnds{At: day.Add(time.Duration(minute) * time.Minute), Site: site, Origin: "topic.1", Partition: 2,
			From: from, To: to, Stored: stored, Duplicates: duplicates, Withdrawn: 4, Dead: 1}
	}
	first := []clickhouse.LoadEnds{at("a", 0, 0, 10, 7, 0), at("b", 0, 0, 10, 1, 0)}
	f("1", first, "map[a:{7 0 4 1} b:{1 0 4 1}]")
	f("1", first, "map[a:{7 0 4 1} b:{1 0 4 1}]")
	f("1 again", []clickhouse.LoadEnds{at("a", 1, 0, 10, 5, 2)}, "map[a:{5 2 4 1} b:{1 0 4 1}]")
	f("late", []clickhouse.LoadEnds{at("a", -1, 0, 10, 9, 9)}, "map[a:{5 2 4 1} b:{1 0 4 1}]")
	f("months later", []clickhouse.LoadEnds{at("b", 90*24*60, 0, 10, 2, 0)}, "map[a:{5 2 4 1} b:{2 0 4 1}]")
	f("2", []clickhouse.LoadEnds{at("a", 2, 10, 20, 10, 0)}, "map[a:{15 2 8 2} b:{2 0 4 1}]")
	other := at("a", 0, 0, 10, 100, 0)
	other.Origin = "topic.2"
	f("elsewhere", []clickhouse.LoadEnds{other}, "map[a:{15 2 8 2} b:{2 0 4 1}]")
	f("none", nil, "map[a:{15 2 8 2} b:{2 0 4 1}]")
}

func TestEdgeCountsNewestWins(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(log string, minute int, arrived uint64, want string) {
		t.Helper()
		at := day.Add(time.Duration(minute) * time.Minute)
		err := store.PutEdgeCounts(t.Context(), []clickhouse.EdgeCount{
			{Log: log, Site: "a", Code: clickhouse.EdgeArrived, Count: arrived, At: at},
			{Log: log, Site: "a", Code: "too_old", Count: 1, At: at},
		})
		if err != nil {
			t.Fatalf("PutEdgeCounts = %v, want no error", err)
		}
		totals, err := store.EdgeTotals(t.Context())
		var got []string
		for _, sum := range totals {
			got = append(got, fmt.Sprintf("%s %s %d %s", sum.Site, sum.Code, sum.Count, sum.At.Format("15:04")))
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("EdgeTotals = %v, %v; want %s", got, err, want)
		}
	}
	f("x", 0, 5, "[a arrived 5 12:00 a too_old 1 12:00]")
	f("x", 2, 9, "[a arrived 9 12:02 a too_old 1 12:02]")
	f("x", 1, 7, "[a arrived 9 12:02 a too_old 1 12:02]") // sent late
	f("y", 1, 3, "[a arrived 12 12:02 a too_old 2 12:02]")
	f("y", 1, 3, "[a arrived 12 12:02 a too_old 2 12:02]")
}

func TestBundles(t *testing.T) {
	store := clickhousetest.Open(t)
	b := clickhouse.Bundle{Site: "a", Hash: "00ff", Plain: []byte("let x = '\x00\xff'"), Gzip: []byte{1, 2}, Brotli: nil}
	for range 2 {
		if err := store.PutBundle(t.Context(), b); err != nil {
			t.Fatalf("PutBundle = %v, want no error", err)
		}
	}
	got, ok, err := store.Bundle(t.Context(), "a", "00ff")
	if err != nil || !ok || !bytes.Equal(got.Plain, b.Plain) || !bytes.Equal(got.Gzip, b.Gzip) || len(got.Brotli) != 0 {
		t.Errorf("Bundle = %+v, %v, %v; want %+v", got, ok, err, b)
	}
	for _, key := range [][2]string{{"a", "00fe"}, {"b", "00ff"}} {
		if got, ok, err := store.Bundle(t.Context(), key[0], key[1]); ok || err != nil {
			t.Errorf("Bundle(%q) = %+v, %v, %v; want none", key, got, ok, err)
		}
	}
	if hashes, err := store.BundleHashes(t.Context(), "a"); !slices.Equal(hashes, []string{"00ff"}) || err != nil {
		t.Errorf("BundleHashes = %q, %v; want 00ff", hashes, err)
	}
	b.Plain = nil
	if err := store.PutBundle(t.Context(), b); err == nil {
		t.Error("PutBundle without a script: want error")
	}
}
