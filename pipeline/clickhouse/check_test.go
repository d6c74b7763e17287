package clickhouse_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

var update = flag.Bool("update", false, "rewrite schema.gen.txt")

func TestSchemaFile(t *testing.T) {
	const file = "schema.gen.txt"
	got, err := clickhousetest.Open(t).Schema(t.Context())
	if err != nil {
		t.Fatalf("Schema = %v, want no error", err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the migrations make\n%s\nand %s says\n%s\n(-update rewrites it)", got, file, want)
	}
}

func TestCheckFindsNothing(t *testing.T) {
	if found, err := clickhousetest.Open(t).Check(t.Context()); len(found) != 0 || err != nil {
		t.Errorf("Check of a fresh install = %+v, %v; want nothing", found, err)
	}
}

func TestCheckFindsDrift(t *testing.T) {
	f := func(change, what, remedy string) {
		t.Helper()
		store := clickhousetest.Open(t)
		conn := connect(t, store)
		if err := conn.Exec(t.Context(), change); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		found, err := store.Check(t.Context())
		if err != nil || len(found) != 1 || !found[0].Broken || found[0].What != what || found[0].Remedy != remedy {
			t.Errorf("Check after %s = %+v, %v; want %q, %q", change, found, err, what, remedy)
			return
		}
		for statement := range strings.SplitSeq(remedy, ", then ") {
			if strings.HasPrefix(statement, "MATERIALIZE") {
				statement = "ALTER TABLE events " + statement + " SETTINGS mutations_sync = 1"
			}
			if strings.HasPrefix(statement, "heed") {
				return
			}
			if err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("remedy %s: %v", statement, err)
			}
		}
		if found, err := store.Check(t.Context()); len(found) != 0 || err != nil {
			t.Errorf("Check after the remedy of %s = %+v, %v; want nothing", change, found, err)
		}
	}
	f("ALTER TABLE events DROP COLUMN click_id", "events column click_id is missing", "ALTER TABLE events ADD COLUMN click_id String CODEC(ZSTD(1))")
	f("ALTER TABLE events MODIFY COLUMN network UInt64", "events column network is UInt64 CODEC(ZSTD(1)) instead of UInt32 CODEC(ZSTD(1))",
		"ALTER TABLE events MODIFY COLUMN network UInt32 CODEC(ZSTD(1))")
	f("ALTER TABLE events DROP INDEX loaded_times", "events index loaded_times is missing",
		"ALTER TABLE events ADD INDEX loaded_times loaded TYPE minmax GRANULARITY 1, then MATERIALIZE INDEX loaded_times")
	f("ALTER TABLE events DROP INDEX source_offsets", "events index source_offsets is missing",
		"ALTER TABLE events ADD INDEX source_offsets (source_partition, source_offset) TYPE minmax GRANULARITY 1, then MATERIALIZE INDEX source_offsets")
	f("ALTER TABLE events MODIFY SETTING fsync_after_insert = 0", "events setting fsync_after_insert is 0 instead of 1",
		"ALTER TABLE events MODIFY SETTING fsync_after_insert = 1")
	f("ALTER TABLE dead_letters RESET SETTING non_replicated_deduplication_window", "dead_letters setting replicated_deduplication_window is missing",
		"ALTER TABLE dead_letters MODIFY SETTING non_replicated_deduplication_window = 10000")
	f("INSERT INTO schema_migrations SELECT 99, 'x', now64(3)", fmt.Sprintf("the schema has version 99, this program has %d", clickhouse.Migrations()), "heed migrate, by the newest heed")
}

func TestCheckFindsAProjectionGone(t *testing.T) {
	store := clickhousetest.Open(t)
	if err := connect(t, store).Exec(t.Context(), "ALTER TABLE events DROP PROJECTION by_path"); err != nil {
		t.Fatal(err)
	}
	found, err := store.Check(t.Context())
	if err != nil || len(found) != 1 || found[0].What != "events projection by_path is missing" {
		t.Fatalf("Check = %+v, %v; want that by_path is missing", found, err)
	}
	first, _, _ := strings.Cut(found[0].Remedy, ", then ")
	if err := connect(t, store).Exec(t.Context(), first); err != nil {
		t.Errorf("remedy %s: %v", first, err)
	}
}

func TestCheckWithoutTables(t *testing.T) {
	found, err := clickhousetest.OpenEmpty(t).Check(t.Context())
	if err != nil || len(found) != 1 || !found[0].Broken || found[0].Remedy != "heed migrate" {
		t.Errorf("Check = %+v, %v; want the remedy heed migrate", found, err)
	}
}

func TestCheckFindsWhatAClusterLacks(t *testing.T) {
	server := clickhousetest.StartServerWith(t, clusterConfig(t, "127.0.0.1", "1"))
	f := func(cluster, want string) {
		t.Helper()
		store, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: server.DSN, Cluster: cluster}, silent)
		if err != nil {
			t.Fatalf("Open = %v, want no error", err)
		}
		defer store.Close(t.Context())
		store.StandIn()
		if cluster == "solo" {
			if _, _, err := store.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate = %v, want no error", err)
			}
		}
		found, err := store.Check(t.Context())
		var got []string
		for _, finding := range found {
			got = append(got, finding.What)
		}
		if err != nil || strings.Join(got, "\n") != want {
			t.Errorf("Check of cluster %q = %q, %v; want %q", cluster, got, err, want)
		}
	}
	f("solo", "")
	f("nowhere", `the server knows no cluster "nowhere": it stands in remote_servers of its configuration`)
}
