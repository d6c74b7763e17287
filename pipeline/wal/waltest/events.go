package waltest

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"heed/pipeline/wal"
	"heed/schemas"
)

// event returns an envelope whose id holds n, and which is pad bytes larger than the smallest.
func event(n uint64, pad int) *schemas.Envelope {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id[8:], n)
	return &schemas.Envelope{Version: 1, Site: "demo", Id: id, Kind: "page", Path: strings.Repeat("x", pad)}
}

func appendOne(t testing.TB, l Log, n uint64, pad int) wal.Pos {
	t.Helper()
	pos, err := l.Append(t.Context(), []*schemas.Envelope{event(n, pad)})
	if err != nil {
		t.Fatalf("Append(event %d): %v", n, err)
	}
	return pos
}

func mustClose(t testing.TB, l Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// found is one event as it was read back.
type found struct {
	pos wal.Pos
	n   uint64
}

// read reads that many events with a reader of its own, each behind the one before.
func read(t testing.TB, s Store, l Log, from wal.Pos, events int) []found {
	t.Helper()
	r := s.Read(t, l, from)
	defer r.Close()
	var all []found
	for len(all) < events && !t.Failed() {
		rec, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next after %d of %d events: %v", len(all), events, err)
		}
		for _, f := range unpack(t, rec) {
			if len(all) > 0 && !before(all[len(all)-1].pos, f.pos) {
				t.Fatalf("event %d at %v follows one at %v", f.n, f.pos, all[len(all)-1].pos)
			}
			all = append(all, f)
		}
	}
	return all
}

// unpack decodes a record into its events.
func unpack(t testing.TB, rec wal.Record) []found {
	t.Helper()
	var g schemas.Group
	if err := g.UnmarshalVT(rec.Group); err != nil {
		t.Fatalf("record %v: %v", rec.Pos, err)
	}
	var all []found
	for i, ev := range g.Events {
		pos := rec.Pos
		pos.Event = uint32(i)
		all = append(all, found{pos: pos, n: binary.BigEndian.Uint64(ev.Id[8:])})
	}
	return all
}

func before(p, q wal.Pos) bool {
	return p.Before(q) || !q.Before(p) && p.Event < q.Event
}

// upTo returns 0 … n-1.
func upTo(n uint64) []uint64 {
	var ns []uint64
	for i := range n {
		ns = append(ns, i)
	}
	return ns
}
