package clickhouse_test

import (
	"errors"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

func TestRefuseStale(t *testing.T) {
	store := clickhousetest.Open(t)
	row := func(offset uint64, age time.Duration) []clickhouse.Row {
		id := [16]byte{15: byte(offset)}
		return []clickhouse.Row{{Loaded: time.Now().Add(-age), Source: schemas.Source{Origin: "topic.1", Offset: offset},
			Envelope: &schemas.Envelope{Version: 1, Site: "demo", Id: id[:], Kind: string(schemas.Page), TimeMs: 1, ReceivedMs: 1}}}
	}
	if err := store.Insert(t.Context(), "before", row(1, time.Hour)); err != nil {
		t.Fatalf("Insert of an old row before RefuseStale = %v, want no error", err)
	}
	for range 2 {
		if err := store.RefuseStale(t.Context()); err != nil {
			t.Fatalf("RefuseStale = %v, want no error", err)
		}
	}
	if err := store.Insert(t.Context(), "fresh", row(2, 0)); err != nil {
		t.Errorf("Insert of a fresh row = %v, want no error", err)
	}
	err := store.Insert(t.Context(), "stale", row(3, 2*time.Minute))
	if err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert of a row stamped two minutes ago = %v, want an error that is no ErrRefused", err)
	}
	there, err := store.Present(t.Context(), "topic.1", schemas.Source{}, schemas.Source{Offset: 9})
	if err != nil || len(there) != 2 {
		t.Errorf("Present = %d rows, %v, want the 2 that were fresh or before", len(there), err)
	}
}
