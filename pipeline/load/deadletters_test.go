package load_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/schemas"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }

// graves is a real store with letters: one whose event can be a row now, one of the same event, one that never can, and
// the second again, as a crash leaves it.
func graves(t *testing.T) (*clickhouse.Store, *load.DeadLetters) {
	t.Helper()
	store := clickhousetest.Open(t)
	fine := encode(t, event(1))
	broken := event(2)
	broken.Id = broken.Id[:3]
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	letter := func(offset uint64, reason string, raw []byte) clickhouse.DeadLetter {
		return clickhouse.DeadLetter{Time: at, Reason: reason, Envelope: raw, Source: schemas.Source{Origin: "topic.1", Partition: 3, Offset: offset}}
	}
	letters := []clickhouse.DeadLetter{letter(1, "refused", fine), letter(2, "refused", fine), letter(3, "id", encode(t, broken))}
	if err := store.InsertDead(t.Context(), "a", letters); err != nil {
		t.Fatal(err)
	}
	if err := store.InsertDead(t.Context(), "b", letters[1:2]); err != nil {
		t.Fatal(err)
	}
	return store, load.NewDeadLetters(store, logger(), nil)
}

func encode(t *testing.T, ev *schemas.Envelope) []byte {
	t.Helper()
	raw, err := ev.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// listed returns position and state of all letters that the filter selects.
func listed(t *testing.T, letters *load.DeadLetters, filter load.LetterFilter) (all []string) {
	t.Helper()
	err := letters.Each(t.Context(), filter, func(l load.Letter) error {
		all = append(all, load.FormatSource(l.Source)+" "+string(l.State))
		return nil
	})
	if err != nil {
		t.Fatalf("Each(%+v) = %v", filter, err)
	}
	return all
}

func TestDeadLettersEach(t *testing.T) {
	_, letters := graves(t)
	f := func(filter load.LetterFilter, want ...string) {
		t.Helper()
		if got := listed(t, letters, filter); !slices.Equal(got, want) {
			t.Errorf("Each(%+v) yields %q, want %q", filter, got, want)
		}
	}
	first, second, third := "topic.1/3/1/0 waiting", "topic.1/3/2/0 waiting", "topic.1/3/3/0 waiting"
	f(load.LetterFilter{}, first, second, third)
	f(load.LetterFilter{Reason: "fuse"}, first, second)
	f(load.LetterFilter{Site: "demo", Origin: "topic.1"}, first, second, third)
	f(load.LetterFilter{Site: "shop"})
	f(load.LetterFilter{Origin: "topic.2"})
	f(load.LetterFilter{Since: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC)})
	f(load.LetterFilter{Until: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)})
}

// A replay loads an event once, from whichever letter, and a second replay adds nothing.
func TestDeadLettersReplay(t *testing.T) {
	store, letters := graves(t)
	replay := func(want load.Revival) {
		t.Helper()
		var failed []string
		got, err := letters.Replay(t.Context(), load.LetterFilter{}, store, func(l load.Letter, err error) {
			failed = append(failed, load.FormatSource(l.Source)+": "+err.Error())
		})
		if err != nil || got != want {
			t.Errorf("Replay = %+v, %v, want %+v", got, err, want)
		}
		if !slices.Equal(failed, []string{"topic.1/3/3/0: id does not have 16 bytes"}) {
			t.Errorf("Replay has failed for %q, want the letter whose id is too short", failed)
		}
	}
	replay(load.Revival{Loaded: 1, Duplicates: 1, Failed: 1})
	replay(load.Revival{Failed: 1})
	checkEvents(t, store, 1, 1)
	if got := listed(t, letters, load.LetterFilter{Ended: true}); !slices.Equal(got, []string{
		"topic.1/3/1/0 replayed", "topic.1/3/2/0 replayed", "topic.1/3/3/0 waiting"}) {
		t.Errorf("Each after Replay yields %q", got)
	}
}

