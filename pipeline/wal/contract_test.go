package wal_test

import (
	"context"
	"log/slog"
	"testing"

	"heed/pipeline/wal"
	"heed/pipeline/wal/waltest"
)

func TestContract(t *testing.T) {
	waltest.Run(t, func(t testing.TB) waltest.Store {
		cfg := wal.Config{Dir: t.TempDir(), MaxBytes: 8 << 20, SegmentBytes: 64 << 10} // segments end often
		return waltest.Store{
			Open: func(t testing.TB) waltest.Log {
				l, err := wal.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatalf("Open: %v", err)
				}
				t.Cleanup(func() { _ = l.Close(context.Background()) })
				return l
			},
			Read: func(t testing.TB, l waltest.Log, from wal.Pos) waltest.Reader {
				r, err := l.(*wal.Log).Reader(from)
				if err != nil {
					t.Fatalf("Reader(%v): %v", from, err)
				}
				return r
			},
		}
	})
}
