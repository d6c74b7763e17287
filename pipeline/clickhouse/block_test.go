package clickhouse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// contents is everything that the table has, in one order.
func contents(t *testing.T, store *clickhouse.Store) (sum uint64) {
	t.Helper()
	query(t, store, "SELECT sum(cityHash64(* EXCEPT (props), mapSort(props))) FROM events", &sum)
	return sum
}

// Blocks whose columns were made in advance, one after the other in the same memory, hold what others hold. The time of
// load is that of the insert.
func TestPreparedBlocksHoldTheSame(t *testing.T) {
	ctx := context.Background()
	plain, prepared := clickhousetest.Open(t), clickhousetest.Open(t)
	for i, n := range []int{1000, 10, 3000, 1} {
		rows := someRows(uint64(i+1), n)
		if i == 3 { // nothing of what was in the columns before
			rows[0].Envelope.Props, rows[0].Envelope.AnonymousIds, rows[0].Envelope.Path = nil, nil, ""
		}
		b := &clickhouse.Block{Rows: rows}
		prepared.Prepare(b)
		for k := range rows {
			rows[k].Loaded = day.Add(time.Duration(i+2) * time.Hour)
		}
		if err := prepared.InsertBlock(ctx, "", b); err != nil {
			t.Fatalf("InsertBlock = %v, want no error", err)
		}
		if err := plain.Insert(ctx, "", rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	if got, want := contents(t, prepared), contents(t, plain); got != want {
		t.Errorf("prepared blocks add up to %d, others to %d", got, want)
	}
	var loads uint64
	if query(t, prepared, "SELECT uniqExact(loaded) FROM events", &loads); loads != 4 {
		t.Errorf("%d times of load, want 4", loads)
	}
}

// A prepared block goes to a server, too, and again after an error.
func TestPreparedBlockIsSentAgain(t *testing.T) {
	server := clickhousetest.StartServer(t)
	store := openServer(t, server.DSN)
	if _, _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &clickhouse.Block{Rows: someRows(1, 100)}
	store.Prepare(b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.InsertBlock(ctx, "t", b); !errors.Is(err, context.Canceled) {
		t.Fatalf("InsertBlock = %v, want context.Canceled", err)
	}
	for range 2 {
		if err := store.InsertBlock(t.Context(), "t", b); err != nil {
			t.Fatalf("InsertBlock = %v, want no error", err)
		}
	}
	present, err := store.Present(t.Context(), "log", b.Rows[0].Source, b.Rows[99].Source)
	if err != nil || len(present) != 100 {
		t.Errorf("Present = %d rows, %v; want 100", len(present), err)
	}
}

// What cannot be stored is told by InsertBlock, whether or not the block was prepared.
func TestPreparedBlockFailure(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(spoil func(*clickhouse.Row), refused bool) {
		t.Helper()
		b := &clickhouse.Block{Rows: someRows(1, 10)}
		spoil(&b.Rows[7])
		store.Prepare(b)
		if err := store.InsertBlock(t.Context(), "t", b); err == nil || errors.Is(err, clickhouse.ErrRefused) != refused {
			t.Errorf("InsertBlock = %v, want an error that is ErrRefused: %v", err, refused)
		}
	}
	f(func(row *clickhouse.Row) { row.Envelope.Kind = "nonsense" }, true)
	f(func(row *clickhouse.Row) { row.Envelope.Id = row.Envelope.Id[:3] }, true)
	f(func(row *clickhouse.Row) { row.Envelope.TimeMs += 40 * 24 * time.Hour.Milliseconds() }, false) // of another partition
	if got := contents(t, store); got != 0 {
		t.Errorf("the table has rows, want none")
	}
}
