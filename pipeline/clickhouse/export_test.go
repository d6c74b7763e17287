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
