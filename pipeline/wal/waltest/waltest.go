// Package waltest says what a log of events promises, wherever it keeps them, and holds implementations to it.
//
// The contract:
//
//   - Append returns after its events are durable, with the position of the first. They are read back once each, the
//     events of one call together and in order, also by a process that opens the log later.
//   - Positions grow in the order in which events are read. None is given twice, also not after the log was closed and
//     opened again.
//   - From the Next of any record on a reader returns exactly the rest. Two readers do not disturb each other.
//   - A reader waits at the end. When its context ends it says so and can be used further.
//   - An Append whose context has ended returns that context's error.
//   - After Close, which may be called twice, Append answers wal.ErrClosed, and a reader that waits ends with it.
//   - Everything may be called from many goroutines, a reader from one at a time.
//
// It holds as long as nothing fails, for what is read as one sequence: a log of files, one partition of a topic. What
// an implementation promises for bad days its own tests show.
package waltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"heed/pipeline/wal"
	"heed/schemas"
)

// Log is what is held to the contract.
type Log interface {
	Append(ctx context.Context, evs []*schemas.Envelope) (wal.Pos, error)
	Close(ctx context.Context) error
}

// Reader returns durable records in order, each once.
type Reader interface {
	Next(ctx context.Context) (wal.Record, error)
	Close() error
}

// Store is one place for events, empty at first. Its functions fail the test when they cannot.
type Store struct {
	// Open opens the log that is there. Logs of one store are open one after the other, never at once. They are closed
	// with the test, unless the suite has done so.
	Open func(t testing.TB) Log
	// Read returns a reader of a log that Open returned. The zero Pos is the beginning.
	Read func(t testing.TB, l Log, from wal.Pos) Reader
}

