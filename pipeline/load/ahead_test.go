package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/schemas"
)

// watchedStore tells what is prepared and what is inserted, in order, as the first path of each block. Rows of a block
// that was prepared may not change, so it remembers them.
type watchedStore struct {
	*fakeStore
	mu       sync.Mutex
	steps    []string
	prepared map[*clickhouse.Block][]clickhouse.Row
	insert   func(n int, b *clickhouse.Block) error // before the n-th insert, from 1 on; nil for nothing
	inserts  int
}

func (s *watchedStore) Prepare(b *clickhouse.Block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared == nil {
		s.prepared = map[*clickhouse.Block][]clickhouse.Row{}
	}
	s.prepared[b] = slices.Clone(b.Rows)
	s.steps = append(s.steps, "prepare "+b.Rows[0].Envelope.Path)
}

func (s *watchedStore) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	s.mu.Lock()
	s.inserts++
	n := s.inserts
	s.steps = append(s.steps, "insert "+b.Rows[0].Envelope.Path)
	for i, row := range s.prepared[b] {
		row.Loaded = b.Rows[i].Loaded
		if row != b.Rows[i] {
			s.mu.Unlock()
			return fmt.Errorf("row %d has changed since it was prepared", i)
		}
	}
	s.mu.Unlock()
	if s.insert != nil {
		if err := s.insert(n, b); err != nil {
			return err
		}
	}
	return s.fakeStore.InsertBlock(ctx, token, b)
}

// aheadOf opens a loader of a partition over a watched store.
func aheadOf(t *testing.T, p *partition, store *watchedStore, cfg load.Config) *load.Loader {
	t.Helper()
	m := p.join()
	cfg.OnePartition, cfg.MaxWait = true, 1
	l, err := load.Open(t.Context(), cfg, load.Parts{Log: m, Plans: m, Store: store, Dead: store, Ends: store}, logger())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// evenEvents are n events of one month.
func evenEvents(first, n int) (evs []*schemas.Envelope) {
	for i := range n {
		evs = append(evs, event(2*(first+i)))
	}
	return evs
}

// While a batch is inserted the next one is prepared, and none behind that.
func TestRunPreparesOneBatchAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 32)...)
		p.close()
		store.insert = func(int, *clickhouse.Block) error { time.Sleep(time.Second); return nil }
		if err := aheadOf(t, p, store, load.Config{MaxRows: 8}).Run(t.Context()); err != nil {
			t.Fatalf("Run = %v", err)
		}
		want := []string{"prepare /page/0", "insert /page/0", "prepare /page/16", "insert /page/16", "prepare /page/32",
			"insert /page/32", "prepare /page/48", "insert /page/48"}
		for i := 1; i+1 < len(store.steps); i += 2 {
			slices.Sort(store.steps[i : i+2]) // an insert and the preparing of the next begin at one time, in any order
		}
		if !slices.Equal(store.steps, want) {
			t.Errorf("the steps were %q, want %q", store.steps, want)
		}
	})
}

// A batch is prepared after its predecessor's insert has begun, and before it has ended. That insert waits for it here.
func TestRunPreparesDuringTheInsert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 16)...)
		p.close()
		store.insert = func(n int, _ *clickhouse.Block) error {
			synctest.Wait()
			store.mu.Lock()
			defer store.mu.Unlock()
			if n == 1 && len(store.prepared) != 2 {
				t.Errorf("during the first insert %d blocks are prepared, want also the next: %q", len(store.prepared), store.steps)
			}
			return nil
		}
		if err := aheadOf(t, p, store, load.Config{MaxRows: 8}).Run(t.Context()); err != nil {
			t.Fatalf("Run = %v", err)
		}
	})
}

// The copies of events that are still under way are no rows of the next batch: unmarked, which memory has to know, and
// marked, which ClickHouse cannot know yet.
func TestRunKnowsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 8)...)
		copies := evenEvents(0, 8)
		for i, ev := range copies {
			ev.Retried = i%2 == 0
		}
		p.append(copies...)
		p.append(evenEvents(8, 8)...)
		p.close()
		store.insert = func(int, *clickhouse.Block) error { time.Sleep(time.Second); return nil }
		l := aheadOf(t, p, store, load.Config{MaxRows: 8, RecentIDs: 1})
		if err := l.Run(t.Context()); err != nil {
			t.Fatalf("Run = %v", err)
		}
		if got := l.Totals(); len(store.rows) != 16 || got != (load.Totals{Loaded: 16, Doubles: 8}) {
			t.Errorf("store has %d rows, Totals() = %+v, want 16 loaded, 8 doubles", len(store.rows), got)
		}
	})
}

