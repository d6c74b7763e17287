package ledger_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/schemas"
)

// published is where collectors bring their counts: for each the counts that came last. It can be away.
type published struct {
	mu    sync.Mutex
	away  bool
	calls int
	last  map[string]ledger.Counts
}

func (p *published) publish(ctx context.Context, collector string, counts ledger.Counts, _ time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.away {
		return errors.New("away")
	}
	if p.last == nil {
		p.last = map[string]ledger.Counts{}
	}
	p.last[collector] = counts
	return ctx.Err()
}

// of returns what was published last by a collector of a site.
func (p *published) of(collector, site string) map[schemas.Code]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.last[collector][site])
}

func openEdge(t *testing.T, dir string, from ledger.EdgeSources) *ledger.Edge {
	t.Helper()
	e, err := ledger.OpenEdge(ledger.EdgeConfig{Dir: dir}, from, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func startEdge(t *testing.T, e *ledger.Edge) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func wantCounts(t *testing.T, got, want map[schemas.Code]uint64) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("published counts are %v, want %v", got, want)
	}
}

// TestEdgeCountsOnce: what was accepted counts once, whether the process before this one was killed or stopped.
func TestEdgeCountsOnce(t *testing.T) {
	log, dir := openLog(t), t.TempDir()
	h := &history{t: t, log: log}
	to := &published{}
	first := openEdge(t, dir, ledger.EdgeSources{Log: log, Counts: rejected(3), Publish: to.publish})
	h.append("a", "a", "b")
	stop := startEdge(t, first)
	await(t, "the log to be counted", func() bool { return first.Counted() == h.after[0] })
	h.append("a")
	stop() // perhaps before the second record is read
	second := openEdge(t, dir, ledger.EdgeSources{Log: log, Counts: rejected(1), Publish: to.publish})
	stop = startEdge(t, second)
	await(t, "the rest to be counted", func() bool { return second.Counted() == h.after[1] })
	stop()
	wantCounts(t, to.of(log.ID(), "a"), map[schemas.Code]uint64{ledger.CodeAccepted: 3, schemas.NoConsent: 4})
	wantCounts(t, to.of(log.ID(), "b"), map[schemas.Code]uint64{ledger.CodeAccepted: 1})
}

// await polls: the counter reads the log by itself.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestEdgeCountedIsOnDisk: what is not on disk must not be trimmed, so Counted stays where the file is.
func TestEdgeCountedIsOnDisk(t *testing.T) {
	log, dir := openLog(t), t.TempDir()
	h := &history{t: t, log: log}
	from := ledger.EdgeSources{Log: log, Counts: none, Publish: new(published).publish}
	e := openEdge(t, dir, from)
	stop := startEdge(t, e)
	defer stop()
	h.append("a")
	await(t, "the log to be counted", func() bool { return e.Counted() == h.after[0] })
	if killed := openEdge(t, dir, from); killed.Counted() != h.after[0] {
		t.Errorf("Counted after a kill = %v, want the %v of before", killed.Counted(), h.after[0])
	}
}

// TestEdgePublishes: counts that could not be published go with the next ones, and the same counts go once.
func TestEdgePublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, to := t.TempDir(), &published{away: true}
		var mu sync.Mutex
		accepted := uint64(5)
		counts := func() ledger.Counts {
			mu.Lock()
			defer mu.Unlock()
			return ledger.Counts{"a": {ledger.CodeAccepted: accepted}}
		}
		e := openEdge(t, dir, ledger.EdgeSources{Counts: counts, Publish: to.publish}) // no log: events go to Kafka directly
		stop := startEdge(t, e)
		time.Sleep(11 * time.Second)
		to.mu.Lock()
		if to.calls != 2 {
			t.Errorf("published %d times in 11 s, want 2", to.calls)
		}
		to.away = false
		to.mu.Unlock()
		mu.Lock()
		accepted = 9
		mu.Unlock()
		time.Sleep(20 * time.Second)
		stop()
		if to.calls != 3 || len(to.last) != 1 {
			t.Errorf("published %d times for %d collectors, want once more than before, for one", to.calls, len(to.last))
		}
		for id := range to.last {
			wantCounts(t, to.of(id, "a"), map[schemas.Code]uint64{ledger.CodeAccepted: 9})
		}
		again := openEdge(t, dir, ledger.EdgeSources{Counts: counts, Publish: to.publish})
		startEdge(t, again)()
		for id := range to.last {
			wantCounts(t, to.of(id, "a"), map[schemas.Code]uint64{ledger.CodeAccepted: 18})
		}
	})
}

