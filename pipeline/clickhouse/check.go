package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// Finding is one thing that Check found wrong.
type Finding struct {
	// Broken says that Heed does not work, or breaks a promise, until it is put right. Otherwise it is advice.
	Broken bool `json:"broken"`
	// What is wrong, and the Remedy: a command, a statement or a line of the server's configuration.
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

// Check compares the server, or the embedded engine, with what Heed needs: version, settings, schema, and in a cluster
// the macros and replicas. It changes nothing. An error means that the store did not answer.
func (s *Store) Check(ctx context.Context) ([]Finding, error) {
	var found []Finding
	for _, look := range []func(context.Context) ([]Finding, error){
		s.checkVersion, s.checkSettings, s.checkSchema, s.checkHealth, s.checkLogs, s.checkCluster,
	} {
		more, err := look(ctx)
		if exception := (*driver.Exception)(nil); errors.As(err, &exception) && exception.Code == codeNoDatabase {
			return []Finding{{true, fmt.Sprintf("there is no database %q", s.database), "heed migrate"}}, nil
		}
		if err != nil {
			return found, fmt.Errorf("check store: %w", err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// codeNoDatabase is UNKNOWN_DATABASE.
const codeNoDatabase = 81

// leastVersion has everything that the migrations use; testedVersion is what the tests run on.
const leastVersion, testedVersion = "25.3", "26.7"

func (s *Store) checkVersion(ctx context.Context) ([]Finding, error) {
	version, err := s.Version(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case older(version, leastVersion):
		return []Finding{{true, "ClickHouse is " + version + ", and " + leastVersion + " is the least", "upgrade ClickHouse to " + testedVersion}}, nil
	case older(version, testedVersion):
		return []Finding{{false, "ClickHouse is " + version + ", and Heed is tested with " + testedVersion, "upgrade ClickHouse when you can"}}, nil
	}
	return nil, nil
}

// older compares the first two numbers of versions.
func older(version, than string) bool {
	var a, b [2]int
	fmt.Sscanf(version, "%d.%d", &a[0], &a[1])
	fmt.Sscanf(than, "%d.%d", &b[0], &b[1])
	return slices.Compare(a[:], b[:]) < 0
}

// checkSettings finds settings that every insert sets and that the user may not.
func (s *Store) checkSettings(ctx context.Context) ([]Finding, error) {
	needed := []string{"async_insert", "insert_deduplicate", "insert_deduplication_token", "max_insert_block_size",
		"max_partitions_per_insert_block", "distributed_foreground_insert", "insert_quorum", "session_timezone"}
	var refused []string
	err := s.conn.QueryRow(ctx, statementText("readonly_settings"), driver.Named("names", needed)).Scan(&refused)
	if err != nil || len(refused) == 0 {
		return nil, err
	}
	return []Finding{{true, "the user may not set " + strings.Join(refused, ", ") + ", which every insert does",
		"give the user a profile with readonly = 0 and without constraints on them"}}, nil
}

// schema is what describe_schema.sql answers for a fresh install, one line each; TestSchemaFile keeps it so.
//
//go:embed schema.gen.txt
var schema string

// describe is the store's schema in the form of schema.gen.txt, by the part of the line that names a thing.
func (s *Store) describe(ctx context.Context) (map[string]string, error) {
	rows, err := s.conn.Query(ctx, statementText("describe_schema"))
	if err != nil {
		return nil, fmt.Errorf("describe schema: %w", err)
	}
	defer rows.Close()
	things := map[string]string{}
	for rows.Next() {
		var table, kind, thing, is string
		if err := rows.Scan(&table, &kind, &thing, &is); err != nil {
			return nil, fmt.Errorf("describe schema: %w", err)
		}
		if is != "" {
			things[table+" "+kind+" "+thing] = is
		}
	}
	return things, rows.Err()
}

// checkSchema compares every table, column, index, projection, TTL and setting of ours with what the migrations make.
// What others have added is theirs.
func (s *Store) checkSchema(ctx context.Context) ([]Finding, error) {
	have, err := s.describe(ctx)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return []Finding{{true, "there are no tables", "heed migrate"}}, nil
	}
	version, err := s.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	steps, err := readMigrations(schemas.Migrations)
	if err != nil {
		return nil, err
	}
	if version != len(steps) {
		return []Finding{{true, fmt.Sprintf("the schema has version %d, this program has %d", version, len(steps)), "heed migrate, by the newest heed"}}, nil
	}
	want := map[string]string{}
	for line := range strings.Lines(schema) {
		if name, is, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok && !strings.HasPrefix(line, "#") {
			want[name] = is
		}
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if is, there := have[name]; !there {
			found = append(found, Finding{true, strings.TrimSpace(name) + " is missing", s.restore(name, want[name], "ADD")})
		} else if is != want[name] {
			found = append(found, Finding{true, fmt.Sprintf("%s is %s instead of %s", strings.TrimSpace(name), is, want[name]), s.restore(name, want[name], "MODIFY")})
		}
	}
	return found, nil
}

// restore is the statement that makes a thing of the schema what it should be.
func (s *Store) restore(name, is, verb string) string {
	table, rest, _ := strings.Cut(name, " ")
	kind, thing, _ := strings.Cut(rest, " ")
	alter := s.dialect.render("ALTER TABLE " + table + " ")
	switch kind {
	case "column":
		typed, codec, packed := strings.Cut(is, " CODEC")
		if packed {
			typed += " CODEC" + codec
		}
		return alter + verb + " COLUMN " + thing + " " + typed
	case "index":
		return alter + "ADD INDEX " + thing + " " + is + ", then MATERIALIZE INDEX " + thing
	case "projection":
		return alter + "ADD PROJECTION " + thing + " (" + is + "), then MATERIALIZE PROJECTION " + thing
	case "setting":
		if s.cfg.Cluster == "" || s.dialect.plain {
			thing = strings.Replace(thing, "replicated_dedup", "non_replicated_dedup", 1)
		}
		return alter + "MODIFY SETTING " + thing + " = " + is
	case "ttl":
		return alter + "MODIFY TTL " + is
	}
	return "TRUNCATE TABLE schema_migrations, then heed migrate: every step may run again. A table with another key has to be moved away first"
}

// checkHealth finds what keeps a schema that is right from working.
func (s *Store) checkHealth(ctx context.Context) ([]Finding, error) {
	return s.findings(ctx, "check_health")
}

// checkLogs finds the server's own logs that grow for ever.
func (s *Store) checkLogs(ctx context.Context) ([]Finding, error) {
	return s.findings(ctx, "check_logs")
}

// checkCluster finds what a server lacks to be part of the cluster.
func (s *Store) checkCluster(ctx context.Context) ([]Finding, error) {
	if err := s.sameKind(ctx); errors.Is(err, ErrOtherKind) {
		return []Finding{{true, err.Error(), "see there"}}, nil
	} else if err != nil || s.cfg.Cluster == "" {
		return nil, err
	}
	if _, err := s.readShards(ctx); err != nil {
		return []Finding{{true, err.Error(), "name the cluster in remote_servers of every server, or set clickhouse.cluster to one of system.clusters"}}, nil
	}
	return s.findings(ctx, "check_cluster", driver.Named("cluster", s.cfg.Cluster), driver.Named("database", s.database))
}

// findings runs a query that answers with findings.
func (s *Store) findings(ctx context.Context, query string, args ...any) ([]Finding, error) {
	rows, err := s.conn.Query(ctx, statementText(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Finding
	for rows.Next() {
		var f Finding
		if err := rows.Scan(&f.Broken, &f.What, &f.Remedy); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, rows.Err()
}
