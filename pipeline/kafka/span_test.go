package kafka

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

func TestSpansAndLag(t *testing.T) {
	topic := open(t, config(t, 3))
	now := time.Now()
	if _, err := topic.Append(t.Context(), events(0, 300)); err != nil {
		t.Fatal(err)
	}
	ctx := bounded(t)
	f := func(what string, r Range, want uint64) {
		t.Helper()
		spans, err := topic.Spans(ctx, r)
		var n uint64
		for _, s := range spans {
			n += s.Events()
			if s.From.Segment != uint32(s.Partition.Number()) {
				t.Errorf("%s: span of partition %d begins at %v", what, s.Partition.Number(), s.From)
			}
		}
		if err != nil || n != want {
			t.Errorf("%s: Spans = %d events, %v, want %d", what, n, err, want)
		}
	}
	f("now", Range{From: now, To: now.Add(time.Hour)}, 300)
	f("yesterday, and long in a spool", Range{From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour)}, 300)
	f("yesterday", Range{From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour), Late: time.Hour}, 0)
	f("yesterday, and a day in a spool", Range{From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour), Late: 25 * time.Hour}, 300)
	f("tomorrow", Range{From: now.Add(24 * time.Hour), To: now.Add(48 * time.Hour)}, 0)
	if _, err := topic.Spans(ctx, Range{From: now, To: now}); err == nil {
		t.Error("Spans of an empty range: want an error")
	}
	sum := func() (n int64) {
		lag, err := topic.Lag(ctx)
		if err != nil {
			t.Fatalf("Lag = %v", err)
		}
		for _, l := range lag {
			n += l
		}
		return n
	}
	eventually(t, "the group has a coordinator", func() bool {
		_, err := topic.Lag(ctx)
		return err == nil
	})
	if n := sum(); n != 300 {
		t.Errorf("Lag before any commit = %d, want 300", n)
	}
	c := consume(t, topic)
	for range 3 {
		p := take(t, c.got, "a partition")
		_, end, err := topic.bounds(ctx, p.Number())
		if err != nil {
			t.Fatal(err)
		}
		at := wal.Pos{Segment: uint32(p.Number()), Record: uint64(end)}
		if err := p.Write(ctx, load.Plan{Log: p.ID(), From: at, To: at}); err != nil {
			t.Fatal(err)
		}
	}
	if n := sum(); n != 0 {
		t.Errorf("Lag when all is committed = %d, want 0", n)
	}
	eventually(t, "the gauges say so", func() bool { return strings.Count(metricsOf(topic), "heed_kafka_lag_events") == 3 })
	c.stop()
	eventually(t, "the gauges are gone", func() bool { return !strings.Contains(metricsOf(topic), "heed_kafka_lag_events") })
}

func metricsOf(topic *Topic) string {
	var out bytes.Buffer
	topic.WriteMetrics(&out)
	return out.String()
}

// Nothing that is counted or measured is missing from the output.
func TestMetrics(t *testing.T) {
	topic := open(t, config(t, 1))
	if _, err := topic.Append(t.Context(), []*schemas.Envelope{event(1, 0)}); err != nil {
		t.Fatal(err)
	}
	text := metricsOf(topic)
	for _, want := range []string{"heed_kafka_produced_events_total 1\n", "heed_kafka_produce_requests_total 1\n",
		"heed_kafka_waiting_bytes 0\n", "heed_kafka_waiting_seconds 0\n", "heed_kafka_produce_errors_total 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics have no %q:\n%s", want, text)
		}
	}
}
