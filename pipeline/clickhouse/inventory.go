package clickhouse

import (
	"context"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// The words of InventoryRow.What, and the kind of what was beyond the bounds.
const (
	InventoryHeld = "held"
	InventoryName = "name"
	InventoryMore = "more"
)

// InventoryRow is how often a process has seen one thing on one day so far.
type InventoryRow struct {
	Site    string
	Day     time.Time // midnight UTC
	What    string    // InventoryHeld or InventoryName
	Kind    string    // of the request, or the name's place; InventoryMore for what was beyond the bounds
	Name    string    // the host or the name; empty beyond the bounds
	Process string    // random; of several rows of a process the highest count is right
	Count   uint64
	Days    uint32 // longest lifetime seen; 0 none
	HTTP    bool   // an answer has set it
}

// PutInventory writes sums as they stand. To write the same again, or an older state later, changes nothing.
func (s *Store) PutInventory(ctx context.Context, rows []InventoryRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "inventory"}, inventoryColumns, rows); err != nil {
		return fmt.Errorf("insert %d rows of inventory: %w", len(rows), err)
	}
	return nil
}

// maxInventory bounds an answer of Inventory.
const maxInventory = 5000

// InventoryTotal is how often something was seen by all processes.
type InventoryTotal struct {
	Kind  string    `json:"kind"`
	Name  string    `json:"name"`
	Count uint64    `json:"count"`
	Days  uint32    `json:"days,omitempty"`
	HTTP  bool      `json:"http,omitempty"`
	First time.Time `json:"first"` // day
	Last  time.Time `json:"last"`  // day
}

// Inventory sums what a site's pages have reported since a day, what was seen most often first.
func (s *Store) Inventory(ctx context.Context, site, what string, since time.Time) ([]InventoryTotal, error) {
	rows, err := s.conn.Query(s.reading(ctx), statementText("inventory"), driver.Named("site", site), driver.Named("what", what),
		driver.Named("since", since.UTC().Format(time.DateOnly)), driver.Named("limit", maxInventory))
	if err != nil {
		return nil, fmt.Errorf("sum inventory: %w", err)
	}
	defer rows.Close()
	totals := []InventoryTotal{}
	for rows.Next() {
		var t InventoryTotal
		if err := rows.Scan(&t.Kind, &t.Name, &t.Count, &t.Days, &t.HTTP, &t.First, &t.Last); err != nil {
			return nil, fmt.Errorf("sum inventory: %w", err)
		}
		totals = append(totals, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sum inventory: %w", err)
	}
	return totals, nil
}
