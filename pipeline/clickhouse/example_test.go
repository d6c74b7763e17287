package clickhouse_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

func Example() {
	ctx := context.Background()
	cfg := clickhouse.Config{Path: clickhousetest.Folder(), Library: clickhousetest.Library(), Database: "example"}
	store, err := clickhouse.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close(ctx)
	if _, _, err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	row := clickhouse.Row{
		Envelope: &schemas.Envelope{Version: 1, Site: "demo", Kind: string(schemas.Page), Id: []byte("0123456789abcdef"),
			TimeMs: at.UnixMilli(), ReceivedMs: at.UnixMilli(), RetentionMonths: 14},
		Source: schemas.Source{Origin: "log", Partition: 1, Offset: 7},
		Loaded: at,
	}
	for range 2 { // the second is dropped: its token is known
		if err := store.Insert(ctx, "plan 1", []clickhouse.Row{row}); err != nil {
			fmt.Println(err)
			return
		}
	}
	found, err := store.Present(ctx, "log", row.Source, row.Source)
	fmt.Println(len(found), found[0].Site, err)
	// Output: 1 demo <nil>
}
