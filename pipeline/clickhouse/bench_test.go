package clickhouse_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// benchInsert inserts blocks of the size that the loader makes by default and says how many rows a second that were.
func benchInsert(b *testing.B, insert func(token string) error) {
	b.ReportAllocs()
	n, before := 0, cpuTime(b)
	for b.Loop() {
		n++
		if err := insert(fmt.Sprint("token", n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows*n)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(benchRows*n), "cpu-ns/row")
}

// cpuTime is what this process has used, the engine's threads included.
func cpuTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

const benchRows = 20_000

// BenchmarkInsert makes a block of realistic rows and inserts it. It may not fall below 60 % of BenchmarkInsertBare,
// which inserts the same block made in advance.
func BenchmarkInsert(b *testing.B) {
	store, rows := clickhousetest.Open(b), clickhousetest.Events(benchRows, 1)
	benchInsert(b, func(token string) error { return store.Insert(context.Background(), token, rows) })
}

func BenchmarkInsertBare(b *testing.B) {
	store := clickhousetest.Open(b)
	insert, err := store.Bare(context.Background(), clickhousetest.Events(benchRows, 1))
	if err != nil {
		b.Fatal(err)
	}
	benchInsert(b, func(token string) error { return insert(context.Background(), token) })
}

// BenchmarkPrepare makes the columns of a block, which a loader does while another block is inserted.
func BenchmarkPrepare(b *testing.B) {
	store, rows := clickhousetest.Open(b), clickhousetest.Events(benchRows, 1)
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		store.Prepare(&clickhouse.Block{Rows: rows})
	}
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(benchRows*b.N), "cpu-ns/row")
}
