package clickhouse

import (
	"context"
	"fmt"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// RefuseStale makes the table events refuse rows whose Loaded lies more than a minute behind the server's clock when they
// arrive. It is for stores that several loaders share: an insert that was held up for long, since its loader or the
// network stood still, must not come after the server has forgotten the token of its repeat. The error of such an insert
// is no ErrRefused. What is stored is not touched. To call it again changes nothing.
func (s *Store) RefuseStale(ctx context.Context) error {
	var found uint64
	local := "events"
	if s.cfg.Cluster != "" {
		local += "_local"
	}
	if err := s.conn.QueryRow(ctx, statementText("count_stale"), driver.Named("table", local)).Scan(&found); err != nil {
		return fmt.Errorf("look for the bound of rows' age: %w", err)
	}
	if found > 0 {
		return nil
	}
	if err := s.conn.Exec(ctx, s.dialect.render(statementText("refuse_stale"))); err != nil {
		return fmt.Errorf("bound the age of rows: %w", err)
	}
	return nil
}
