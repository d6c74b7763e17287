package wal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"heed/schemas"
)

// appender and follower are what every log promises, wherever it keeps its events. testContract holds an
// implementation to it.
type appender interface {
	// Append returns after the events are durable, with the position of the first.
	Append(ctx context.Context, evs []*schemas.Envelope) (Pos, error)
	// Close commits what waits. Append answers ErrClosed afterwards.
	Close(ctx context.Context) error
}

type follower interface {
	// Next returns durable records in order, each once; it waits at the end and ends with ErrClosed after Close.
	Next(ctx context.Context) (Record, error)
	Close() error
}

// store opens the same log again and again.
type store struct {
	open func(t testing.TB) appender
	read func(t testing.TB, l appender, from Pos) follower
}

func TestContract(t *testing.T) {
	testContract(t, func(t testing.TB) store {
		cfg := Config{Dir: t.TempDir(), SegmentBytes: minSegmentBytes}
		return store{
			open: func(t testing.TB) appender { return openLog(t, cfg) },
			read: func(t testing.TB, l appender, from Pos) follower {
				r, err := l.(*Log).Reader(from)
				if err != nil {
					t.Fatalf("Reader(%v): %v", from, err)
				}
				return r
			},
		}
	})
}

// testContract runs the suite against stores that newStore makes, each empty.
func testContract(t *testing.T, newStore func(testing.TB) store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store)
	}{
		{"round trip", contractRoundTrip},
		{"many appenders", contractManyAppenders},
		{"reopened", contractReopened},
		{"resumed", contractResumed},
		{"reader waits", contractReaderWaits},
		{"ctx ends", contractContextEnds},
		{"closed", contractClosed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

func contractRoundTrip(t *testing.T, s store) {
	l := s.open(t)
	want := []*schemas.Envelope{event(1, 0), event(2, 70000/8), event(3, 1)}
	want[1].Props = map[string]string{"plan": "team", "name": "Zoë"}
	if _, err := l.Append(t.Context(), want); err != nil {
		t.Fatalf("Append: %v", err)
	}
	r := s.read(t, l, Pos{})
	defer r.Close()
	rec, err := r.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	var got schemas.Group
	if err := got.UnmarshalVT(rec.Group); err != nil {
		t.Fatalf("UnmarshalVT: %v", err)
	}
	if len(got.Events) != len(want) {
		t.Fatalf("Next: %d events, want %d", len(got.Events), len(want))
	}
	for i := range want {
		a, _ := want[i].MarshalVT()
		b, _ := got.Events[i].MarshalVT()
		// Maps have no order, so bytes are compared only where there is none.
		if len(want[i].Props) == 0 && !slices.Equal(a, b) || len(a) != len(b) {
			t.Errorf("event %d = %v, want %v", i, got.Events[i], want[i])
		}
	}
}

// contractManyAppenders: what was acknowledged is read once each, at the position that Append told, and the events of
// one call stay together and in order.
func contractManyAppenders(t *testing.T, s store) {
	const appenders, calls, batch = 32, 40, 3
	l := s.open(t)
	acked := make(map[uint64]Pos)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for a := range uint64(appenders) {
		wg.Go(func() {
			for c := range uint64(calls) {
				first := (a*calls + c) * batch
				evs := []*schemas.Envelope{event(first, 0), event(first+1, 900), event(first+2, 0)}
				pos, err := l.Append(t.Context(), evs)
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				for i := range uint64(batch) {
					acked[first+i] = Pos{pos.Segment, pos.Record, pos.Event + uint32(i)}
				}
				mu.Unlock()
			}
		})
	}
	r := s.read(t, l, Pos{})
	defer r.Close()
	var last Pos
	read := make(map[uint64]Pos)
	for len(read) < appenders*calls*batch && !t.Failed() {
		rec, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		for _, f := range unpack(t, rec) {
			if _, twice := read[f.n]; twice || len(read) > 0 && !last.less(f.pos) {
				t.Fatalf("event %d at %v after %v: twice %v", f.n, f.pos, last, twice)
			}
			read[f.n], last = f.pos, f.pos
		}
	}
	wg.Wait()
	for n, pos := range acked {
		if read[n] != pos {
			t.Errorf("event %d read at %v, Append said %v", n, read[n], pos)
		}
	}
}

func contractReopened(t *testing.T, s store) {
	var positions []Pos
	for n := range uint64(5) {
		l := s.open(t)
		positions = append(positions, appendOne(t, l, n, 10))
		mustClose(t, l)
	}
	l := s.open(t)
	mustClose(t, l)
	for n, f := range drain(t, s.read(t, l, Pos{})) {
		if f.n != uint64(n) || f.pos != positions[n] {
			t.Errorf("event %d at %v, want event %d at %v", f.n, f.pos, n, positions[n])
		}
	}
}

// contractResumed: from each record's Next the rest is read, over segment ends and in another process too.
func contractResumed(t *testing.T, s store) {
	const events = 20
	l := s.open(t)
	for n := range uint64(events) {
		appendOne(t, l, n, 9000)
	}
	mustClose(t, l)
	l = s.open(t)
	mustClose(t, l)
	from := Pos{}
	for n := range uint64(events) {
		got := numbers(drain(t, s.read(t, l, from)))
		if want := upTo(events)[n:]; !slices.Equal(got, want) {
			t.Fatalf("from %v: read %v, want %v", from, got, want)
		}
		r := s.read(t, l, from)
		rec, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		from = rec.Next
		r.Close()
	}
}

func contractReaderWaits(t *testing.T, s store) {
	l := s.open(t)
	r := s.read(t, l, Pos{})
	defer r.Close()
	for n := range uint64(3) {
		got := make(chan Record)
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

func contractContextEnds(t *testing.T, s store) {
	l := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := s.read(t, l, Pos{})
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

func contractClosed(t *testing.T, s store) {
	l := s.open(t)
	waiting := s.read(t, l, Pos{})
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
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("waiting Next = %v, want %v", err, ErrClosed)
	}
	if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)}); !errors.Is(err, ErrClosed) {
		t.Errorf("Append = %v, want %v", err, ErrClosed)
	}
	if got := numbers(drain(t, s.read(t, l, Pos{}))); !slices.Equal(got, []uint64{1}) {
		t.Errorf("after Close read %v, want [1]", got)
	}
	waiting.Close()
}

func mustClose(t testing.TB, l appender) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// drain reads until the log's end and closes the reader.
func drain(t testing.TB, r follower) []found {
	t.Helper()
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
