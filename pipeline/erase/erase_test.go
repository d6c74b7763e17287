package erase_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/erase"
	"heed/schemas"
)

var errAway = errors.New("store is away")

// fakeStore is a store that fails on command.
type fakeStore struct {
	mu        sync.Mutex
	withdrawn map[clickhouse.Withdrawal]time.Time // since when it can be read
	marked    map[clickhouse.Withdrawal]bool
	rows      map[clickhouse.RecordKey]uint64
	clicks    map[clickhouse.RecordKey]uint64
	listed    map[clickhouse.RecordKey]uint64
	letters   []clickhouse.DeadLetter
	replaced  time.Time // when parts were replaced last
	fault     func(call string) (before, after bool)
	calls     []string
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		withdrawn: map[clickhouse.Withdrawal]time.Time{}, marked: map[clickhouse.Withdrawal]bool{},
		rows: map[clickhouse.RecordKey]uint64{}, clicks: map[clickhouse.RecordKey]uint64{}, listed: map[clickhouse.RecordKey]uint64{},
		fault: func(string) (bool, bool) { return false, false },
	}
}

// call runs one call, or lets it fail before or after its effect.
func (s *fakeStore) call(ctx context.Context, name string, effect func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	before, after := s.fault(name)
	if before || ctx.Err() != nil {
		return errors.Join(errAway, ctx.Err())
	}
	effect()
	if after {
		return errAway
	}
	return nil
}

func (s *fakeStore) Unerased(ctx context.Context, readable time.Duration, limit int) (found []clickhouse.Withdrawal, err error) {
	err = s.call(ctx, "unerased", func() {
		for w, since := range s.withdrawn {
			if !s.marked[w] && time.Since(since) >= readable && len(found) < limit {
				found = append(found, w)
			}
		}
	})
	return found, err
}

func (s *fakeStore) Backlog(ctx context.Context) (n uint64, oldest time.Duration, err error) {
	err = s.call(ctx, "backlog", func() {
		for w, since := range s.withdrawn {
			if !s.marked[w] {
				n++
				oldest = max(oldest, time.Since(since))
			}
		}
	})
	return n, oldest, err
}

func (s *fakeStore) EraseRows(ctx context.Context, keys []clickhouse.RecordKey) error {
	err := s.call(ctx, "list", func() {
		for _, key := range keys {
			s.listed[key] = max(s.listed[key], s.rows[key])
		}
	})
	if err != nil {
		return err
	}
	return s.call(ctx, "erase", func() {
		for _, key := range keys {
			if s.rows[key] > 0 {
				s.replaced = time.Now()
			}
			delete(s.rows, key)
		}
	})
}

func (s *fakeStore) EraseClickIDs(ctx context.Context, keys []clickhouse.RecordKey) error {
	return s.call(ctx, "strip", func() {
		for _, key := range keys {
			delete(s.clicks, key)
		}
	})
}

func (s *fakeStore) DeadWith(ctx context.Context, _ [][16]byte, yield func(clickhouse.DeadLetter) error) (err error) {
	failed := s.call(ctx, "dead", func() {
		for _, letter := range s.letters {
			if err = yield(letter); err != nil {
				return
			}
		}
	})
	return errors.Join(failed, err)
}

func (s *fakeStore) Now(ctx context.Context) (time.Time, error) {
	return time.Now(), s.call(ctx, "now", func() {})
}

// Lingering keeps replaced parts for eight minutes.
func (s *fakeStore) Lingering(ctx context.Context, replaced time.Time) (parts uint64, err error) {
	err = s.call(ctx, "lingering", func() {
		if !s.replaced.After(replaced) && time.Since(s.replaced) < 8*time.Minute {
			parts = 1
		}
	})
	return parts, err
}

func (s *fakeStore) MarkErased(ctx context.Context, withdrawals []clickhouse.Withdrawal, _ time.Time) error {
	return s.call(ctx, "mark", func() {
		for _, w := range withdrawals {
			s.marked[w] = true
		}
	})
}

func (s *fakeStore) ErasedTotals(ctx context.Context, _ ...string) (map[string]uint64, error) {
	totals := map[string]uint64{}
	err := s.call(ctx, "totals", func() {
		for key, n := range s.listed {
			totals[key.Site] += n
		}
	})
	return totals, err
}

// Withdraw takes letters whose bytes name their record.
func (s *fakeStore) Withdraw(ctx context.Context, letter clickhouse.DeadLetter, records map[clickhouse.RecordKey]bool) (did bool, err error) {
	err = s.call(ctx, "letter", func() {
		for key := range records {
			if string(letter.Envelope) == fmt.Sprint(key) {
				s.letters = slices.DeleteFunc(s.letters, func(l clickhouse.DeadLetter) bool { return l.Source == letter.Source })
				did = true
			}
		}
	})
	return did, err
}

