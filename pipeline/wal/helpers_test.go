package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"heed/schemas"
)

// patience bounds waits that end in a failure; none is reached when the code is right.
const patience = 20 * time.Second

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// event returns an envelope whose id holds n, and which is pad bytes larger than the smallest.
func event(n uint64, pad int) *schemas.Envelope {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id[8:], n)
	return &schemas.Envelope{Version: 1, Site: "demo", Id: id, Kind: "page", Path: strings.Repeat("x", pad)}
}

func number(ev *schemas.Envelope) uint64 { return binary.BigEndian.Uint64(ev.Id[8:]) }

// openLog opens a log that is closed with the test.
func openLog(t testing.TB, cfg Config) *Log {
	t.Helper()
	return openWith(t, cfg, newWriter)
}

func openWith(t testing.TB, cfg Config, opener writerOpener) *Log {
	t.Helper()
	l, err := open(t.Context(), cfg, discard(), opener)
	if err != nil {
		t.Fatalf("Open(%q): %v", cfg.Dir, err)
	}
	t.Cleanup(func() { closeLog(t, l) })
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// appendOne appends one event and returns its position.
func appendOne(t testing.TB, l *Log, n uint64, pad int) Pos {
	t.Helper()
	pos, err := l.Append(t.Context(), []*schemas.Envelope{event(n, pad)})
	if err != nil {
		t.Fatalf("Append(event %d): %v", n, err)
	}
	return pos
}

// untilAppended appends the event as soon as the log takes it again.
func untilAppended(t *testing.T, l *Log, n uint64, pad int) Pos {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		pos, err := l.Append(t.Context(), []*schemas.Envelope{event(n, pad)})
		if err == nil {
			return pos
		}
		if time.Now().After(deadline) {
			t.Fatalf("Append(event %d): still %v", n, err)
		}
	}
}

// found is one event as it was read back.
type found struct {
	pos Pos
	n   uint64
}

// readAll reads everything that is durable from the position on. The log must be closed already.
func readAll(t testing.TB, l *Log, from Pos) []found {
	t.Helper()
	r, err := l.Reader(from)
	if err != nil {
		t.Fatalf("Reader(%v): %v", from, err)
	}
	defer r.Close()
	var all []found
	for {
		rec, err := r.Next(t.Context())
		if errors.Is(err, ErrClosed) {
			return all
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		all = append(all, unpack(t, rec)...)
	}
}

// unpack decodes a record into its events.
func unpack(t testing.TB, rec Record) []found {
	t.Helper()
	var g schemas.Group
	if err := g.UnmarshalVT(rec.Group); err != nil {
		t.Fatalf("record %v: %v", rec.Pos, err)
	}
	var all []found
	for i, ev := range g.Events {
		pos := rec.Pos
		pos.Event = uint32(i)
		all = append(all, found{pos: pos, n: number(ev)})
	}
	return all
}

// numbers returns which events were read, in order.
func numbers(all []found) []uint64 {
	var ns []uint64
	for _, f := range all {
		ns = append(ns, f.n)
	}
	return ns
}

func newestSegment(t testing.TB, dir string) string {
	t.Helper()
	segments, err := listSegments(dir)
	if err != nil || len(segments) == 0 {
		t.Fatalf("listSegments(%q) = %v, %v, want some", dir, segments, err)
	}
	return segmentPath(dir, segments[len(segments)-1])
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
