package load_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/schemas"
)

// granted is the n-th event, with the consent record that it has among many, and a click id.
func granted(n int) *schemas.Envelope {
	ev := event(n)
	key := recordKey(n % 4)
	ev.Record, ev.Categories, ev.ClickIdKind, ev.ClickId = key.Record[:], 13, "gclid", fmt.Sprint("click-", n)
	return ev
}

func recordKey(n int) clickhouse.RecordKey {
	return clickhouse.RecordKey{Site: "demo", Record: [16]byte{0: 9, 15: byte(n)}}
}

func (s *fakeStore) withdraw(keeps uint8, keys ...clickhouse.RecordKey) {
	if s.ended == nil {
		s.ended = map[clickhouse.RecordKey]uint8{}
	}
	for _, key := range keys {
		s.ended[key] = keeps
	}
}

// erase is what the deletion routine does.
func (s *fakeStore) erase(key clickhouse.RecordKey) {
	s.rows = slices.DeleteFunc(s.rows, func(row clickhouse.Row) bool {
		gone := key.Site == row.Envelope.Site && string(row.Envelope.Record) == string(key.Record[:])
		if gone && !slices.Contains(s.erased, row.Source) {
			s.erased = append(s.erased, row.Source)
		}
		return gone
	})
}

func TestRunDropsWithdrawn(t *testing.T) {
	f := func(name string, prepare func(*bed, *fakeStore)) {
		t.Run(name, func(t *testing.T) {
			store := newFakeStore()
			store.withdraw(0, recordKey(1), clickhouse.RecordKey{Site: "elsewhere", Record: recordKey(0).Record})
			store.withdraw(4, recordKey(2))
			b := newBed(t, store)
			prepare(b, store)
			for i := range 40 {
				b.append(granted(i))
			}
			l := b.run()
			stripped := 0
			for _, row := range store.rows {
				n := binary.BigEndian.Uint64(row.Envelope.Id[8:])
				ev := row.Envelope
				if want := fmt.Sprint("click-", n); n%4 == 1 || n%4 != 2 && (ev.ClickId != want || ev.Categories != 13) {
					t.Errorf("event %d is stored with click id %q and categories %d", n, ev.ClickId, ev.Categories)
				}
				if n%4 == 2 && ev.ClickId == "" && ev.ClickIdKind == "" && ev.Categories == 5 {
					stripped++
				}
			}
			want := load.Ends{Stored: 30, Withdrawn: 10}
			if got := l.Progress().Sites["demo"]; got != want || stripped != 10 || len(store.rows) != 30 {
				t.Errorf("ends = %+v, %d rows, %d without click ids; want %+v, 30, 10", got, len(store.rows), stripped, want)
			}
		})
	}
	f("held in memory", func(*bed, *fakeStore) {})
	f("too many to hold", func(b *bed, store *fakeStore) {
		b.withdrawals = load.NewWithdrawals(store, nil)
		b.withdrawals.SetLimit(1)
	})
}

// The store is asked once in a second, and not at all for rows that carry no record.
func TestWithdrawalsAreAskedForSeldom(t *testing.T) {
	f := func(event func(int) *schemas.Envelope, want int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			store, asked := newFakeStore(), 0
			store.fault = func(call string) (bool, bool, bool) {
				if call == "withdrawn" {
					asked++
				}
				return false, false, false
			}
			b := newBed(t, store)
			for i := range 70 { // ten batches of two blocks
				b.append(event(i))
			}
			b.run()
			if asked != want {
				t.Errorf("the store was asked for withdrawals %d times, want %d", asked, want)
			}
		})
	}
	f(granted, 1)
	f(event, 0)
}

// Withdrawn while the store is away, and the rows have their places in a plan: nothing of it is sent any more.
func TestWithdrawnWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, start := newFakeStore(), time.Now()
		store.fault = func(call string) (before, after, forget bool) {
			if time.Since(start) > 20*time.Second {
				store.withdraw(0, recordKey(1))
			}
			return call == "insert" && time.Since(start) < time.Minute, false, false
		}
		b := newBed(t, store)
		for i := range 7 {
			b.append(granted(i))
		}
		l := b.run()
		want := load.Ends{Stored: 5, Withdrawn: 2}
		if got := l.Progress().Sites["demo"]; got != want || len(store.rows) != 5 {
			t.Errorf("ends = %+v and %d rows, want %+v and 5", got, len(store.rows), want)
		}
	})
}

