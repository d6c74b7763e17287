package clickhouse

import (
	"context"
	"fmt"
	"math"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// Erased returns where rows of origin stood that EraseRows has listed, at the positions from … to, both included, in no
// order. Origin in from and to is not looked at.
func (s *Store) Erased(ctx context.Context, origin string, from, to schemas.Source) ([]schemas.Source, error) {
	if err := s.catchUp(ctx, "erased"); err != nil {
		return nil, fmt.Errorf("read erased positions: %w", err)
	}
	least, most := uint64(0), uint64(math.MaxUint64)
	if from.Partition == to.Partition {
		least, most = from.Offset, to.Offset
	}
	rows, err := s.conn.Query(ctx, statementText("erased"), driver.Named("origin", origin),
		driver.Named("from_partition", from.Partition), driver.Named("to_partition", to.Partition),
		driver.Named("least_offset", least), driver.Named("most_offset", most))
	if err != nil {
		return nil, fmt.Errorf("read erased positions: %w", err)
	}
	defer rows.Close()
	var found []schemas.Source
	for rows.Next() {
		at := schemas.Source{Origin: origin}
		if err := rows.Scan(&at.Partition, &at.Offset, &at.Event); err != nil {
			return nil, fmt.Errorf("read erased positions: %w", err)
		}
		found = append(found, at)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read erased positions: %w", err)
	}
	return found, nil
}
