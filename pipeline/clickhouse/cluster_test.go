package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// clusterConfig is the part of a server's configuration that makes it the only server of the cluster "solo". tcp_port
// is what ClickHouse knows itself by; the embedded engine does not listen on it.
func clusterConfig(t *testing.T, zookeeperHost, zookeeperPort string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "config.xml")
	text := fmt.Sprintf(`<clickhouse>
	<tcp_port>9000</tcp_port>
	<zookeeper><node><host>%s</host><port>%s</port></node></zookeeper>
	<macros><shard>1</shard><replica>a</replica></macros>
	<remote_servers><solo><shard>
		<internal_replication>true</internal_replication>
		<replica><host>localhost</host><port>9000</port></replica>
	</shard></solo></remote_servers>
</clickhouse>`, zookeeperHost, zookeeperPort)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The way of rows through Distributed tables, with everything but replication and several servers.
func TestClusterOfOneServer(t *testing.T) {
	ctx := t.Context()
	server := clickhousetest.StartServerWith(t, clusterConfig(t, "127.0.0.1", "1"))
	store, err := clickhouse.Open(ctx, clickhouse.Config{DSN: server.DSN, Cluster: "solo"}, silent)
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	defer store.Close(ctx)
	store.StandIn()
	for range 2 {
		if _, to, err := store.Migrate(ctx); to != clickhouse.Migrations() || err != nil {
			t.Fatalf("Migrate = %d, %v; want %d, no error", to, err, clickhouse.Migrations())
		}
	}
	rows := someRows(1, 1000)
	blocks, err := store.Blocks(ctx, rows)
	if err != nil || len(blocks) != 1 {
		t.Fatalf("Blocks = %d blocks, %v; want 1", len(blocks), err)
	}
	for range 2 { // the token reaches the local table
		if err := store.InsertBlock(ctx, "t", blocks[0]); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
		if err := store.InsertDead(ctx, "d", []clickhouse.DeadLetter{{Time: day, Source: rows[0].Source}}); err != nil {
			t.Fatalf("InsertDead = %v, want no error", err)
		}
		if err := store.InsertEnds(ctx, "e", []clickhouse.LoadEnds{{At: day, Site: "a", Origin: "o", Stored: 1}}); err != nil {
			t.Fatalf("InsertEnds = %v, want no error", err)
		}
	}
	var local, dead uint64
	var engine string
	query(t, store, "SELECT (SELECT count() FROM events_local), (SELECT count() FROM dead_letters), engine FROM system.tables WHERE database = 'heed' AND name = 'events'", &local, &dead, &engine)
	if local != 1000 || dead != 1 || engine != "Distributed" {
		t.Errorf("events_local, dead_letters, engine of events = %d, %d, %s; want 1000, 1, Distributed", local, dead, engine)
	}
	if found, err := store.Present(ctx, "log", rows[0].Source, rows[999].Source); len(found) != 1000 || err != nil {
		t.Errorf("Present = %d rows, %v; want 1000", len(found), err)
	}
	single := openServer(t, server.DSN)
	if _, _, err := single.Migrate(ctx); !errors.Is(err, clickhouse.ErrOtherKind) {
		t.Errorf("Migrate of a cluster's tables without a cluster = %v, want ErrOtherKind", err)
	}
	if err := store.DropDead(ctx, rows[0].Source); err != nil {
		t.Errorf("DropDead = %v, want no error", err)
	}
	key := clickhouse.RecordKey{Site: rows[0].Envelope.Site, Record: [16]byte(rows[0].Envelope.Record)}
	if err := errors.Join(store.EraseRows(ctx, []clickhouse.RecordKey{key}), store.EraseClickIDs(ctx, []clickhouse.RecordKey{key})); err != nil {
		t.Errorf("EraseRows, EraseClickIDs = %v, want no error", err)
	}
	query(t, store, "SELECT (SELECT count() FROM events_local), (SELECT count() FROM erased)", &local, &dead)
	if local != 999 || dead != 1 {
		t.Errorf("events_local and erased after EraseRows = %d, %d; want 999, 1", local, dead)
	}
}

