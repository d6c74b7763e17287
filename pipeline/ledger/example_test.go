package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// Two events are accepted and one is refused; none has been loaded yet.
func Example() {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "heed-ledger-*")
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
	parts := load.Parts{Log: load.Local(log), Plans: plans} // no store: it does not run
	loader, err := load.Open(ctx, load.Config{}, parts, logger)
	if err != nil {
		panic(err)
	}
	accounts, err := ledger.Open(ledger.Config{Dir: filepath.Join(dir, "ledger"), Sites: []string{"demo"}}, ledger.Sources{
		Rejected: func() ledger.Counts { return ledger.Counts{"demo": {schemas.NoConsent: 1}} },
		Log:      log, Loader: loader,
	}, logger)
	if err != nil {
		panic(err)
	}
	if _, err := log.Append(ctx, []*schemas.Envelope{{Site: "demo"}, {Site: "demo"}}); err != nil {
		panic(err)
	}
	if err := log.Close(ctx); err != nil {
		panic(err)
	}
	if err := accounts.Run(ctx); err != nil { // to the end of the log; a server runs it beside everything else
		panic(err)
	}
	demo, _ := accounts.Account("demo")
	fmt.Println("arrived", demo.Arrived, "rejected", demo.Rejected.Total, "pending", demo.Accepted.Pending)
	// Output: arrived 3 rejected 1 pending 2
}