// Whatever step fails, with effect or without, the letters are loaded once in the end.
func TestDeadLettersReplayAfterFaults(t *testing.T) {
	for step := range 8 {
		for _, effect := range []bool{false, true} {
			store := newFakeStore()
			store.dead = append(store.dead, clickhouse.DeadLetter{Time: time.Now().Add(-time.Hour), Reason: "refused",
				Source: schemas.Source{Origin: "topic.1", Offset: 7}, Envelope: encode(t, event(0))})
			ctx, die := context.WithCancel(t.Context())
			calls := 0
			store.fault = func(string) (before, after, forget bool) {
				if calls++; calls != step+1 {
					return false, false, false
				}
				die()
				return !effect, effect, false
			}
			letters := load.NewDeadLetters(store, logger(), nil)
			if _, err := letters.Replay(ctx, load.LetterFilter{}, store, func(load.Letter, error) {}); err == nil && ctx.Err() != nil && !effect {
				t.Errorf("Replay that fails at step %d: want error", step)
			}
			die()
			store.fault = func(string) (bool, bool, bool) { return false, false, false }
			if _, err := letters.Replay(t.Context(), load.LetterFilter{}, store, func(load.Letter, error) {}); err != nil {
				t.Errorf("Replay after a failure at step %d = %v", step, err)
			}
			store.checkOnce(t, 1)
			if got := listed(t, letters, load.LetterFilter{}); len(got) != 0 {
				t.Errorf("after Replay these letters wait: %q", got)
			}
		}
	}
}

func TestDeadLettersDrop(t *testing.T) {
	store, letters := graves(t)
	at, err := load.ParseSource("topic.1/3/2/0")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := letters.Drop(t.Context(), at); err != nil {
			t.Fatalf("Drop = %v", err)
		}
		letter, err := letters.Show(t.Context(), at)
		if err != nil || letter.State != load.Dropped || letter.Reason != "refused" || len(letter.Envelope) != 0 {
			t.Errorf("Show after Drop = %+v, %v, want its reason, no bytes", letter, err)
		}
	}
	if got := listed(t, letters, load.LetterFilter{}); !slices.Equal(got, []string{"topic.1/3/1/0 waiting", "topic.1/3/3/0 waiting"}) {
		t.Errorf("Each after Drop yields %q", got)
	}
	if _, err := letters.Replay(t.Context(), load.LetterFilter{Reason: "refused"}, store, func(load.Letter, error) {}); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, store, 1, 1)
}

func TestDeadLettersFailure(t *testing.T) {
	_, letters := graves(t)
	nowhere := schemas.Source{Origin: "topic.1", Partition: 3, Offset: 9}
	if _, err := letters.Show(t.Context(), nowhere); !errors.Is(err, load.ErrNoLetter) {
		t.Errorf("Show(%v) = %v, want ErrNoLetter", nowhere, err)
	}
	if err := letters.Drop(t.Context(), nowhere); !errors.Is(err, load.ErrNoLetter) {
		t.Errorf("Drop(%v) = %v, want ErrNoLetter", nowhere, err)
	}
	for _, text := range []string{"", "topic.1/3/2", "topic.1/x/2/0", "/1/2/3", "a/1/2/3/4", "a/-1/2/3"} {
		if got, err := load.ParseSource(text); err == nil {
			t.Errorf("ParseSource(%q) = %v, want error", text, got)
		}
	}
}

// checkEvents fails unless the table has that many rows and ids, and its projections agree.
func checkEvents(t *testing.T, store *clickhouse.Store, rows, ids uint64) {
	t.Helper()
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var gotRows, gotIDs uint64
	if err := conn.QueryRow(t.Context(), "SELECT count(), uniqExact(site, id) FROM events").Scan(&gotRows, &gotIDs); err != nil {
		t.Fatal(err)
	}
	if gotRows != rows || gotIDs != ids {
		t.Errorf("events has %d rows of %d ids, want %d of %d", gotRows, gotIDs, rows, ids)
	}
	clickhousetest.CheckProjections(t, store)
}
