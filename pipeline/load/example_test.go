package load_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// Three events, one of them sent twice, go from the log of this process into a store.
func Example() {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "heed-load-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	log, err := wal.Open(ctx, wal.Config{Dir: filepath.Join(dir, "wal")}, logger)
	if err != nil {
		panic(err)
	}
	plans, err := load.FilePlans(filepath.Join(dir, "load"))
	if err != nil {
		panic(err)
	}
	if _, err := log.Append(ctx, []*schemas.Envelope{event(1), event(2), event(1), event(3)}); err != nil {
		panic(err)
	}
	if err := log.Close(ctx); err != nil { // so that loading has an end
		panic(err)
	}
	store, err := clickhouse.Open(ctx, clickhouse.Config{
		Path: clickhousetest.Folder(), Library: clickhousetest.Library(), Database: "example",
	}, logger)
	if err != nil {
		panic(err)
	}
	defer store.Close(ctx)
	if _, _, err := store.Migrate(ctx); err != nil {
		panic(err)
	}
	loader, err := load.Open(ctx, load.Config{}, load.Parts{Log: load.Local(log), Plans: plans, Store: store, Dead: store}, logger)
	if err != nil {
		panic(err)
	}
	if err := loader.Run(ctx); err != nil {
		panic(err)
	}
	fmt.Printf("%+v\n", loader.Totals())
	// Output: {Loaded:3 Doubles:1 Withdrawn:0 Dead:0}
}
