package clickhouse_test

import (
	"fmt"
	"testing"
	"time"

	"heed/pipeline/clickhouse/clickhousetest"
)

// Whole parts go when their class is over, and no others.
func TestRetentionDropsWholeParts(t *testing.T) {
	store := clickhousetest.Open(t)
	now := time.Now().UTC()
	middle := time.Date(now.Year(), now.Month(), 15, 12, 0, 0, 0, time.UTC)
	insert := func(token string, retention uint32, at time.Time) {
		t.Helper()
		rows := someRows(uint64(len(token)), 10)
		for i := range rows {
			rows[i].Envelope.RetentionMonths, rows[i].Envelope.TimeMs = retention, at.Add(time.Duration(i)*time.Second).UnixMilli()
		}
		if err := store.Insert(t.Context(), token, rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	insert("over", 6, middle.AddDate(0, -8, 0))
	insert("kept longer", 13, middle.AddDate(0, -8, 0))
	insert("kept for ever", 0, middle.AddDate(-40, 0, 0))
	insert("not yet over", 6, middle.AddDate(0, -5, 0))
	if err := connect(t, store).Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	var classes []uint8
	var mutated uint64
	query(t, store, "SELECT groupArray(retention) FROM (SELECT retention, min(time) AS t FROM events GROUP BY retention, toYYYYMM(time) ORDER BY t)", &classes)
	query(t, store, "SELECT count() FROM system.parts WHERE active AND rows > 0 AND rows != 10 AND database = currentDatabase() AND table = 'events'", &mutated)
	if fmt.Sprint(classes) != "[0 13 6]" || mutated != 0 {
		t.Errorf("classes left = %v with %d parts cut, want [0 13 6] and 0", classes, mutated)
	}
	clickhousetest.CheckProjections(t, store)
}

// Parts that are older than the rule follow it, too.
func TestRetentionOfAMigratedTable(t *testing.T) {
	store := clickhousetest.OpenEmpty(t)
	if err := store.MigrateTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	old := someRows(1, 10)
	for i := range old {
		old[i].Envelope.RetentionMonths, old[i].Envelope.TimeMs = 6, time.Now().AddDate(-2, 0, 0).UnixMilli()
	}
	if err := store.Insert(t.Context(), "old", old); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	if _, _, err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	if err := connect(t, store).Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	var n uint64
	if query(t, store, "SELECT count() FROM events", &n); n != 0 {
		t.Errorf("rows that were over before the upgrade = %d, want 0", n)
	}
}
