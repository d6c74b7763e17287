package kafka

import (
	"errors"
	"strings"
	"testing"

	"heed/pipeline/wal"
	"heed/schemas"
)

// What Kafka has deleted before it was read is passed over, counted, and never in silence.
func TestReaderBehindRetention(t *testing.T) {
	cfg := config(t, 1)
	create(t, cfg, cfg.Topic, 1, map[string]string{"retention.bytes": "1", "segment.bytes": "1048576", "compression.type": "uncompressed"})
	topic := open(t, cfg)
	p, err := topic.Partition(0)
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); n < 3000; n += 100 {
		evs := events(n, 100)
		for _, ev := range evs {
			ev.Path = strings.Repeat("x", 1000)
		}
		if _, err := topic.Append(t.Context(), evs); err != nil {
			t.Fatal(err)
		}
	}
	ctx := bounded(t)
	var first int64
	eventually(t, "Kafka has deleted a segment", func() bool {
		if first, _, err = topic.bounds(ctx, 0); err != nil {
			t.Fatal(err)
		}
		return first > 0
	})
	r, err := p.Reader(wal.Pos{Record: 1})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next(ctx)
	if err != nil || rec.Pos.Record < uint64(first) {
		t.Errorf("Next = %v, %v, want the oldest there is, %d or later", rec.Pos, err, first)
	}
	if lost := topic.metrics.lost.Get(); lost != rec.Pos.Record-1 {
		t.Errorf("counted as deleted unread: %d, want %d", lost, rec.Pos.Record-1)
	}
	r, err = p.Reader(wal.Pos{}) // from the beginning, wherever that is
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Next(ctx); err != nil || rec.Pos.Record < uint64(first) {
		t.Errorf("Next of a reader from the beginning = %v, %v, want %d or later", rec.Pos, err, first)
	}
	if lost := topic.metrics.lost.Get(); lost != rec.Pos.Record-1 {
		t.Errorf("a reader from the beginning counted %d as deleted unread", lost-rec.Pos.Record+1)
	}
}

// Kafka answers with whole batches: what stands before the position is left out.
func TestReaderBeginsWithinABatch(t *testing.T) {
	topic := open(t, config(t, 1))
	if _, err := topic.Append(t.Context(), events(0, 10)); err != nil {
		t.Fatal(err)
	}
	p, err := topic.Partition(0)
	if err != nil {
		t.Fatal(err)
	}
	for from := range uint64(10) {
		r, err := p.Reader(wal.Pos{Record: from})
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := r.Next(bounded(t)); err != nil || rec.Pos.Record != from || number(t, rec) != from {
			t.Errorf("Next of a reader from %d = %v, %v", from, rec.Pos, err)
		}
	}
}

func TestReaderFailure(t *testing.T) {
	topic := open(t, config(t, 2))
	p, err := topic.Partition(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reader(wal.Pos{Segment: 0, Record: 1}); err == nil {
		t.Error("Reader from another partition's position: want an error")
	}
	r, err := p.Reader(wal.Pos{Segment: 1, Record: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(bounded(t)); err == nil || !strings.Contains(err.Error(), "kafka.generation") {
		t.Errorf("Next behind the end = %v, want what to do", err)
	}
}

// A message that this program is too old for reaches the loader as it is, as does one that is no envelope at all.
func TestReaderPassesOnWhatItDoesNotKnow(t *testing.T) {
	topic := open(t, config(t, 1))
	newer := event(1, 0)
	newer.Version = schemas.EnvelopeVersion + 1
	if _, err := topic.Append(t.Context(), []*schemas.Envelope{newer}); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"no envelope", ""} {
		if _, err := topic.send([]message{{value: []byte(raw)}}, never, maxWaitingBytes); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	eachRecord(t, bounded(t), topic, 0, func(rec wal.Record) { got = append(got, string(rec.Group)) })
	want, _ := (&schemas.Group{Events: []*schemas.Envelope{newer}}).MarshalVT()
	if len(got) < 1 || got[0] != string(want) {
		t.Errorf("the newer message is %q, want %q", got, want)
	}
}

// Every message of a Group, and nothing else, comes out of it; what is no Group is passed on whole.
func TestSplit(t *testing.T) {
	evs := events(5, 3)
	group, _ := (&schemas.Group{Events: evs}).MarshalVT()
	messages, err := split(group, idField)
	if err != nil || len(messages) != 3 {
		t.Fatalf("split = %d messages, %v, want 3", len(messages), err)
	}
	for i, m := range messages {
		if raw, _ := evs[i].MarshalVT(); string(m.value) != string(raw) || string(m.key) != string(evs[i].Id) ||
			m.received.UnixMilli() != evs[i].ReceivedMs {
			t.Errorf("message %d = %+v, want event %v", i, m, evs[i])
		}
	}
	if messages, err := split(group, siteField); err != nil || string(messages[2].key) != evs[2].Site {
		t.Errorf("split by site = %+v, %v; want the key %q", messages, err, evs[2].Site)
	}
	if messages, err := split(nil, idField); err != nil || len(messages) != 0 {
		t.Errorf("split of nothing = %v, %v, want nothing", messages, err)
	}
	messages, err = split(append(group, 0x12, 0x00), idField)
	if !errors.Is(err, errNotGroup) || len(messages) != 4 || string(messages[3].value) != "\x12\x00" {
		t.Errorf("split of a group and something = %d messages, %v, want that as the last", len(messages), err)
	}
}