// TestOpenEdgeOfAnotherLog: counts of a log that is gone are published under its id and are not added to another's.
func TestOpenEdgeOfAnotherLog(t *testing.T) {
	dir, to := t.TempDir(), &published{}
	run := func(n int) (id string) {
		log := openLog(t)
		h := &history{t: t, log: log}
		for range n {
			h.append("a")
		}
		e := openEdge(t, dir, ledger.EdgeSources{Log: log, Counts: none, Publish: to.publish})
		stop := startEdge(t, e)
		await(t, "the log to be counted", func() bool { return e.Counted() == h.after[n-1] })
		stop()
		return log.ID()
	}
	first, second := run(2), run(1)
	wantCounts(t, to.of(first, "a"), map[schemas.Code]uint64{ledger.CodeAccepted: 2})
	wantCounts(t, to.of(second, "a"), map[schemas.Code]uint64{ledger.CodeAccepted: 1})
}

func TestOpenEdgeFailure(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "edge.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ledger.OpenEdge(ledger.EdgeConfig{Dir: dir}, ledger.EdgeSources{Counts: none}, quiet())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenEdge with %s: error %v, want one with %q", content, err, want)
		}
	}
	f("{", "restore it from a copy")
	f(`{"version":99}`, "written by a newer heed")
	if _, err := ledger.OpenEdge(ledger.EdgeConfig{}, ledger.EdgeSources{}, quiet()); err == nil {
		t.Error("OpenEdge without a folder: no error")
	}
}

func TestTotalsAccounts(t *testing.T) {
	f := func(accepted uint64, ends load.Ends, want ledger.Accepted) {
		t.Helper()
		totals := ledger.Totals{
			Edges: ledger.Counts{"a": {ledger.CodeAccepted: accepted, schemas.TooOld: 7}},
			Ends:  map[string]load.Ends{"a": ends},
		}
		got := totals.Accounts([]string{"a"})
		if len(got) != 1 || got[0].Accepted != want || got[0].Rejected.Total != 7 || got[0].Arrived != want.Total+7 {
			t.Errorf("account of %d accepted and %+v is %+v, want accepted %+v and 7 rejected", accepted, ends, got, want)
		}
	}
	f(0, load.Ends{}, ledger.Accepted{})
	f(10, load.Ends{Stored: 6, Duplicates: 2, Dead: 1}, ledger.Accepted{Total: 10, Stored: 6, Duplicate: 2, Dead: 1, Pending: 1})
	f(10, load.Ends{Stored: 8, Duplicates: 5, Dead: 1}, ledger.Accepted{Total: 10, Stored: 8, Duplicate: 1, Dead: 1}) // 4 were sent to Kafka twice
	f(5, load.Ends{Stored: 9}, ledger.Accepted{Total: 9, Stored: 9})                                                  // the collector has not published yet
	sites := ledger.Totals{Edges: ledger.Counts{"c": {}}, Ends: map[string]load.Ends{"b": {}}}.Accounts([]string{"d"})
	if len(sites) != 3 || sites[0].Site != "b" || sites[2].Site != "d" || sites[1].Rejected.Codes == nil {
		t.Errorf("accounts of three sites are %+v, want b, c and d", sites)
	}
}
