package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/schemas"
)

// runThroughFaults starts loaders one after the other until one comes to the end of the log. The store fails and the
// process dies at random steps, with and without effect.
func (b *bed) runThroughFaults(random *rand.Rand) *load.Loader {
	b.t.Helper()
	store := b.store.(*fakeStore)
	for starts := range 1000 {
		ctx, die := context.WithCancel(b.t.Context())
		store.fault = func(call string) (before, after, forget bool) {
			switch random.IntN(12) {
			case 0:
				return true, false, false
			case 1:
				return false, true, false
			case 2:
				die()
				return false, true, false
			case 3:
				die()
				return true, false, false
			case 4:
				return false, false, call == "insert" || call == "dead" || call == "ends"
			}
			return false, false, false
		}
		l := b.open()
		err := l.Run(ctx)
		die()
		if err == nil {
			b.t.Logf("%d starts", starts+1)
			return l
		}
		if !errors.Is(err, context.Canceled) {
			b.t.Fatalf("Run: %v", err)
		}
	}
	b.t.Fatal("did not finish")
	return nil
}

// However often the process dies, every event has one end in the counts that the plan carries.
func TestEndsAddUpAfterFaults(t *testing.T) {
	for range 5 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		synctest.Test(t, func(t *testing.T) { addUpAfterFaults(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func addUpAfterFaults(t *testing.T, random *rand.Rand) {
	store := newFakeStore()
	store.refuse = func(row clickhouse.Row) bool { return strings.HasSuffix(row.Envelope.Path, "7") }
	b := newBed(t, store)
	want := map[string]load.Ends{}
	count := func(site string, more load.Ends) {
		e := want[site]
		want[site] = load.Ends{Stored: e.Stored + more.Stored, Duplicates: e.Duplicates + more.Duplicates, Dead: e.Dead + more.Dead}
	}
	for i := range 300 {
		ev := event(i)
		ev.Site = []string{"demo", "shop"}[random.IntN(2)]
		group := []*schemas.Envelope{ev}
		switch {
		case i%10 == 7:
			count(ev.Site, load.Ends{Dead: 1}) // refused by the store
		case i%10 == 3:
			ev.Id = ev.Id[:3]
			count(ev.Site, load.Ends{Dead: 1})
		case i%10 == 5:
			group = append(group, ev)
			count(ev.Site, load.Ends{Stored: 1, Duplicates: 1})
		case i%100 == 9:
			ev.Site = ""
			count("", load.Ends{Dead: 1})
		default:
			count(ev.Site, load.Ends{Stored: 1})
		}
		b.append(group...)
	}
	if err := b.log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.runThroughFaults(random)
	progress := b.open().Progress() // as the next process would find it
	if !maps.Equal(progress.Sites, want) {
		t.Errorf("Progress().Sites = %v, want %v", progress.Sites, want)
	}
	rows := map[string]uint64{}
	for _, row := range store.rows {
		rows[row.Envelope.Site]++
	}
	dead := uint64(0)
	for site, ends := range progress.Sites {
		if dead += ends.Dead; ends.Stored != rows[site] {
			t.Errorf("Progress().Sites[%q].Stored = %d, the store has %d rows", site, ends.Stored, rows[site])
		}
	}
	graves := map[schemas.Source]bool{} // a dead letter may be there twice after a crash
	for _, letter := range store.dead {
		graves[letter.Source] = true
	}
	if dead != uint64(len(graves)) {
		t.Errorf("Progress() has %d dead letters, the store %d", dead, len(graves))
	}
}

// Counts go on when the log is replaced, and begin where a plan of the first version has none.
func TestOpenKeepsCounts(t *testing.T) {
	b := newBed(t, newFakeStore())
	since := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	f := func(plan map[string]any, want load.Ends, wantSince bool) {
		t.Helper()
		text, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(b.dir, 0o700), os.WriteFile(filepath.Join(b.dir, "plan.json"), text, 0o600)); err != nil {
			t.Fatal(err)
		}
		got := b.open().Progress()
		if got.Sites["demo"] != want || got.Since.Equal(since) != wantSince || got.Since.IsZero() {
			t.Errorf("Progress() with plan %s = %+v, want %+v", text, got, want)
		}
	}
	counts := map[string]any{"demo": map[string]int{"stored": 3, "duplicates": 2, "dead": 1}}
	f(map[string]any{"version": 2, "log": "another", "since": since, "sites": counts}, load.Ends{Stored: 3, Duplicates: 2, Dead: 1}, true)
	f(map[string]any{"version": 2, "log": b.log.ID(), "since": since, "sites": counts}, load.Ends{Stored: 3, Duplicates: 2, Dead: 1}, true)
	f(map[string]any{"version": 1, "log": b.log.ID()}, load.Ends{}, false)
}

// Every insert has a later time of load than all before it, also across starts and when the clock steps back: reports
// draw their line by it.
func TestLoadedGrowsWithEveryInsert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		var stamps []time.Time
		store.inserting = func(rows []clickhouse.Row) {
			stamps = append(stamps, rows[0].Loaded)
			for _, row := range rows {
				if !row.Loaded.Equal(rows[0].Loaded) {
					t.Errorf("one insert has the times %v and %v", rows[0].Loaded, row.Loaded)
				}
			}
		}
		store.refuse = func(row clickhouse.Row) bool { return row.Envelope.Path == "/page/5" } // the block is halved
		b := newBed(t, store)
		for i := range 40 {
			b.append(event(i))
		}
		if err := b.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // the batch that is ahead tells the time, too
		clock, calls := time.Now().Round(0), 0
		b.now = func() time.Time { // it steps back by a minute, again and again
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Millisecond)
			if calls++; calls%15 == 0 {
				clock = clock.Add(-time.Minute)
			}
			return clock
		}
		for start := range 3 {
			ctx, die := context.WithCancel(t.Context())
			inserts := 0
			store.fault = func(call string) (before, after, forget bool) {
				if call == "insert" {
					if inserts++; inserts == 4 && start < 2 {
						die()
						return false, true, false
					}
				}
				return false, false, false
			}
			err := b.open().Run(ctx)
			die()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatalf("Run: %v", err)
			}
		}
		if len(stamps) < 10 {
			t.Fatalf("%d inserts, want at least 10", len(stamps))
		}
		for i := 1; i < len(stamps); i++ {
			if !stamps[i].After(stamps[i-1]) {
				t.Errorf("insert %d has the time %v, not after the %v before it", i, stamps[i], stamps[i-1])
			}
		}
	})
}