// A row that was stored by an insert of unknown outcome, and then withdrawn, is counted by who takes it away; one that
// was not stored is counted by the loader. Either way once.
func TestWithdrawnBetweenInsertAndReadBack(t *testing.T) {
	f := func(name string, stored, erased bool, want load.Ends) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, start := newFakeStore(), time.Now()
				inserts := 0
				store.fault = func(call string) (before, after, forget bool) {
					if time.Since(start) > 20*time.Second {
						store.withdraw(0, recordKey(1))
					}
					late := time.Since(start) > time.Minute
					if late && erased {
						store.erase(recordKey(1))
					}
					if call == "insert" {
						inserts++
					}
					first := call == "insert" && inserts == 1
					return first && !stored || call == "present" && !late, first && stored, false
				}
				b := newBed(t, store)
				b.append(granted(5), granted(9), granted(7), granted(3), granted(11)) // one block; the first two carry record 1
				l := b.run()
				if got := l.Progress().Sites["demo"]; got != want {
					t.Errorf("ends = %+v, want %+v", got, want)
				}
				rows := 5 - 2
				if stored && !erased {
					rows = 5 // the deletion routine is still to come
				}
				if len(store.rows) != rows {
					t.Errorf("store has %d rows, want %d", len(store.rows), rows)
				}
			})
		})
	}
	f("stored", true, false, load.Ends{Stored: 5})
	f("stored and erased", true, true, load.Ends{Stored: 5})
	f("not stored", false, false, load.Ends{Stored: 3, Withdrawn: 2})
}

// distantStore takes its time to read back, and calls meanwhile in the middle of that.
type distantStore struct {
	*fakeStore
	takes     time.Duration
	meanwhile func()
}

func (s distantStore) Present(ctx context.Context, origin string, from, to schemas.Source) ([]clickhouse.Stored, error) {
	stored, err := s.fakeStore.Present(ctx, origin, from, to)
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meanwhile()
	return stored, err
}

// In a large table it takes longer to read back than an answer as to what was withdrawn is good for. The loader goes on all
// the same, and what is withdrawn meanwhile is not sent.
func TestSlowReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, inserts := newFakeStore(), 0
		store.fault = func(call string) (before, after, forget bool) {
			if call == "insert" {
				inserts++
			}
			return call == "insert" && inserts == 1, false, false
		}
		b := newBed(t, distantStore{store, 40 * time.Second, func() { store.withdraw(0, recordKey(1)) }})
		b.append(granted(5), granted(9), granted(7), granted(3), granted(11)) // one block; the first two carry record 1
		if err := b.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := b.open()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Run(ctx); err != nil {
			t.Fatalf("Run: %v", err)
		}
		want := load.Ends{Stored: 3, Withdrawn: 2}
		if got := l.Progress().Sites["demo"]; got != want || len(store.rows) != 3 {
			t.Errorf("ends = %+v and %d rows, want %+v and 3", got, len(store.rows), want)
		}
	})
}