func withdrawal(n int, keeps uint8) clickhouse.Withdrawal {
	w := clickhouse.Withdrawal{Site: fmt.Sprint("site-", n%2), Keeps: keeps}
	binary.BigEndian.PutUint64(w.Record[8:], uint64(n+1))
	return w
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// withdraw fills the store with what n visitors have withdrawn just now: every third keeps performance.
func (s *fakeStore) withdraw(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		w := withdrawal(i, 0)
		if i%3 == 2 {
			w = withdrawal(i, 4)
		}
		s.withdrawn[w] = time.Now()
		s.rows[w.Key()], s.clicks[w.Key()] = uint64(i), 1
		s.letters = append(s.letters, clickhouse.DeadLetter{Envelope: []byte(fmt.Sprint(w.Key()))})
		s.letters[len(s.letters)-1].Source.Offset = uint64(i)
	}
}

// start runs routines until the test's bubble ends.
func start(t *testing.T, store *fakeStore, n int) (routines []*erase.Routine) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range n {
		r := erase.New(store, store, quiet())
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Errorf("Run = %v, want no error", err)
			}
		})
		routines = append(routines, r)
	}
	t.Cleanup(func() { stop(); running.Wait() })
	return routines
}

// Nothing is touched before a withdrawal has settled, nor finished before its parts are gone; then all of it is, and what
// is not withdrawn stays.
func TestRunErases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.withdraw(7)
		other := withdrawal(100, 0)
		store.rows[other.Key()] = 3
		store.letters = append(store.letters, clickhouse.DeadLetter{Source: schemas.Source{Offset: 1000}, Envelope: []byte("of somebody else")})
		r := start(t, store, 1)[0]
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		store.mu.Lock()
		if slices.Contains(store.calls, "list") || len(store.rows) != 8 {
			t.Errorf("something was erased after four minutes: %v", store.calls)
		}
		store.mu.Unlock()
		time.Sleep(8 * time.Minute) // the next pass has begun, and waits for the disk
		synctest.Wait()
		store.mu.Lock()
		if len(store.rows) != 1+2 || len(store.marked) != 0 {
			t.Errorf("rows of %d records are left and %d withdrawals finished, want 3 and none yet", len(store.rows), len(store.marked))
		}
		store.mu.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		store.mu.Lock()
		if len(store.marked) != 7 || len(store.clicks) != 5 || len(store.letters) != 1 {
			t.Errorf("%d withdrawals finished, click ids of %d, %d letters left; want 7, 5 whose rows are gone, 1", len(store.marked), len(store.clicks), len(store.letters))
		}
		want := map[string]uint64{"site-0": 0 + 4 + 6, "site-1": 1 + 3}
		if got := r.Totals(); !maps.Equal(got, want) {
			t.Errorf("Totals = %v, want %v", got, want)
		}
		before := len(store.calls)
		store.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		store.mu.Lock()
		defer store.mu.Unlock()
		if late := store.calls[before:]; slices.Contains(late, "erase") {
			t.Errorf("calls once all is done = %v, want none that erases", late)
		}
	})
}

// Several routines, each of whose calls fails now and then before or after its effect: everything ends, and counts once.
func TestRunThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, n := newFakeStore(), 0
		store.withdraw(30)
		want := map[string]uint64{}
		for w := range store.withdrawn {
			if w.Keeps == 0 {
				want[w.Site] += store.rows[w.Key()]
			}
		}
		store.fault = func(string) (before, after bool) {
			n++
			return n%5 == 0, n%7 == 0
		}
		routines := start(t, store, 3)
		time.Sleep(24 * time.Hour)
		store.mu.Lock()
		store.fault = func(string) (bool, bool) { return false, false }
		store.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		store.mu.Lock()
		defer store.mu.Unlock()
		if len(store.marked) != 30 || len(store.letters) != 0 {
			t.Errorf("%d withdrawals finished and %d letters left, want 30 and none", len(store.marked), len(store.letters))
		}
		for _, r := range routines {
			if got := r.Totals(); !maps.Equal(got, want) {
				t.Errorf("Totals = %v, want %v", got, want)
			}
		}
	})
}

// More withdrawals than one pass takes do not wait for another pause.
func TestPassSaysThatMoreWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.withdraw(1500)
		time.Sleep(time.Hour)
		r := erase.New(store, nil, quiet())
		for _, want := range []bool{true, false} {
			if more, err := r.Pass(t.Context()); more != want || err != nil {
				t.Errorf("Pass = %v, %v; want %v", more, err, want)
			}
		}
		if len(store.marked) != 1500 {
			t.Errorf("%d withdrawals finished, want 1500", len(store.marked))
		}
	})
}
