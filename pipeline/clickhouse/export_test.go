package clickhouse

import (
	"context"

	"heed/schemas"
)

// ReadMigrations is for tests of files that are not the program's own.
var ReadMigrations = readMigrations

// Migrations is how many there are.
func Migrations() int {
	steps, err := readMigrations(schemas.Migrations)
	if err != nil {
		panic(err)
	}
	return len(steps)
}

// SetFreeBytes lets the engine's disk run full, as far as the store can see.
func (s *Store) SetFreeBytes(free func(path string) (uint64, error)) { s.freeBytes = free }

// MigrateTo applies the migrations up to version, as an older program would.
func (s *Store) MigrateTo(ctx context.Context, version int) error {
	steps, err := readMigrations(schemas.Migrations)
	if err != nil {
		return err
	}
	_, _, err = s.migrate(ctx, steps[:version])
	return err
}

// StandIn lets a store render for a cluster what the embedded engine can run: without a DDL queue, nothing replicated.
func (s *Store) StandIn() { s.dialect.onlyHere, s.dialect.plain = true, true }

// Rendered are the statements that make the tables of a cluster, in order; onlyHere leaves ON CLUSTER out.
func Rendered(cluster, database string, onlyHere bool) (statements []string) {
	steps, err := readMigrations(schemas.Migrations)
	if err != nil {
		panic(err)
	}
	d := dialect{cluster: cluster, onlyHere: onlyHere}
	all := []string{statementText("create_schema_migrations")}
	for _, step := range steps {
		all = append(all, step.statements...)
	}
	for _, statement := range all {
		statements = append(statements, d.render(statement))
		if spread := d.spread(statement, database); spread != "" {
			statements = append(statements, spread)
		}
	}
	return statements
}

// ShardOf is the shard of a cluster with the given slots that holds the event.
func ShardOf(slots []int, id []byte) int { return shards(slots).of(id) }

// RenderedDropDead is how dead letters are dropped in a cluster.
func RenderedDropDead(cluster string) string {
	return dialect{cluster: cluster}.render(statementText("drop_dead"))
}