// Loaders take over from each other in any order while the store fails and visitors withdraw. Once the deletion routine
// has run nothing withdrawn is left or comes back, everything else is there once, and each event has one end.
func TestPausedLoadersAndWithdrawals(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { withdrawInAnyOrder(t, rand.New(rand.NewPCG(seed, 0))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func withdrawInAnyOrder(t *testing.T, random *rand.Rand) {
	const events = 40
	var mu sync.Mutex
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	p, store := mixedOf(t, events, granted) // the refused one and a double carry record 0
	store.failAtRandom(intN)
	var visitors sync.WaitGroup
	for n := range 2 { // records 0 and 1
		visitors.Go(func() {
			time.Sleep(time.Duration(intN(900)) * time.Second)
			store.mu.Lock()
			store.withdraw(0, recordKey(n))
			store.mu.Unlock()
			time.Sleep(5 * time.Minute)
			store.mu.Lock()
			store.erase(recordKey(n))
			store.mu.Unlock()
		})
	}
	p.runPaused(t, store, intN)
	visitors.Wait()
	seen := map[uint64]int{}
	for _, row := range store.rows {
		seen[binary.BigEndian.Uint64(row.Envelope.Id[8:])]++
	}
	for n := range uint64(events) {
		if want := int(min(n%4/2, 1)); seen[n] != want {
			t.Errorf("event %d is stored %d times, want %d", n, seen[n], want)
		}
	}
	store.checkWithdrawnEnds(t, events)
}

// checkWithdrawnEnds fails unless what the batches count and what was erased adds up.
func (s *fakeStore) checkWithdrawnEnds(t *testing.T, events int) {
	t.Helper()
	sum, counted := load.Ends{}, map[string]clickhouse.LoadEnds{}
	for _, e := range s.ends { // the latest row of a range is the one that counts
		if name := fmt.Sprint(e.Partition, e.From, e.Site); !e.At.Before(counted[name].At) {
			counted[name] = e
		}
	}
	for _, e := range counted {
		sum.Stored, sum.Duplicates, sum.Withdrawn, sum.Dead = sum.Stored+e.Stored, sum.Duplicates+e.Duplicates, sum.Withdrawn+e.Withdrawn, sum.Dead+e.Dead
	}
	if stored := uint64(len(s.rows) + len(s.erased)); sum.Stored != stored || sum.Total() != uint64(events+4) {
		t.Errorf("ends add up to %+v, want %d stored and %d in all; %d were erased", sum, stored, events+4, len(s.erased))
	}
}

// Nothing withdrawn comes back by a replay from zero into an empty table.
func TestReplayLeavesOutWithdrawn(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	p := newPartition(t, "topic.1", 3)
	for i := range 40 {
		p.append(granted(i))
	}
	p.close()
	if err := p.open(store, store).Run(ctx); err != nil {
		t.Fatal(err)
	}
	again := clickhousetest.Open(t)
	withdrawals := []clickhouse.Withdrawal{{Site: "demo", Record: recordKey(1).Record, At: time.Now()}, {Site: "demo", Record: recordKey(2).Record, Keeps: 5, At: time.Now()}}
	if err := again.PutWithdrawn(ctx, withdrawals); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		progress, err := p.replay(ctx, load.ReplayConfig{}, again)
		if err != nil || progress.Read != 40 || progress.Excluded != 10 {
			t.Errorf("Replay = %+v, %v; want 40 read and 10 excluded", progress, err)
		}
	}
	conn, err := clickhousetest.Connect(again)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var rows, clicks uint64
	if err := conn.QueryRow(ctx, "SELECT count(), countIf(notEmpty(click_id)) FROM events").Scan(&rows, &clicks); err != nil || rows != 30 || clicks != 20 {
		t.Errorf("rows and click ids after Replay = %d, %d, %v; want 30, 20", rows, clicks, err)
	}
}

// A dead letter of somebody who has withdrawn is dropped instead of replayed.
func TestLettersOfTheWithdrawnAreDropped(t *testing.T) {
	ctx, store := context.Background(), clickhousetest.Open(t)
	var dead []clickhouse.DeadLetter
	for i := range 8 {
		raw, err := granted(i).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		dead = append(dead, clickhouse.DeadLetter{Time: time.Now(), Reason: "for a test", Envelope: raw, Source: schemas.Source{Origin: "o", Offset: uint64(i)}})
	}
	if err := store.InsertDead(ctx, "t", dead); err != nil {
		t.Fatal(err)
	}
	if err := store.PutWithdrawn(ctx, []clickhouse.Withdrawal{{Site: "demo", Record: recordKey(1).Record, At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	letters := load.NewDeadLetters(store, logger(), nil)
	got, err := letters.Replay(ctx, load.LetterFilter{}, store, func(letter load.Letter, err error) { t.Errorf("letter %v: %v", letter.Source, err) })
	if want := (load.Revival{Loaded: 6, Withdrawn: 2}); got != want || err != nil {
		t.Errorf("Replay = %+v, %v; want %+v", got, err, want)
	}
	dropped, err := letters.Show(ctx, schemas.Source{Origin: "o", Offset: 5})
	if err != nil || dropped.State != load.Dropped || len(dropped.Envelope) > 0 {
		t.Errorf("Show = %+v, %v; want it dropped and without bytes", dropped, err)
	}
}

// slowStore takes its time over each insert.
type slowStore struct{ *fakeStore }

func (s slowStore) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	time.Sleep(15 * time.Second)
	return s.fakeStore.InsertBlock(ctx, token, b)
}

// slowPlans take their time over each plan.
type slowPlans struct {
	load.Plans
	write func()
}

func (p slowPlans) Write(ctx context.Context, plan load.Plan) error {
	p.write()
	return p.Plans.Write(ctx, plan)
}

// Withdrawn between the question and the stamp, which waits for a proof of the plan: the question is asked again.
func TestWithdrawnWhileThePlanIsProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, writes := newFakeStore(), 0
		b := newBed(t, store)
		for i := range 7 { // two blocks; the plan is proved anew before the second
			b.append(granted(i))
		}
		plans, err := load.FilePlans(b.dir)
		if err != nil {
			t.Fatal(err)
		}
		slow := slowPlans{plans, func() {
			if writes++; writes == 2 {
				time.Sleep(time.Minute)
				store.withdraw(0, recordKey(0), recordKey(1))
			}
		}}
		l, err := load.Open(t.Context(), load.Config{MaxRows: 7}, load.Parts{Log: load.Local(b.log), Plans: slow, Store: slowStore{store}, Dead: store}, logger())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Run(t.Context()); err != nil {
			t.Fatalf("Run = %v, want no error", err)
		}
		want := load.Ends{Stored: 5, Withdrawn: 2} // 1 and 5; those of record 0 were stored before
		if got := l.Progress().Sites["demo"]; got != want {
			t.Errorf("ends = %+v, want %+v", got, want)
		}
	})
}