// Replicated tables are made and read for real, beside a real ZooKeeper. The embedded engine keeps them read-only and
// has no ON CLUSTER, so what alters them is only parsed (TestClusterStatementsParse).
func TestReplicatedTablesAreMade(t *testing.T) {
	ctx := t.Context()
	host, port := clickhousetest.StartZooKeeper(t)
	server := clickhousetest.StartServerWith(t, clusterConfig(t, host, port))
	store := openServer(t, strings.TrimSuffix(server.DSN, "heed")+"default")
	conn := connect(t, store)
	for _, statement := range clickhouse.Rendered("solo", "default", true) {
		err := conn.Exec(ctx, statement)
		var exception *driver.Exception
		readOnly := errors.As(err, &exception) && (exception.Code == 242 || exception.Code == 236) // TABLE_IS_READ_ONLY, ABORTED
		if strings.Contains(statement, "ALTER TABLE") != readOnly || err != nil && !readOnly {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	rows, err := conn.Query(ctx, "SELECT table, zookeeper_path, replica_name FROM system.replicas ORDER BY table")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var table, path, replica string
		if err := rows.Scan(&table, &path, &replica); err != nil {
			t.Fatal(err)
		}
		got = append(got, table+" "+path+" "+replica)
	}
	want := []string{
		"bundles /heed/default/bundles 1-a",
		"consent_notices /heed/default/consent_notices 1-a",
		"consent_records /heed/default/consent_records 1-a",
		"consent_roots /heed/default/consent_roots 1-a",
		"dead_letters_local /heed/default/dead_letters_local/1 a",
		"edge_counts /heed/default/edge_counts 1-a",
		"erased /heed/default/erased 1-a",
		"erasures /heed/default/erasures 1-a",
		"events_local /heed/default/events_local/1 a",
		"inventory /heed/default/inventory 1-a",
		"load_ends /heed/default/load_ends 1-a",
		"schema_migrations /heed/default/schema_migrations 1-a",
		"withdrawn /heed/default/withdrawn 1-a",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("replicated tables:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var n uint64
	if query(t, store, "SELECT (SELECT count() FROM events) + (SELECT count() FROM dead_letters)", &n); n != 0 {
		t.Errorf("rows through the distributed tables = %d, want 0", n)
	}
}

// What every server of a cluster is asked to run is ClickHouse, down to its last clause.
func TestClusterStatementsParse(t *testing.T) {
	conn := connect(t, clickhousetest.Open(t))
	statements := append(clickhouse.Rendered("c", "d", false), clickhouse.RenderedQuery("c", "drop_dead"),
		clickhouse.RenderedQuery("c", "erase_rows"), clickhouse.RenderedQuery("c", "erase_click_ids"),
		clickhouse.RenderedQuery("c", "refuse_stale"), "CREATE DATABASE IF NOT EXISTS `d` ON CLUSTER `c`",
		"SYSTEM SYNC REPLICA ON CLUSTER `c` `d`.events_local LIGHTWEIGHT")
	for _, statement := range statements {
		if !strings.Contains(statement, " ON CLUSTER `c`") {
			t.Errorf("statement for one server only:\n%s", statement)
		}
		err := conn.Exec(t.Context(), "EXPLAIN AST "+statement)
		var exception *driver.Exception
		if errors.As(err, &exception) && exception.Code == 62 || err != nil && exception == nil {
			t.Errorf("%v:\n%s", err, statement)
		}
	}
}

func TestShardOfAgreesWithClickHouse(t *testing.T) {
	conn := connect(t, clickhousetest.Open(t))
	slots := []int{1, 1, 2, 3} // weights 2, 1 and 1
	for range 50 {
		id := uuid.New()
		var slot uint64
		if err := conn.QueryRow(context.Background(), "SELECT toUInt64(cityHash64({id:UUID}) % 4)", driver.Named("id", id.String())).Scan(&slot); err != nil {
			t.Fatal(err)
		}
		if got := clickhouse.ShardOf(slots, id[:]); got != slots[slot] {
			t.Fatalf("shard of %v = %d, want %d", id, got, slots[slot])
		}
	}
}

func TestBlocksAreOfOnePartition(t *testing.T) {
	store := clickhousetest.Open(t)
	rows := someRows(1, 6)
	rows[1].Envelope.RetentionMonths = 25
	rows[4].Envelope.TimeMs = day.AddDate(0, 1, 0).UnixMilli()
	blocks, err := store.Blocks(t.Context(), rows)
	var sizes []int
	for _, block := range blocks {
		sizes = append(sizes, len(block.Rows))
	}
	if err != nil || fmt.Sprint(sizes) != "[4 1 1]" {
		t.Errorf("Blocks = %v, %v; want [4 1 1]", sizes, err)
	}
}

func TestClusterOnTablesOfOneServerFailure(t *testing.T) {
	server := clickhousetest.StartServerWith(t, clusterConfig(t, "127.0.0.1", "1"))
	if _, _, err := openServer(t, server.DSN).Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	store, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: server.DSN, Cluster: "solo"}, silent)
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	defer store.Close(t.Context())
	store.StandIn()
	if _, _, err := store.Migrate(t.Context()); !errors.Is(err, clickhouse.ErrOtherKind) {
		t.Errorf("Migrate for a cluster = %v, want ErrOtherKind", err)
	}
	found, err := store.Check(t.Context())
	if err != nil || len(found) != 1 || !strings.Contains(found[0].What, "one server") {
		t.Errorf("Check for a cluster = %+v, %v; want that the tables are of one server", found, err)
	}
}
