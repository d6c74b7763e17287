package load_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// store is all that a Loader stores in.
type store interface {
	load.Store
	load.DeadSink
}

// bed is a log, a store and a folder for plans.
type bed struct {
	t     *testing.T
	log   *wal.Log
	store store
	dir   string
	now   func() time.Time // nil: time.Now

	recentIDs   int               // 0: as many as by default
	withdrawals *load.Withdrawals // nil: the loader's own
}

func newBed(t *testing.T, store store) *bed {
	t.Helper()
	dir := t.TempDir()
	return &bed{t: t, log: openLog(t, filepath.Join(dir, "wal")), store: store, dir: filepath.Join(dir, "load")}
}

func openLog(t *testing.T, dir string) *wal.Log {
	t.Helper()
	log, err := wal.Open(t.Context(), wal.Config{Dir: dir}, logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(context.Background()) })
	return log
}

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
}

func (b *bed) append(evs ...*schemas.Envelope) {
	b.t.Helper()
	if _, err := b.log.Append(b.t.Context(), evs); err != nil {
		b.t.Fatal(err)
	}
}

// run loads all that the log has and closes it.
func (b *bed) run() *load.Loader {
	b.t.Helper()
	if err := b.log.Close(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	l := b.open()
	if err := l.Run(b.t.Context()); err != nil {
		b.t.Fatalf("Run: %v", err)
	}
	return l
}

func (b *bed) open() *load.Loader {
	b.t.Helper()
	plans, err := load.FilePlans(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	parts := load.Parts{Log: load.Local(b.log), Plans: plans, Store: b.store, Dead: b.store, Withdrawals: b.withdrawals}
	l, err := load.Open(b.t.Context(), load.Config{MaxRows: 7, MaxWait: time.Millisecond, RecentIDs: b.recentIDs, Now: b.now}, parts, logger())
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// event makes the n-th event; its time lies in this month or, for odd n, in the month before.
func event(n int) *schemas.Envelope {
	now := time.Now().UTC()
	at := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(n%2) * time.Millisecond)
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return &schemas.Envelope{
		Version: 1, Site: "demo", Id: id, Kind: string(schemas.Page), ReceivedMs: now.UnixMilli(), TimeMs: at.UnixMilli(),
		Jurisdiction: "strictest", RetentionMonths: 25, Path: fmt.Sprintf("/page/%d", n),
	}
}

func TestRunLoadsAllOnce(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	for i := range 50 {
		b.append(event(i))
	}
	l := b.run()
	store.checkOnce(t, 50)
	if got := l.Totals(); got.Loaded != 50 || got.Doubles != 0 || got.Dead != 0 {
		t.Errorf("Totals() = %+v, want 50 loaded and nothing else", got)
	}
}

func TestRunDropsDoubles(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	b.append(event(0), event(1), event(0))
	b.append(event(1))
	for i := 2; i < 30; i++ {
		b.append(event(i))
	}
	retried := event(2)
	retried.Retried = true
	b.append(retried)
	l := b.run()
	store.checkOnce(t, 30)
	if got := l.Totals().Doubles; got != 3 {
		t.Errorf("Totals().Doubles = %d, want 3", got)
	}
}

// Two copies in one batch are told apart however little memory there is.
func TestRunDropsDoublesWithoutMemory(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	b.recentIDs = 1
	b.append(event(0), event(1), event(2), event(0), event(1), event(2))
	b.run()
	store.checkOnce(t, 3)
}

// A double is found in ClickHouse when memory cannot know its first copy.
func TestRunLooksUpWhatMemoryForgot(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	old := event(0)
	old.ReceivedMs -= (3 * time.Hour).Milliseconds()
	store.rows = append(store.rows, clickhouse.Row{Envelope: old, Loaded: time.Now().Add(-2 * time.Hour),
		Source: schemas.Source{Origin: "another log"}})
	late := event(0)
	late.ReceivedMs = old.ReceivedMs + 1
	b.append(late, event(1))
	b.run()
	store.checkOnce(t, 2)
}

// The store fails and the process dies at random steps, with and without effect. In the end each event is there once.
func TestRunSettlesAfterFaults(t *testing.T) {
	for range 10 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		synctest.Test(t, func(t *testing.T) { settleAfterFaults(t, seed) })
	}
}

func settleAfterFaults(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	const events = 300
	store := newFakeStore()
	b := newBed(t, store)
	for i := 0; i < events; i++ {
		if i%10 == 3 {
			b.append(event(i), event(i-1)) // a double of the event before
			continue
		}
		b.append(event(i))
	}
	if err := b.log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.runThroughFaults(random)
	store.checkOnce(t, events)
}

// Rows that a dead process has left in ClickHouse are no doubles of themselves.
func TestRunRecognisesItsOwnRows(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	retried := event(2)
	retried.Retried = true
	b.append(event(0), event(1), retried)
	if err := b.log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, die := context.WithCancel(t.Context())
	store.fault = func(call string) (before, after, forget bool) {
		if call == "insert" {
			die()
		}
		return false, call == "insert", false
	}
	if err := b.open().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Run = %v, want context.Canceled", err)
	}
	if len(store.rows) == 0 {
		t.Fatal("store has no rows, want the first block")
	}
	store.fault = func(string) (bool, bool, bool) { return false, false, false }
	l := b.open()
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.checkOnce(t, 3)
	if got := l.Totals(); got.Loaded != 3 || got.Doubles != 0 {
		t.Errorf("Totals() = %+v, want 3 loaded and no doubles", got)
	}
}

