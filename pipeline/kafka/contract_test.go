package kafka

import (
	"testing"

	"heed/pipeline/wal"
	"heed/pipeline/wal/waltest"
)

func TestContract(t *testing.T) {
	waltest.Run(t, func(t testing.TB) waltest.Store {
		cfg := config(t, 1)
		return waltest.Store{
			Open: func(t testing.TB) waltest.Log { return open(t, cfg) },
			Read: func(t testing.TB, l waltest.Log, from wal.Pos) waltest.Reader {
				p, err := l.(*Topic).Partition(0)
				if err != nil {
					t.Fatal(err)
				}
				r, err := p.Reader(from)
				if err != nil {
					t.Fatalf("Reader(%v): %v", from, err)
				}
				return r
			},
		}
	})
}
