package wal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"heed/pipeline/wal"
	"heed/schemas"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "heed-wal")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	log, err := wal.Open(ctx, wal.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	pos, err := log.Append(ctx, []*schemas.Envelope{{Kind: "page"}, {Kind: "form"}})
	fmt.Println("durable at", pos, err)

	if err := log.Close(ctx); err != nil {
		fmt.Println(err)
	}
	reader, err := log.Reader(wal.Pos{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()
	for {
		record, err := reader.Next(ctx)
		if errors.Is(err, wal.ErrClosed) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		var group schemas.Group
		if err := group.UnmarshalVT(record.Group); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(group.Events), "events, read on at", record.Next)
	}
	// Output:
	// durable at 0/0/0 <nil>
	// 2 events, read on at 0/1/0
}