func TestRunBuriesWhatIsRefused(t *testing.T) {
	store := newFakeStore()
	store.refuse = func(row clickhouse.Row) bool { return row.Envelope.Path == "/page/13" }
	b := newBed(t, store)
	for i := range 20 {
		b.append(event(i))
	}
	l := b.run()
	if got := l.Totals(); got.Loaded != 19 || got.Dead != 1 {
		t.Errorf("Totals() = %+v, want 19 loaded and 1 dead", got)
	}
	if len(store.dead) != 1 || len(store.dead[0].Envelope) == 0 {
		t.Fatalf("dead letters = %v, want the refused event", store.dead)
	}
	var ev schemas.Envelope
	if err := ev.UnmarshalVT(store.dead[0].Envelope); err != nil || ev.Path != "/page/13" {
		t.Errorf("dead letter holds %q, %v, want /page/13", ev.Path, err)
	}
}

func TestRunBuriesWhatIsNoEvent(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	broken := event(1)
	broken.Id = broken.Id[:3]
	b.append(event(0), broken)
	b.run()
	store.checkOnce(t, 1)
	if len(store.dead) != 1 || store.dead[0].Source.Event != 1 {
		t.Errorf("dead letters = %+v, want the second event", store.dead)
	}
}

func TestRunStopsAtNewerVersion(t *testing.T) {
	store := newFakeStore()
	b := newBed(t, store)
	newer := event(1)
	newer.Version = 2
	b.append(event(0))
	b.append(newer)
	if err := b.log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.open().Run(t.Context()); err == nil {
		t.Fatal("Run over an envelope of version 2: want error")
	}
	store.checkOnce(t, 1)
	if len(store.dead) != 0 {
		t.Errorf("dead letters = %v, want none: a newer program can read it", store.dead)
	}
}

func TestOpenFailure(t *testing.T) {
	b := newBed(t, newFakeStore())
	f := func(plan string) {
		t.Helper()
		plans, err := load.FilePlans(b.dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.dir, "plan.json"), []byte(plan), 0o600); err != nil {
			t.Fatal(err)
		}
		parts := load.Parts{Log: load.Local(b.log), Plans: plans, Store: b.store, Dead: b.store}
		if _, err := load.Open(t.Context(), load.Config{}, parts, logger()); err == nil {
			t.Errorf("Open with plan %q: want error", plan)
		}
	}
	f("")              // empty
	f("{")             // cut short
	f(`{"version":9}`) // newer
}

