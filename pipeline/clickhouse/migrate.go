package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// ddlTimeout is how long a cluster may take for one statement of a migration. When it is over the servers go on, and
// the same migration may be run again.
const ddlTimeout = time.Hour

// migration is one numbered step of the schema.
type migration struct {
	version    int
	name       string
	statements []string
}

// Migrate brings the schema to the version of this program and says from which version to which. Every step ends the
// same when it is run twice or by two processes at once, and is recorded after it: so processes need no lock to start
// together, and a step that a crash cut short is run again.
func (s *Store) Migrate(ctx context.Context) (from, to int, err error) {
	steps, err := readMigrations(schemas.Migrations)
	if err != nil {
		return 0, 0, err
	}
	return s.migrate(ctx, steps)
}

func (s *Store) migrate(ctx context.Context, steps []migration) (from, to int, err error) {
	if err := s.createDatabase(ctx); err != nil {
		return 0, 0, err
	}
	if err := s.sameKind(ctx); err != nil {
		return 0, 0, err
	}
	if err := s.conn.Exec(ctx, s.dialect.render(statementText("create_schema_migrations"))); err != nil {
		return 0, 0, fmt.Errorf("create schema_migrations: %w", err)
	}
	from, err = s.SchemaVersion(ctx)
	if err != nil {
		return 0, 0, err
	}
	to = steps[len(steps)-1].version
	if from > to {
		return from, to, fmt.Errorf("%w: it has version %d, this program knows up to %d: start the newer heed again, or give this one a data folder of its own",
			ErrTooNew, from, to)
	}
	for _, step := range steps {
		if step.version <= from {
			continue
		}
		if err := s.apply(ctx, step); err != nil {
			return from, to, fmt.Errorf("migration %04d_%s: %w", step.version, step.name, err)
		}
		s.log.Info("schema migrated", "version", step.version, "name", step.name)
	}
	return from, to, nil
}

// SchemaVersion is the number of the last migration that was applied; 0 before the first.
func (s *Store) SchemaVersion(ctx context.Context) (int, error) {
	var version uint32
	if err := s.conn.QueryRow(ctx, statementText("schema_version")).Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return int(version), nil
}

func (s *Store) apply(ctx context.Context, step migration) error {
	if s.cfg.Cluster != "" { // every server does the work, and it is waited for
		ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"distributed_ddl_task_timeout": int(ddlTimeout.Seconds())}))
	}
	for _, statement := range step.statements {
		if err := s.conn.Exec(ctx, s.dialect.render(statement)); err != nil {
			return err
		}
		if spread := s.dialect.spread(statement, s.database); spread != "" {
			if err := s.conn.Exec(ctx, spread); err != nil {
				return err
			}
		}
	}
	err := s.conn.Exec(ctx, statementText("record_migration"),
		driver.Named("version", step.version), driver.Named("name", step.name))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// createDatabase makes the database over a connection of its own that names none, since the store's cannot be used
// before there is one. A server's user who may not create databases needs none of this when it exists.
func (s *Store) createDatabase(ctx context.Context) error {
	if s.database == "" {
		return nil
	}
	options, err := s.options()
	if err != nil {
		return err
	}
	options.Auth.Database = ""
	conn, err := driver.Open(options)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer conn.Close()
	var found uint64
	if err := conn.QueryRow(ctx, statementText("count_databases"), driver.Named("name", s.database)).Scan(&found); err != nil {
		return fmt.Errorf("look for database %q: %w", s.database, err)
	}
	if found > 0 && s.cfg.Cluster == "" {
		return nil
	}
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quoteName(s.database)+s.dialect.onCluster()); err != nil {
		return fmt.Errorf("create database %q: %w", s.database, err)
	}
	return nil
}

// sameKind returns an error when the database holds tables of a cluster and the store is for one server, or the other
// way round: they would be used without their promises.
func (s *Store) sameKind(ctx context.Context) error {
	var engine string
	if err := s.conn.QueryRow(ctx, statementText("events_engine")).Scan(&engine); err != nil {
		return fmt.Errorf("look at table events: %w", err)
	}
	switch ofCluster := engine == "Distributed"; {
	case engine == "" || ofCluster == (s.cfg.Cluster != ""):
		return nil
	case ofCluster:
		return fmt.Errorf("%w: database %q holds the tables of a cluster: set clickhouse.cluster", ErrOtherKind, s.database)
	}
	return fmt.Errorf("%w: database %q holds the tables of one server: name another database for the cluster, and copy with "+
		"INSERT INTO new.events SELECT * FROM %s.events", ErrOtherKind, s.database, quoteName(s.database))
}

// readMigrations reads migrations/NNNN_name.sql in order. Statements end in a semicolon at the end of a line.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(names)
	var steps []migration
	for _, path := range names {
		number, name, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != len(steps)+1 {
			return nil, fmt.Errorf("migration %q: want number %04d and a name", path, len(steps)+1)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps = append(steps, migration{version, name, splitStatements(string(text))})
	}
	if len(steps) == 0 {
		return nil, errors.New("no migrations")
	}
	return steps, nil
}

func splitStatements(text string) []string {
	var statements []string
	for part := range strings.SplitSeq(text+"\n", ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			statements = append(statements, part)
		}
	}
	return statements
}