// Run holds the stores that newStore makes, one for each test, to the contract.
func Run(t *testing.T, newStore func(t testing.TB) Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"round trip", roundTrip},
		{"empty append", emptyAppend},
		{"many appenders", manyAppenders},
		{"reopened", reopened},
		{"resumed", resumed},
		{"two readers", twoReaders},
		{"reader waits", readerWaits},
		{"ctx ends", contextEnds},
		{"closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

func roundTrip(t *testing.T, s Store) {
	l := s.Open(t)
	want := []*schemas.Envelope{event(1, 0), event(2, 70000/8), event(3, 1)}
	want[1].Props = map[string]string{"plan": "team", "name": "Zoë"}
	if _, err := l.Append(t.Context(), want); err != nil {
		t.Fatalf("Append: %v", err)
	}
	r := s.Read(t, l, wal.Pos{})
	defer r.Close()
	var got []*schemas.Envelope
	for len(got) < len(want) {
		rec, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		var g schemas.Group
		if err := g.UnmarshalVT(rec.Group); err != nil {
			t.Fatalf("UnmarshalVT: %v", err)
		}
		got = append(got, g.Events...)
	}
	if len(got) != len(want) {
		t.Fatalf("read %d events, want %d", len(got), len(want))
	}
	for i := range want {
		a, _ := want[i].MarshalVT()
		b, _ := got[i].MarshalVT()
		// Maps have no order, so bytes are compared only where there is none.
		if len(want[i].Props) == 0 && !slices.Equal(a, b) || len(a) != len(b) {
			t.Errorf("event %d = %v, want %v", i, got[i], want[i])
		}
	}
}

func emptyAppend(t *testing.T, s Store) {
	l := s.Open(t)
	if _, err := l.Append(t.Context(), nil); err != nil {
		t.Errorf("Append of nothing = %v, want no error", err)
	}
	pos := appendOne(t, l, 1, 0)
	if got := read(t, s, l, wal.Pos{}, 1); got[0].pos != pos {
		t.Errorf("read %v, want the event at %v", got, pos)
	}
}

// manyAppenders: what was acknowledged is read once each, at the position that Append told, and the events of one call
// stay together and in order.
func manyAppenders(t *testing.T, s Store) {
	const appenders, calls, batch = 32, 40, 3
	l := s.Open(t)
	acked := make(map[uint64]wal.Pos) // by the first event of each call
	var mu sync.Mutex
	var wg sync.WaitGroup
	for a := range uint64(appenders) {
		wg.Go(func() {
			for c := range uint64(calls) {
				first := (a*calls + c) * batch
				pos, err := l.Append(t.Context(), []*schemas.Envelope{event(first, 0), event(first+1, 900), event(first+2, 0)})
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				acked[first] = pos
				mu.Unlock()
			}
		})
	}
	all := read(t, s, l, wal.Pos{}, appenders*calls*batch) // while they append
	wg.Wait()
	seen := make(map[uint64]bool)
	for i, f := range all {
		if seen[f.n] {
			t.Fatalf("event %d is read twice, again at %v", f.n, f.pos)
		}
		seen[f.n] = true
		switch k := f.n % batch; {
		case k == 0 && acked[f.n] != f.pos:
			t.Errorf("event %d read at %v, Append said %v", f.n, f.pos, acked[f.n])
		case k != 0 && (i == 0 || all[i-1].n != f.n-1):
			t.Errorf("event %d does not follow event %d", f.n, f.n-1)
		}
	}
}

func reopened(t *testing.T, s Store) {
	var positions []wal.Pos
	for n := range uint64(5) {
		l := s.Open(t)
		positions = append(positions, appendOne(t, l, n, 10))
		mustClose(t, l)
	}
	l := s.Open(t)
	for n, f := range read(t, s, l, wal.Pos{}, len(positions)) {
		if f.n != uint64(n) || f.pos != positions[n] {
			t.Errorf("event %d at %v, want event %d at %v", f.n, f.pos, n, positions[n])
		}
	}
}

// resumed: from each record's Next the rest is read, and by another process too.
func resumed(t *testing.T, s Store) {
	const events = 20
	l := s.Open(t)
	for n := range uint64(events) {
		appendOne(t, l, n, 9000)
	}
	mustClose(t, l)
	l = s.Open(t)
	from := wal.Pos{}
	for n := range uint64(events) {
		var got []uint64
		for _, f := range read(t, s, l, from, int(events-n)) {
			got = append(got, f.n)
		}
		if want := upTo(events)[n:]; !slices.Equal(got, want) {
			t.Fatalf("from %v: read %v, want %v", from, got, want)
		}
		r := s.Read(t, l, from)
		rec, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if !rec.Pos.Before(rec.Next) {
			t.Fatalf("record at %v, its Next is %v, want one behind it", rec.Pos, rec.Next)
		}
		from = rec.Next
		r.Close()
	}
}

func twoReaders(t *testing.T, s Store) {
	l := s.Open(t)
	for n := range uint64(3) {
		appendOne(t, l, n, 0)
	}
	a, b := s.Read(t, l, wal.Pos{}), s.Read(t, l, wal.Pos{})
	defer a.Close()
	for range 3 {
		first, err := a.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if second, err := b.Next(t.Context()); err != nil || second.Pos != first.Pos {
			t.Fatalf("the second reader's Next = %v, %v, want %v", second.Pos, err, first.Pos)
		}
	}
	b.Close()
	pos := appendOne(t, l, 3, 0)
	if rec, err := a.Next(t.Context()); err != nil || rec.Pos != pos {
		t.Errorf("Next after the other reader's Close = %v, %v, want %v", rec.Pos, err, pos)
	}
}

func readerWaits(t *testing.T, s Store) {
	l := s.Open(t)
	r := s.Read(t, l, wal.Pos{})
	defer r.Close()
	for n := range uint64(3) {
		got := make(chan wal.Record)
		go func() {
			rec, err := r.Next(t.Context())
			if err != nil {
				t.Errorf("Next: %v", err)
			}
			got <- rec
		}()
		pos := appendOne(t, l, n, 0)
		if rec := <-got; rec.Pos != pos {
			t.Fatalf("Next = %v, want %v", rec.Pos, pos)
		}
	}
}

func contextEnds(t *testing.T, s Store) {
	l := s.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := s.Read(t, l, wal.Pos{})
	defer r.Close()
	ended := make(chan error)
	go func() {
		_, err := r.Next(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want %v", err, context.Canceled)
	}
	if _, err := l.Append(ctx, []*schemas.Envelope{event(1, 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v, want %v", err, context.Canceled)
	}
	pos := appendOne(t, l, 2, 0)
	if rec, err := r.Next(t.Context()); err != nil || rec.Pos != pos {
		t.Errorf("Next = %v, %v, want %v: the reader can be used further", rec.Pos, err, pos)
	}
}

func closed(t *testing.T, s Store) {
	l := s.Open(t)
	waiting := s.Read(t, l, wal.Pos{})
	pos := appendOne(t, l, 1, 0)
	if rec, err := waiting.Next(t.Context()); err != nil || rec.Pos != pos {
		t.Fatalf("Next = %v, %v, want %v", rec.Pos, err, pos)
	}
	ended := make(chan error)
	go func() {
		_, err := waiting.Next(t.Context())
		ended <- err
	}()
	mustClose(t, l)
	mustClose(t, l) // a second one is harmless
	if err := <-ended; !errors.Is(err, wal.ErrClosed) {
		t.Errorf("waiting Next = %v, want %v", err, wal.ErrClosed)
	}
	if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)}); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("Append = %v, want %v", err, wal.ErrClosed)
	}
	waiting.Close()
	l = s.Open(t)
	next := appendOne(t, l, 3, 0)
	if got, want := read(t, s, l, wal.Pos{}, 2), []found{{pos, 1}, {next, 3}}; !slices.Equal(got, want) {
		t.Errorf("after Close read %v, want %v", got, want)
	}
}