// While ClickHouse is slow, inserts become fewer and larger, up to the bounds of a batch; then it is quick again.
func TestRunGathersForLongerWhileTheStoreIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newPartition(t, "topic.1", 3), newFakeStore()
		var slow atomic.Int64
		slow.Store(int64(4 * time.Second))
		var sizes []int
		store.inserting = func(rows []clickhouse.Row) {
			sizes = append(sizes, len(rows))
			time.Sleep(time.Duration(slow.Load()))
		}
		m := p.join()
		l, err := load.Open(t.Context(), load.Config{MaxRows: 100, MaxWait: 500 * time.Millisecond}, load.Parts{
			Log: m, Plans: m, Store: store, Dead: store}, logger())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- l.Run(t.Context()) }()
		for i := range 600 { // ten a second
			p.append(event(2 * i)) // of one month
			time.Sleep(100 * time.Millisecond)
			if i == 400 {
				slow.Store(0)
			}
		}
		p.close()
		if err := <-ended; err != nil {
			t.Fatalf("Run = %v", err)
		}
		if len(store.rows) != 600 || slices.Max(sizes[1:8]) < 70 || slices.Max(sizes) > 100 {
			t.Errorf("Run has inserted %d rows as %v, want blocks of 80 or so while an insert takes 4 s, none above 100", len(store.rows), sizes)
		}
		if last := sizes[len(sizes)-2]; last > 10 {
			t.Errorf("the last full block has %d rows, want those of half a second, as before", last)
		}
	})
}

// A batch ends where its bytes do, however few its rows are.
func TestRunBoundsABatchByBytes(t *testing.T) {
	p, store := newPartition(t, "topic.1", 3), newFakeStore()
	var most int
	store.inserting = func(rows []clickhouse.Row) { most = max(most, len(rows)) }
	for i := range 40 {
		ev := event(2 * i)
		ev.Path = strings.Repeat("x", 1000)
		p.append(ev)
	}
	p.close()
	m := p.join()
	l, err := load.Open(t.Context(), load.Config{MaxBytes: 8000}, load.Parts{Log: m, Plans: m, Store: store, Dead: store}, logger())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context()); err != nil || most < 4 || most > 8 {
		t.Errorf("Run = %v with up to %d rows an insert, want up to 8 of 1,000 bytes each", err, most)
	}
}

// TOO_MANY_PARTS, or whatever else ClickHouse answers while it has too much to do: the loader waits, longer each time,
// and holds no more than one batch.
func TestRunWaitsWhileTheStoreHasTooMuchToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		b := newBed(t, store)
		for i := range 100 {
			b.append(event(i))
		}
		tries := 0
		begin := time.Now()
		store.fault = func(call string) (before, after, forget bool) {
			if call == "insert" {
				tries++
			}
			return call == "insert" && time.Since(begin) < 10*time.Minute, false, false
		}
		b.run()
		store.checkOnce(t, 100)
		if tries > 200 {
			t.Errorf("%d inserts, of which about 30 succeed, want few tries in ten minutes", tries)
		}
	})
}

// Segments whose events are at rest are trimmed, the others stay.
func TestRunTrimsBehindThePlan(t *testing.T) {
	store := newFakeStore()
	dir := t.TempDir()
	log, err := wal.Open(t.Context(), wal.Config{Dir: filepath.Join(dir, "wal"), SegmentBytes: 64 << 10, MaxBytes: 8 << 20}, logger())
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, log: log, store: store, dir: filepath.Join(dir, "load")}
	for i := range 1500 {
		b.append(event(i))
	}
	before := segments(t, filepath.Join(dir, "wal"))
	b.run()
	store.checkOnce(t, 1500)
	if after := segments(t, filepath.Join(dir, "wal")); before < 2 || after >= before {
		t.Errorf("log has %d segments after loading, %d before: want fewer", after, before)
	}
}

func segments(t *testing.T, dir string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "0*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