// While the plan cannot be written nothing is inserted, and the loader goes on once it can.
func TestRunWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		b := newBed(t, store)
		b.append(event(0))
		l := b.open()
		if err := os.Remove(b.dir); err != nil { // as good as full
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- l.Run(t.Context()) }()
		time.Sleep(time.Minute)
		if received, ok := l.Oldest(); len(store.rows) > 0 || !ok || received.UnixMilli() != event(0).ReceivedMs-60_000 {
			t.Errorf("%d rows without a plan, Oldest() = %v, %v; want none, and the event", len(store.rows), received, ok)
		}
		if err := os.Mkdir(b.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := b.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatalf("Run: %v", err)
		}
		store.checkOnce(t, 1)
		if _, ok := l.Oldest(); ok || l.Progress().Sites["demo"] != (load.Ends{Stored: 1}) {
			t.Errorf("Progress() = %+v, Oldest known %v; want 1 stored and none in hand", l.Progress(), ok)
		}
	})
}

// Without its plan a loader reads the whole log again, and finds also what was loaded long ago.
func TestRunWithoutPlanDoublesNothing(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	for i := range 20 {
		ev := event(i)
		ev.ReceivedMs -= (3 * time.Hour).Milliseconds()
		b.append(ev)
	}
	b.run()
	for i := range store.rows {
		store.rows[i].Loaded = store.rows[i].Loaded.Add(-2 * time.Hour)
	}
	store.tokens = map[string]time.Time{}
	if err := os.Remove(filepath.Join(b.dir, "plan.json")); err != nil {
		t.Fatal(err)
	}
	if err := b.open().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.checkOnce(t, 20)
}

// Dead letters that were found in several months are stored all the same.
func TestRunBuriesOverMonthsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		b := newBed(t, store)
		for i := range 3 {
			broken := event(i)
			broken.Id = nil
			b.append(broken)
		}
		if err := b.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
		b.now = func() time.Time { clock = clock.AddDate(0, 0, 20); return clock }
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		if err := b.open().Run(ctx); err != nil || len(store.dead) != 3 {
			t.Errorf("Run = %v with %d dead letters, want 3", err, len(store.dead))
		}
	})
}
