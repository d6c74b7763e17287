package load_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/schemas"
)

const (
	benchRows  = 100_000
	benchBlock = 20_000
)

// benchEvents are events as a site has them, all of one month, with ids of their own for each round.
func benchEvents(round int) []*schemas.Envelope {
	events := make([]*schemas.Envelope, benchRows)
	for i := range events {
		ev := event(2 * (round*benchRows + i))
		ev.Host, ev.Path, ev.ReferrerHost = "shop.example", fmt.Sprintf("/products/%d", i%500), "search.example"
		ev.Country, ev.Browser, ev.Os, ev.Device = "DE", "Firefox", "Linux", "desktop"
		ev.Visitor = ev.Id
		events[i] = ev
	}
	return events
}

// BenchmarkRun and BenchmarkBare bring the same rows into the real engine, with a loader around the inserts and without.
func BenchmarkRun(b *testing.B) {
	store := clickhousetest.Open(b)
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		p := newPartition(b, fmt.Sprint("topic.", round), 3)
		p.append(benchEvents(round)...)
		p.close()
		m := p.join()
		l, err := load.Open(b.Context(), load.Config{MaxRows: benchBlock, MaxWait: time.Minute, OnePartition: true},
			load.Parts{Log: m, Plans: m, Store: store, Dead: store, Ends: store}, logger())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := l.Run(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkBare(b *testing.B) {
	store := clickhousetest.Open(b)
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		rows := make([]clickhouse.Row, benchRows)
		for i, ev := range benchEvents(round) {
			rows[i] = clickhouse.Row{Envelope: ev, Source: schemas.Source{Origin: fmt.Sprint("topic.", round), Offset: uint64(i)}, Loaded: time.Now()}
		}
		b.StartTimer()
		for i := 0; i < benchRows; i += benchBlock {
			if err := store.Insert(b.Context(), fmt.Sprint(round, "/", i), rows[i:i+benchBlock]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}
