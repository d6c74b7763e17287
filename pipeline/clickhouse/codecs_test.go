package clickhouse_test

import (
	"fmt"
	"testing"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// TestCodecs prints what schemas/migrations/CODECS.md records, and holds the columns to it, with some room.
func TestCodecs(t *testing.T) {
	if testing.Short() {
		t.Skip("a measurement that needs no race detector")
	}
	const maxBytes = 54.0
	before := bytesPerEvent(t, 4)
	after := bytesPerEvent(t, clickhouse.Migrations())
	if after > maxBytes || after > 0.85*before {
		t.Errorf("columns take %.1f bytes per event, want at most %.1f, and %.1f without codecs", after, maxBytes, before)
	}
}

// bytesPerEvent fills the schema of a version with realistic events and measures its columns.
func bytesPerEvent(t *testing.T, version int) (sum float64) {
	t.Helper()
	const events, block = 60_000, 20_000
	store := clickhousetest.OpenEmpty(t)
	if err := store.MigrateTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	rows := clickhousetest.Events(events, 1)
	for i := 0; i < events; i += block {
		if err := store.Insert(t.Context(), fmt.Sprint(i), rows[i:i+block]); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	conn := connect(t, store)
	if err := conn.Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	columns, err := conn.Query(t.Context(), `SELECT name, data_compressed_bytes, data_uncompressed_bytes, compression_codec
		FROM system.columns WHERE database = currentDatabase() AND table = 'events' ORDER BY data_compressed_bytes DESC`)
	if err != nil {
		t.Fatal(err)
	}
	defer columns.Close()
	for columns.Next() {
		var name, codec string
		var packed, plain uint64
		if err := columns.Scan(&name, &packed, &plain, &codec); err != nil {
			t.Fatal(err)
		}
		sum += float64(packed) / events
		t.Logf("%-18s %6.2f of %5.2f bytes per event  %s", name, float64(packed)/events, float64(plain)/events, codec)
	}
	var whole, projections uint64
	query(t, store, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'", &whole)
	query(t, store, "SELECT sum(bytes_on_disk) FROM system.projection_parts WHERE active AND database = currentDatabase() AND table = 'events'", &projections)
	t.Logf("version %d: columns %.1f, projections %.1f, all with marks and indexes %.1f bytes per event",
		version, sum, float64(projections)/events, float64(whole)/events)
	return sum
}
