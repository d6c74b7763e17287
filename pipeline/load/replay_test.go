package load_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// loaded is a partition of 40 events, four of them twice and one message no event, and the store that has them.
func loaded(t *testing.T) (*partition, *clickhouse.Store) {
	t.Helper()
	p, store := newPartition(t, "topic.1", 3), clickhousetest.Open(t)
	for i := range 40 {
		p.append(event(i))
		if i%10 == 4 {
			double := event(i)
			double.Retried = true
			p.append(double)
		}
	}
	p.add([]byte("no event"))
	p.close()
	if err := p.open(store, store).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, store, 40, 40)
	return p, store
}

// replay replays the whole partition with a state of its own.
func (p *partition) replay(ctx context.Context, cfg load.ReplayConfig, store *clickhouse.Store) (load.ReplayProgress, error) {
	m := p.join()
	cfg.Owner, cfg.MaxRows = m, 8
	state := newPartition(p.t, p.origin, p.number).join()
	return load.Replay(ctx, cfg, load.Parts{Log: m, Plans: state, Store: store, Dead: store}, logger())
}

func TestReplayOntoFullTables(t *testing.T) {
	p, store := loaded(t)
	progress, err := p.replay(t.Context(), load.ReplayConfig{}, store)
	if err != nil || progress.Added != 0 || progress.Read != 45 {
		t.Errorf("Replay = %+v, %v, want 45 events read and none added", progress, err)
	}
	checkEvents(t, store, 40, 40)
	if got := listed(t, load.NewDeadLetters(store, logger(), nil), load.LetterFilter{}); len(got) != 1 {
		t.Errorf("dead letters after Replay: %q, want one", got)
	}
	if got := countDead(t, store); got != 1 {
		t.Errorf("dead_letters has %d rows after Replay, want 1", got)
	}
}

