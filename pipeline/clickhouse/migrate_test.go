package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// schemaOf is everything the engine knows of the schema, without the name of the database.
func schemaOf(t *testing.T, store *clickhouse.Store) string {
	t.Helper()
	conn := connect(t, store)
	var out strings.Builder
	for _, sql := range []string{
		"SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name",
		"SELECT table || '.' || name, type || ' ' || default_expression || ' ' || compression_codec FROM system.columns WHERE database = currentDatabase() ORDER BY table, position",
		"SELECT table || '.' || name, query FROM system.projections WHERE database = currentDatabase() ORDER BY table, name",
		"SELECT table || '.' || name, type_full || ' ' || expr || ' ' || toString(granularity) FROM system.data_skipping_indices WHERE database = currentDatabase() ORDER BY table, name",
	} {
		rows, err := conn.Query(context.Background(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		for rows.Next() {
			var name, text string
			if err := rows.Scan(&name, &text); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s: %s\n", name, text)
		}
		rows.Close()
	}
	var database string
	query(t, store, "SELECT currentDatabase()", &database)
	return strings.ReplaceAll(out.String(), database, "DB")
}

func TestMigrateUpgradeEndsInTheSameSchema(t *testing.T) {
	ctx := context.Background()
	fresh := schemaOf(t, clickhousetest.Open(t))
	if !strings.Contains(fresh, "events.by_path") || !strings.Contains(fresh, "events.id_bloom") {
		t.Fatalf("schema is not all there:\n%s", fresh)
	}
	for version := 1; version <= clickhouse.Migrations(); version++ {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			store := clickhousetest.OpenEmpty(t)
			if err := store.MigrateTo(ctx, version); err != nil {
				t.Fatalf("MigrateTo(%d) = %v, want no error", version, err)
			}
			// In SQL, since Insert is made for the newest schema.
			err := connect(t, store).Exec(ctx, `INSERT INTO events (site, kind, id, time, retention, visitor, path, country)
				SELECT 's', number % 4 + 1, generateUUIDv4(number), toDateTime64('2026-07-01', 3, 'UTC') + number * 60, 14,
					toString(number % 9), '/' || toString(number % 7), 'DE' FROM numbers(10000)`)
			if err != nil {
				t.Fatal(err)
			}
			from, to, err := store.Migrate(ctx)
			if from != version || to != clickhouse.Migrations() || err != nil {
				t.Fatalf("Migrate = %d, %d, %v; want %d, %d, no error", from, to, err, version, clickhouse.Migrations())
			}
			if got := schemaOf(t, store); got != fresh {
				t.Errorf("schema after upgrade from %d:\n%s\nwant:\n%s", version, got, fresh)
			}
			var rows uint64
			if query(t, store, "SELECT count() FROM events", &rows); rows != 10_000 {
				t.Errorf("rows after upgrade = %d, want 10000", rows)
			}
			clickhousetest.CheckProjections(t, store)
		})
	}
}

func TestMigrateTwice(t *testing.T) {
	store := clickhousetest.Open(t)
	n := clickhouse.Migrations()
	if from, to, err := store.Migrate(context.Background()); from != n || to != n || err != nil {
		t.Errorf("second Migrate = %d, %d, %v; want %d, %d, no error", from, to, err, n, n)
	}
}

func TestMigrateConcurrently(t *testing.T) {
	ctx := context.Background()
	fresh := schemaOf(t, clickhousetest.Open(t))
	first := clickhousetest.OpenEmpty(t)
	var database string
	stores := []*clickhouse.Store{first}
	if err := first.MigrateTo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := first.Insert(ctx, "a", someRows(1, 5000)); err != nil {
		t.Fatal(err)
	}
	query(t, first, "SELECT currentDatabase()", &database)
	for range 3 {
		stores = append(stores, clickhousetest.OpenDatabase(t, database))
	}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if _, _, err := stores[i%len(stores)].Migrate(ctx); err != nil {
				t.Errorf("Migrate %d = %v, want no error", i, err)
			}
		})
	}
	wg.Wait()
	if got := schemaOf(t, first); got != fresh {
		t.Errorf("schema:\n%s\nwant:\n%s", got, fresh)
	}
	clickhousetest.CheckProjections(t, first)
}

func TestMigrateTooNewFailure(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	if err := connect(t, store).Exec(ctx, "INSERT INTO schema_migrations SELECT 99, 'future', now64(3)"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Migrate(ctx); !errors.Is(err, clickhouse.ErrTooNew) {
		t.Errorf("Migrate of a newer schema = %v, want ErrTooNew", err)
	}
}

func TestCheckProjectionsSeesAHole(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	if err := store.Insert(ctx, "a", someRows(1, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, store).Exec(ctx, "ALTER TABLE events CLEAR PROJECTION by_path SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	differences, err := clickhousetest.ProjectionDifferences(ctx, store)
	if err != nil || len(differences) != 1 {
		t.Errorf("ProjectionDifferences = %q, %v; want one of by_path", differences, err)
	}
}

func TestReadMigrationsFailure(t *testing.T) {
	f := func(names ...string) {
		t.Helper()
		files := fstest.MapFS{}
		for _, name := range names {
			files["migrations/"+name] = &fstest.MapFile{Data: []byte("SELECT 1;\n")}
		}
		if _, err := clickhouse.ReadMigrations(files); err == nil {
			t.Errorf("ReadMigrations(%q): want error", names)
		}
	}
	f()
	f("0002_b.sql")               // does not start at 1
	f("0001_a.sql", "0003_c.sql") // a gap
	f("0001_a.sql", "0001_b.sql") // a number twice
	f("0001.sql")                 // no name
	f("one_a.sql")                // no number
}
