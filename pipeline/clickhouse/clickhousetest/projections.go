package clickhousetest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/pipeline/clickhouse"
)

// CheckProjections fails the test unless every projection of events holds exactly what its rows add up to.
func CheckProjections(t testing.TB, store *clickhouse.Store) {
	t.Helper()
	differences, err := ProjectionDifferences(context.Background(), store)
	if err != nil {
		t.Fatalf("compare projections: %v", err)
	}
	for _, difference := range differences {
		t.Error(difference)
	}
}

// ProjectionDifferences compares every projection of events, read by itself and not through events, with the rows.
// Both sides are grouped by the projection's key, so a
// group that is missing, doubled or wrong shows.
func ProjectionDifferences(ctx context.Context, store *clickhouse.Store) (differences []string, err error) {
	conn, err := Connect(store)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rows, err := conn.Query(ctx, `SELECT name, sorting_key FROM system.projections
		WHERE database = currentDatabase() AND table = 'events' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var keys []string
		if err := rows.Scan(&name, &keys); err != nil {
			return nil, err
		}
		want, err := summarize(ctx, conn, "events", keys, "count()", "uniqExact(visitor)")
		if err != nil {
			return nil, fmt.Errorf("rows by the key of %s: %w", name, err)
		}
		for i, key := range keys {
			keys[i] = "`" + key + "`" // within the projection an expression has become a column of that name
		}
		table := fmt.Sprintf("mergeTreeProjection(currentDatabase(), 'events', '%s')", name)
		got, err := summarize(ctx, conn, table, keys, "countMerge(`count()`)", "uniqExactMerge(`uniqExact(visitor)`)")
		if err != nil {
			return nil, fmt.Errorf("projection %s: %w", name, err)
		}
		if got != want {
			differences = append(differences, fmt.Sprintf("projection %s has %+v, want %+v", name, got, want))
		}
	}
	return differences, rows.Err()
}

// summary tells apart tables that differ in any group of the key.
type summary struct {
	Groups, Rows, Hash uint64
}

// summarize reads one side. The two sides are never read by one query: the engine takes a projection and its table
// for the same table there, and mixes up their columns.
func summarize(ctx context.Context, conn driver.Conn, table string, keys []string, count, visitors string) (s summary, err error) {
	ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"optimize_use_projections": 0}))
	key := strings.Join(keys, ", ")
	sql := fmt.Sprintf("SELECT count(), sum(n), sum(h) FROM (SELECT %s AS n, sipHash64(%s, n, %s) AS h FROM %s GROUP BY %s)",
		count, key, visitors, table, key)
	err = conn.QueryRow(ctx, sql).Scan(&s.Groups, &s.Rows, &s.Hash)
	return s, err
}

// Connect opens clickhouse-go on the store, as analytics does.
func Connect(store *clickhouse.Store) (driver.Conn, error) {
	options, err := driver.ParseDSN(store.DSN())
	if err != nil {
		return nil, err
	}
	if transport := store.Transport(); transport != nil {
		options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return transport, nil }
	}
	return driver.Open(options)
}