func countDead(t *testing.T, store *clickhouse.Store) (n int) {
	t.Helper()
	err := store.EachDead(t.Context(), time.UnixMilli(0), time.Now().Add(time.Hour), func(clickhouse.DeadLetter) error { n++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReplayIntoEmptyTables(t *testing.T) {
	p, _ := loaded(t)
	empty := clickhousetest.Open(t)
	var left []time.Duration
	cfg := load.ReplayConfig{Progress: func(at load.ReplayProgress) { left = append(left, at.Left) }}
	progress, err := p.replay(t.Context(), cfg, empty)
	if err != nil || progress.Added != 40 || progress.Dead != 1 {
		t.Errorf("Replay = %+v, %v, want 40 added and 1 dead", progress, err)
	}
	checkEvents(t, empty, 40, 40)
	if len(left) != 6 || left[0] <= 0 || left[5] != 0 {
		t.Errorf("Replay estimates %v, want 6 batches, time left after the first and none after the last", left)
	}
}

// Where a range has been replayed before, the copies that stand there stay, also those that are not the first.
func TestReplayIntoPartlyFilledTables(t *testing.T) {
	p, _ := loaded(t)
	store := clickhousetest.Open(t)
	f := func(from, to uint64, added uint64) {
		t.Helper()
		progress, err := p.replay(t.Context(), load.ReplayConfig{From: p.at(from), To: p.at(to)}, store)
		if err != nil || progress.Added != added {
			t.Errorf("Replay from %d to %d = %+v, %v, want %d added", from, to, progress, err, added)
		}
	}
	f(5, 12, 7) // event 4, whose first copy stands at 4, comes from 5
	f(20, 23, 3)
	f(0, 45, 30)
	checkEvents(t, store, 40, 40)
}

func (p *partition) at(offset uint64) wal.Pos { return wal.Pos{Segment: p.number, Record: offset} }

// A replay that dies at any insert goes on, and adds every event once.
func TestReplayGoesOnAfterCrash(t *testing.T) {
	p, _ := loaded(t)
	store := newFakeStore()
	state := newPartition(t, p.origin, p.number).join()
	for starts := range 100 {
		ctx, die := context.WithCancel(t.Context())
		inserts := 0
		store.fault = func(call string) (before, after, forget bool) {
			if call != "insert" {
				return false, false, false
			}
			if inserts++; inserts == 2 {
				die()
				return starts%2 == 0, starts%2 == 1, false
			}
			return false, false, false
		}
		m := p.join()
		progress, err := load.Replay(ctx, load.ReplayConfig{Owner: m, MaxRows: 8},
			load.Parts{Log: m, Plans: state, Store: store, Dead: store}, logger())
		die()
		if err == nil {
			if starts < 4 || progress.Pos != p.at(45) {
				t.Errorf("Replay came to its end at %v after %d starts, want 45 after some crashes", progress.Pos, starts)
			}
			store.checkOnce(t, 40)
			return
		}
	}
	t.Fatal("Replay did not come to its end")
}

// What was erased, and what is past its retention, stays away.
// Messages of a planned batch that are gone by the time a replay goes on, as Kafka deletes them, do not stop it.
func TestReplayGoesOnWithoutWhatIsGone(t *testing.T) {
	p, store := newPartition(t, "topic.1", 3), newFakeStore()
	for i := range 10 {
		p.append(event(i))
	}
	p.close()
	owner, state, messages := p.join(), newPartition(t, p.origin, p.number).join(), 4
	owner.plan = load.Plan{Log: p.origin, From: p.at(10), To: p.at(10)}
	state.plan = load.Plan{Log: p.origin, From: p.at(2), To: p.at(10)}
	progress, err := load.Replay(t.Context(), load.ReplayConfig{Owner: owner, MaxRows: 8},
		load.Parts{Log: stopping{owner, &messages}, Plans: state, Store: store, Dead: store}, logger())
	if err != nil || progress.Added != 4 || len(store.rows) != 4 || state.plan.From != p.at(10) {
		t.Errorf("Replay = %+v, %v with %d rows, and stands at %v; want the four that are there, and the end", progress, err, len(store.rows), state.plan.From)
	}
}

func TestReplayLeavesOutWhatIsExcluded(t *testing.T) {
	p, _ := loaded(t)
	old := event(100)
	old.TimeMs = time.Now().AddDate(0, -int(old.RetentionMonths), -1).UnixMilli()
	p.append(old)
	p.plan.From, p.plan.To = p.at(46), p.at(46)
	store := clickhousetest.Open(t)
	progress, err := p.replay(t.Context(), load.ReplayConfig{
		Excluded: func(row clickhouse.Row) bool { return row.Envelope.Path == "/page/7" },
	}, store)
	if err != nil || progress.Added != 39 || progress.Excluded != 2 {
		t.Errorf("Replay = %+v, %v, want 39 added and 2 excluded", progress, err)
	}
	checkEvents(t, store, 39, 39)
}

// A replay leaves to the loader what that has planned and not brought to rest.
func TestReplayStopsAtTheLoadersPlan(t *testing.T) {
	p, _ := loaded(t)
	p.plan.From = p.at(30)
	store := newFakeStore()
	m := p.join()
	for _, asked := range []load.ReplayConfig{{}, {To: p.at(40)}, {From: p.at(35), To: p.at(40)}} {
		asked.Owner = m
		progress, err := load.Replay(t.Context(), asked, load.Parts{
			Log: m, Plans: newPartition(t, p.origin, p.number).join(), Store: store, Dead: store}, logger())
		from, to := asked.From.Record, asked.To.Record
		wantTo := max(30, from)
		wantOwned := max(to, wantTo) - wantTo // nobody asked for more where no end is named
		if err != nil || progress.To != p.at(wantTo) || progress.Read != wantTo-from || progress.Owned != wantOwned {
			t.Errorf("Replay(%v to %v) = %+v, %v, want the %d events up to %d, and %d left to the owner",
				asked.From, asked.To, progress, err, wantTo-from, wantTo, wantOwned)
		}
	}
}

func TestReplayFailure(t *testing.T) {
	p, _ := loaded(t)
	store := newFakeStore()
	f := func(cfg load.ReplayConfig, owner *member, state load.Plans, want error) {
		t.Helper()
		if owner != nil {
			cfg.Owner = owner
		}
		_, err := load.Replay(t.Context(), cfg, load.Parts{Log: p.join(), Plans: state, Store: store, Dead: store}, logger())
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("Replay(%+v) = %v, want error %v", cfg, err, want)
		}
		if len(store.rows) != 0 {
			t.Errorf("Replay(%+v) has stored %d rows, want none", cfg, len(store.rows))
		}
	}
	state := func() *member { return newPartition(t, p.origin, 3).join() }
	f(load.ReplayConfig{}, nil, state(), nil)                                  // no end
	f(load.ReplayConfig{}, newPartition(t, "topic.1", 3).join(), state(), nil) // nothing loaded
	f(load.ReplayConfig{}, p.join(), state(), load.ErrFenced)                  // the log's member comes later than the owner
	other := state()
	other.plan = load.Plan{Log: p.origin, From: p.at(1), To: p.at(3)}
	f(load.ReplayConfig{From: p.at(2), To: p.at(9)}, nil, other, nil) // the state of another replay
	newer := event(1)
	newer.Version = 2
	p.records = nil
	p.append(newer)
	f(load.ReplayConfig{To: p.at(1)}, nil, state(), schemas.ErrTooNew)
}
