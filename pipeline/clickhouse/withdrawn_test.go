package clickhouse_test

import (
	"crypto/rand"
	"maps"
	"slices"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// The categories of a withdrawal's Keeps.
const (
	essential   = 1
	performance = 4
	advertising = 8
)

func recordOf(site string, n byte) clickhouse.RecordKey {
	return clickhouse.RecordKey{Site: site, Record: [16]byte{0: 1, 15: n}}
}

func withdraws(key clickhouse.RecordKey, keeps uint8) clickhouse.Withdrawal {
	return clickhouse.Withdrawal{Site: key.Site, Record: key.Record, Keeps: keeps, At: day}
}

func TestWithdrawn(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	gone, stripped, twice, same := recordOf("a", 1), recordOf("a", 2), recordOf("b", 1), recordOf("a", 3)
	puts := []clickhouse.Withdrawal{
		withdraws(gone, essential|advertising), withdraws(stripped, essential|performance), withdraws(twice, performance),
		withdraws(same, performance|advertising), withdraws(twice, essential),
	}
	for range 2 {
		if err := store.PutWithdrawn(ctx, puts); err != nil {
			t.Fatalf("PutWithdrawn = %v, want no error", err)
		}
	}
	want := map[clickhouse.RecordKey]uint8{gone: 0, stripped: performance, twice: 0}
	keys := slices.Collect(maps.Keys(want))
	for n := range 3000 { // more than one query asks for
		keys = append(keys, clickhouse.RecordKey{Site: "c", Record: [16]byte{byte(n), byte(n >> 8)}})
	}
	got, err := store.Withdrawn(ctx, append(keys, same, recordOf("b", 2)))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("Withdrawn = %v, %v; want %v", got, err, want)
	}
	for _, age := range []time.Duration{0, time.Second} {
		if got := withdrawnSince(t, store, age, 10); !maps.Equal(got, want) {
			t.Errorf("WithdrawnSince(%v) = %v, want %v", age, got, want)
		}
	}
	if got := withdrawnSince(t, store, 0, 2); len(got) != 2 {
		t.Errorf("WithdrawnSince with a limit of 2 = %v, want two of them", got)
	}
}

func TestWithdrawnSinceLeavesOutWhatIsOld(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	if err := store.PutWithdrawn(ctx, []clickhouse.Withdrawal{withdraws(recordOf("a", 1), 0)}); err != nil {
		t.Fatalf("PutWithdrawn = %v, want no error", err)
	}
	err := connect(t, store).Exec(ctx, "INSERT INTO withdrawn (site, record, put) VALUES ('a', unhex(repeat('ab', 16)), now64(3) - INTERVAL 1 HOUR)")
	if err != nil {
		t.Fatal(err)
	}
	want := map[clickhouse.RecordKey]uint8{recordOf("a", 1): 0}
	if got := withdrawnSince(t, store, time.Minute, 10); !maps.Equal(got, want) {
		t.Errorf("WithdrawnSince(1m) = %v, want %v: the other one is an hour old", got, want)
	}
}

func withdrawnSince(t *testing.T, store *clickhouse.Store, age time.Duration, limit int) map[clickhouse.RecordKey]uint8 {
	t.Helper()
	got := map[clickhouse.RecordKey]uint8{}
	err := store.WithdrawnSince(t.Context(), age, limit, func(key clickhouse.RecordKey, keeps uint8) error {
		got[key] = keeps
		return nil
	})
	if err != nil {
		t.Fatalf("WithdrawnSince = %v, want no error", err)
	}
	return got
}

func TestPutWithdrawnFailure(t *testing.T) {
	f := func(w clickhouse.Withdrawal) {
		t.Helper()
		if err := clickhousetest.Open(t).PutWithdrawn(t.Context(), []clickhouse.Withdrawal{w}); err == nil {
			t.Errorf("PutWithdrawn(%+v): want an error", w)
		}
	}
	f(withdraws(recordOf("", 1), 0))
	f(clickhouse.Withdrawal{Site: "a", At: day})
}

// What a loader asks once in a second, with as many withdrawals as a year of a large site has.
func BenchmarkWithdrawnSince(b *testing.B) {
	store := clickhousetest.Open(b)
	const old = "INSERT INTO withdrawn (site, record, put) SELECT 'site', randomFixedString(16), now64(3) - toIntervalSecond(3600 + number) FROM numbers(1000000)"
	conn := connect(b, store)
	if err := conn.Exec(b.Context(), old); err != nil {
		b.Fatal(err)
	}
	var w clickhouse.Withdrawal
	w.Site = "site"
	rand.Read(w.Record[:])
	if err := store.PutWithdrawn(b.Context(), []clickhouse.Withdrawal{w}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		found := 0
		err := store.WithdrawnSince(b.Context(), time.Second, 1000, func(clickhouse.RecordKey, uint8) error { found++; return nil })
		if err != nil || found != 1 {
			b.Fatalf("WithdrawnSince = %d records, %v; want 1", found, err)
		}
	}
}
