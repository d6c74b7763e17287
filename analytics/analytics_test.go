package analytics

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

func TestMain(m *testing.M) {
	os.Exit(clickhousetest.Run(m))
}

// open gives the test a store with these events in it, and analytics for the sites a and b upon it.
func open(t testing.TB, events ...*schemas.Envelope) *Analytics {
	t.Helper()
	store := clickhousetest.Open(t)
	insert(t, store, events)
	a, err := Open(t.Context(), Config{
		DSN: store.DSN(), Transport: store.Transport(), Sites: []string{"a", "b"}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("Close = %v, want no error", err)
		}
	})
	return a
}

// insert stores the events, a block for each partition as the loader does.
func insert(t testing.TB, store *clickhouse.Store, events []*schemas.Envelope) {
	t.Helper()
	blocks := map[clickhouse.Partition][]clickhouse.Row{}
	for i, ev := range events {
		row := clickhouse.Row{
			Envelope: ev,
			Source:   schemas.Source{Origin: "test", Offset: uint64(i)},
			Loaded:   time.UnixMilli(ev.ReceivedMs),
		}
		blocks[row.Partition()] = append(blocks[row.Partition()], row)
	}
	for partition, rows := range blocks {
		if err := store.Insert(context.Background(), "", rows); err != nil {
			t.Fatalf("Insert(%v) = %v, want no error", partition, err)
		}
	}
}

// id makes an id from a number; equal numbers are equal ids.
func id(n int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n))
}

// at reads an instant.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

// event makes an event with consent of site a. Tests change what matters to them.
func event(kind schemas.Kind, n int, when time.Time) *schemas.Envelope {
	return &schemas.Envelope{
		Version: 1, Site: "a", Id: id(n), Kind: string(kind),
		ReceivedMs: when.UnixMilli() + 40, TimeMs: when.UnixMilli(),
		Jurisdiction: "strictest", Categories: 5, RetentionMonths: 0,
		Host: "a.example", Path: "/",
	}
}

// page makes a page view with consent.
func page(n, visitor int, when time.Time) *schemas.Envelope {
	ev := event(schemas.Page, n, when)
	ev.Visitor = id(visitor)
	return ev
}

// anonymous makes a page view that was counted without consent.
func anonymous(n int, when time.Time) *schemas.Envelope {
	ev := event(schemas.Page, n, when)
	ev.Anonymous, ev.Categories = true, 1
	return ev
}

// engaged makes a report of a view's engaged time so far.
func engaged(n, visitor, view int, when time.Time, ms uint32) *schemas.Envelope {
	ev := event(schemas.Engagement, n, when)
	ev.Visitor, ev.View, ev.EngagedMs = id(visitor), id(view), ms
	return ev
}

// with changes an event in passing.
func with(ev *schemas.Envelope, change func(*schemas.Envelope)) *schemas.Envelope {
	change(ev)
	return ev
}

// query reads a question about site a from URL parameters, as of the last day of 2025.
func query(t testing.TB, parameters string) Query {
	t.Helper()
	values, err := url.ParseQuery(parameters)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery("a", values, at(t, "2025-12-31T12:00:00Z"))
	if err != nil {
		t.Fatalf("ParseQuery(%q) = %v, want no error", parameters, err)
	}
	return q
}