// What a batch was prepared with is forgotten when its predecessor does not come to rest as it was supposed to: a row
// that ClickHouse refuses is not stored, so its copy in the next batch is no double.
func TestRunPreparesAnewBehindARefusedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 8)...)
		p.append(event(2 * 3))
		p.append(evenEvents(8, 7)...)
		p.close()
		store.refuse = func(row clickhouse.Row) bool { return row.Source.Offset == 3 }
		l := aheadOf(t, p, store, load.Config{MaxRows: 8})
		if err := l.Run(t.Context()); err != nil {
			t.Fatalf("Run = %v", err)
		}
		if got := l.Totals(); len(store.rows) != 15 || got != (load.Totals{Loaded: 15, Dead: 1}) {
			t.Errorf("store has %d rows, Totals() = %+v, want 15 loaded, 1 dead", len(store.rows), got)
		}
	})
}

// What was looked up for a batch is looked up again when its predecessor took long: ClickHouse may have got more since.
func TestRunPreparesAnewAfterALongInsert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 8)...)
		retried := event(100)
		retried.Retried = true
		p.append(retried)
		p.close()
		store.insert = func(n int, _ *clickhouse.Block) error {
			if time.Sleep(30 * time.Second); n == 1 { // from somewhere else, a dead letter that was replayed
				store.mu.Lock() // what is ahead may look something up
				defer store.mu.Unlock()
				store.rows = append(store.rows, clickhouse.Row{Envelope: event(100), Source: schemas.Source{Origin: "elsewhere"}})
			}
			return nil
		}
		l := aheadOf(t, p, store, load.Config{MaxRows: 8})
		if err := l.Run(t.Context()); err != nil {
			t.Fatalf("Run = %v", err)
		}
		if got := l.Totals(); got != (load.Totals{Loaded: 8, Doubles: 1}) {
			t.Errorf("Totals() = %+v, want 8 loaded, 1 double", got)
		}
	})
}

// A Loader that loses its partition during an insert has written nothing of what is ahead of it, not even a plan.
func TestRunWritesNothingOfWhatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		p.append(evenEvents(0, 24)...)
		p.close()
		store.insert = func(n int, _ *clickhouse.Block) error {
			if synctest.Wait(); n == 1 {
				p.join()
			}
			return nil
		}
		l := aheadOf(t, p, store, load.Config{MaxRows: 8})
		if err := l.Run(t.Context()); !errors.Is(err, load.ErrFenced) {
			t.Fatalf("Run = %v, want ErrFenced", err)
		}
		if len(store.prepared) < 2 || store.inserts != 1 || p.plan.To != p.at(8) || len(store.rows) != 8 {
			t.Errorf("%d blocks prepared, %d inserted, %d rows, plan up to %v; want only the first inserted",
				len(store.prepared), store.inserts, len(store.rows), p.plan.To)
		}
	})
}

// A generation of ids ends between two batches: the first copy of an event of the second is forgotten before that is
// looked at, so ClickHouse is asked for it.
func TestRunForgetsBetweenBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
		l := aheadOf(t, p, store, load.Config{MaxRows: 8, RecentIDs: 40}) // two generations of 20
		ended := make(chan error, 1)
		go func() { ended <- l.Run(t.Context()) }()
		time.Sleep(time.Minute)
		first := event(0)
		for batch := range 6 {
			evs := evenEvents(8*batch, 8)
			if batch == 5 {
				evs[7] = event(0)
				evs[7].ReceivedMs = first.ReceivedMs // both came at once, one was held up
			}
			p.append(evs...)
			time.Sleep(time.Minute)
		}
		p.close()
		if err := <-ended; err != nil {
			t.Fatalf("Run = %v", err)
		}
		if got := l.Totals(); got != (load.Totals{Loaded: 47, Doubles: 1}) {
			t.Errorf("Totals() = %+v, want 47 loaded, 1 double", got)
		}
	})
}

// The store fails at random, also with what is ahead, and loaders die at random moments. Each event is there once.
func TestRunAheadThroughFaults(t *testing.T) {
	for range 30 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		synctest.Test(t, func(t *testing.T) { aheadThroughFaults(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func aheadThroughFaults(t *testing.T, random *rand.Rand) {
	const events = 120
	var mu sync.Mutex
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	p, store := newPartition(t, "topic.1", 3), &watchedStore{fakeStore: newFakeStore()}
	for i := range events {
		p.append(event(i))
		if back := i - intN(12); intN(3) == 0 && back >= 0 { // of the same batch, or of the one before
			double := event(back)
			double.Retried = intN(2) == 0
			p.append(double)
		}
	}
	p.close()
	store.failAtRandom(intN)
	store.insert = func(int, *clickhouse.Block) error {
		time.Sleep(time.Duration(intN(20)) * time.Second)
		return nil
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(intN(10))*time.Minute)
		err := aheadOf(t, p, store, load.Config{MaxRows: 1 + intN(12), RecentIDs: 1 + intN(200)}).Run(ctx)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Run = %v, want nil or the end of its time", err)
		}
	}
	time.Sleep(2 * time.Minute) // for what is late
	store.checkOnce(t, events)
}
