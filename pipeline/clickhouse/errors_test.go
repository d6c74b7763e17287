package clickhouse_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// wantBusy fails unless the insert was turned away and nothing of it is there.
func wantBusy(t *testing.T, store *clickhouse.Store, err error, rows []clickhouse.Row) {
	t.Helper()
	if !errors.Is(err, clickhouse.ErrBusy) || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert = %v, want ErrBusy", err)
	}
	found, err := store.Present(context.Background(), "log", rows[0].Source, rows[len(rows)-1].Source)
	if len(found) != 0 || err != nil {
		t.Errorf("Present after ErrBusy = %d rows, %v; want 0", len(found), err)
	}
}

func TestInsertIntoTooManyParts(t *testing.T) {
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	for _, sql := range []string{"SYSTEM STOP MERGES events", "ALTER TABLE events MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 2"} {
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var err error
	rows := someRows(0, 5)
	for offset := uint64(1); offset < 10 && err == nil; offset++ {
		rows = someRows(offset, 5)
		err = store.Insert(t.Context(), rows[0].Source.Origin+string(rune('a'+offset)), rows)
	}
	wantBusy(t, store, err, rows)
	var text strings.Builder
	if store.WriteMetrics(&text); !strings.Contains(text.String(), `heed_clickhouse_insert_errors_total{kind="busy"} 1`) {
		t.Errorf("metrics lack a busy insert:\n%s", text.String())
	}
}

func TestInsertWithoutMemory(t *testing.T) {
	server := clickhousetest.StartServer(t)
	roomy := openServer(t, server.DSN)
	if _, _, err := roomy.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	rows := someRows(1, 5000)
	narrow := openServer(t, server.DSN+"?max_memory_usage=100000&max_untracked_memory=0")
	wantBusy(t, roomy, narrow.Insert(t.Context(), "a", rows), rows)
	if err := roomy.Insert(t.Context(), "a", rows); err != nil {
		t.Errorf("Insert with memory, under the same token = %v, want no error", err)
	}
	if found, err := roomy.Present(t.Context(), "log", rows[0].Source, rows[4999].Source); len(found) != 5000 || err != nil {
		t.Errorf("Present = %d rows, %v; want 5000", len(found), err)
	}
}

// A server that goes away has given no answer; what it had stored is not known, and not sent twice under its token.
func TestInsertIntoAServerThatDies(t *testing.T) {
	server := clickhousetest.StartServer(t)
	store := openServer(t, server.DSN)
	if _, _, err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	rows := someRows(1, 100)
	server.Kill()
	err := store.Insert(t.Context(), "a", rows)
	if err == nil || errors.Is(err, clickhouse.ErrBusy) || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert into a dead server = %v, want an unknown outcome", err)
	}
	server.Restart()
	for range 2 {
		if err := store.Insert(t.Context(), "a", rows); err != nil {
			t.Fatalf("Insert after the restart = %v, want no error", err)
		}
	}
	if found, err := store.Present(t.Context(), "log", rows[0].Source, rows[99].Source); len(found) != 100 || err != nil {
		t.Errorf("Present = %d rows, %v; want 100", len(found), err)
	}
}
