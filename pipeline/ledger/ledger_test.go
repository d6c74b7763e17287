package ledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// fakeLoader is a loader that comes as far as a test says.
type fakeLoader struct {
	progress atomic.Pointer[load.Progress]
	inHand   time.Time
}

func (l *fakeLoader) Progress() *load.Progress  { return l.progress.Load() }
func (l *fakeLoader) Oldest() (time.Time, bool) { return l.inHand, !l.inHand.IsZero() }
func (l *fakeLoader) reach(p load.Progress)     { l.progress.Store(&p) }
func newLoader(since time.Time) (l *fakeLoader) {
	l = &fakeLoader{}
	l.reach(load.Progress{Since: since})
	return l
}
func quiet() *slog.Logger                    { return slog.New(slog.DiscardHandler) }
func none() ledger.Counts                    { return nil }
func rejected(n uint64) func() ledger.Counts { return func() ledger.Counts { return counts(n) } }
func counts(n uint64) ledger.Counts {
	return ledger.Counts{"a": {schemas.NoConsent: n, schemas.TooOld: 0}}
}
func config(t *testing.T, dir string) ledger.Config {
	t.Helper()
	return ledger.Config{Dir: dir, Sites: []string{"a", "b"}}
}

// open opens a ledger on a folder.
func open(t *testing.T, dir string, from ledger.Sources) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(config(t, dir), from, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs the ledger until the test's bubble ends.
func start(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func openLog(t *testing.T) *wal.Log {
	t.Helper()
	log, err := wal.Open(t.Context(), wal.Config{Dir: filepath.Join(t.TempDir(), "wal"), SegmentBytes: 64 << 10}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(context.Background()) })
	return log
}

// history is what a test has appended, and the truth about it.
type history struct {
	t       *testing.T
	log     *wal.Log
	records []map[string]uint64 // events by site
	after   []wal.Pos           // where each record ends
}

func (h *history) append(sites ...string) {
	h.t.Helper()
	var evs []*schemas.Envelope
	in := map[string]uint64{}
	for i, site := range sites {
		id := binary.BigEndian.AppendUint64(make([]byte, 8), uint64(len(h.records)*1000+i))
		evs = append(evs, &schemas.Envelope{Version: 1, Site: site, Id: id, ReceivedMs: time.Now().UnixMilli(), Path: strings.Repeat("/long", 200)})
		in[site]++
	}
	pos, err := h.log.Append(h.t.Context(), evs)
	if err != nil {
		h.t.Fatal(err)
	}
	h.records, h.after = append(h.records, in), append(h.after, wal.Pos{Segment: pos.Segment, Record: pos.Record + 1})
}

// progress is that of a loader that has brought the first n records to their ends.
func (h *history) progress(n int) load.Progress {
	p := load.Progress{Sites: map[string]load.Ends{}}
	for i := range n {
		p.Pos = h.after[i]
		for site, events := range h.records[i] {
			sum := p.Sites[site]
			sum.Stored += events - 1
			sum.Duplicates++
			p.Sites[site] = sum
		}
	}
	return p
}

// check compares every account with the truth when n records have come to their ends.
func (h *history) check(l *ledger.Ledger, n int) {
	h.t.Helper()
	all, ended := map[string]uint64{}, map[string]uint64{}
	for i, record := range h.records {
		for site, events := range record {
			if all[site] += events; i < n {
				ended[site] += events
			}
		}
	}
	for _, site := range []string{"a", "b"} {
		got, ok := l.Account(site)
		if want := all[site] - ended[site]; !ok || got.Arrived != all[site] || got.Accepted.Pending != want {
			h.t.Fatalf("after %d of %d records Account(%q) = %+v, %v, want %d arrived and %d pending",
				n, len(h.records), site, got, ok, all[site], want)
		}
	}
}

// Whatever the loader does, and however far behind it the follower is, accepted events are counted once.
func TestAcceptedIsEndedPlusPending(t *testing.T) {
	for range 5 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		synctest.Test(t, func(t *testing.T) { followAtRandom(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func followAtRandom(t *testing.T, random *rand.Rand) {
	h := &history{t: t, log: openLog(t)}
	loader, dir := newLoader(time.Now()), t.TempDir()
	from := ledger.Sources{Rejected: none, Log: h.log, Loader: loader}
	ended := 0
	move := func() {
		switch n := random.IntN(4); {
		case n > 0:
			for range n * 3 {
				h.append([]string{"a", "b", "a", "a"}[random.IntN(2) : 3+random.IntN(2)]...)
			}
		default:
			ended += random.IntN(len(h.records) - ended + 1)
			loader.reach(h.progress(ended))
			if err := h.log.Trim(loader.Progress().Pos); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 { // the log lives on; the process begins anew
		l := open(t, dir, from)
		for range random.IntN(10) {
			move() // the follower sleeps, and may find its place trimmed
		}
		ctx, die := context.WithCancel(t.Context())
		died := make(chan error, 1)
		go func() { died <- l.Run(ctx) }()
		for range 30 {
			move()
			synctest.Wait()
			h.check(l, ended)
		}
		die()
		<-died
		h.append("a", "b") // unread, and yet brought to its end
		ended = len(h.records)
		loader.reach(h.progress(ended))
		h.check(l, ended)
	}
}

// Rejected events are on disk within a second; a crash before that loses them and no others.
func TestRejectedIsFlushedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, loader := t.TempDir(), newLoader(time.Now())
		var n atomic.Uint64
		log := openLog(t)
		start(t, open(t, dir, ledger.Sources{Rejected: func() ledger.Counts { return counts(n.Load()) }, Log: log, Loader: loader}))
		f := func(want uint64) {
			t.Helper()
			synctest.Wait()
			after := open(t, dir, ledger.Sources{Rejected: none, Log: log, Loader: loader}) // as after kill -9
			if got, _ := after.Account("a"); got.Rejected.Total != want || got.Rejected.Codes[schemas.NoConsent] != want {
				t.Errorf("after a crash Account = %+v, want %d rejected", got, want)
			}
		}
		f(0)
		n.Store(5)
		time.Sleep(time.Second)
		f(5)
		n.Store(8)
		f(5) // the last second's
		time.Sleep(time.Second)
		f(8)
	})
}

// What earlier processes counted is added to, and what was rejected last is written at the end without a wait.
func TestRejectedAddsUpOverProcesses(t *testing.T) {
	dir, since := t.TempDir(), time.Now().Add(-time.Hour)
	for i := range uint64(3) {
		log := openLog(t)
		l := open(t, dir, ledger.Sources{Rejected: rejected(7), Log: log, Loader: newLoader(since)})
		if got, _ := l.Account("a"); got.Arrived != 7*(i+1) || got.Accepted.Total != 0 || got.Since.Before(since) {
			t.Errorf("process %d: Account = %+v, want %d arrived", i, got, 7*(i+1))
		}
		if err := log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Run(t.Context()); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
}

// A disk that takes nothing costs no counts as long as the process lives.
func TestFlushFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ledger")
		l := open(t, dir, ledger.Sources{Rejected: rejected(4), Log: openLog(t), Loader: newLoader(time.Now())})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		start(t, l)
		time.Sleep(3500 * time.Millisecond)
		var text bytes.Buffer
		if l.WriteMetrics(&text); !strings.Contains(text.String(), "heed_ledger_flush_errors_total 3\n") {
			t.Errorf("metrics are\n%s\nwant 3 flush errors", &text)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if raw, err := os.ReadFile(filepath.Join(dir, "rejected.json")); err != nil || !strings.Contains(string(raw), `"no_consent":4`) {
			t.Errorf("rejected.json = %s, %v, want 4 events", raw, err)
		}
	})
}

func TestOpenFailure(t *testing.T) {
	f := func(text string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "rejected.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Open(config(t, dir), ledger.Sources{Log: openLog(t), Loader: newLoader(time.Now())}, quiet()); err == nil {
			t.Errorf("Open with %q: want error", text)
		}
	}
	f("")              // empty
	f("{")             // cut short
	f(`{"version":9}`) // newer
}

func TestOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{t: t, log: openLog(t)}
		loader := newLoader(time.Now())
		l := open(t, t.TempDir(), ledger.Sources{Log: h.log, Loader: loader})
		start(t, l)
		f := func(what string, want time.Time) {
			t.Helper()
			synctest.Wait()
			if got, ok := l.Oldest(); ok == want.IsZero() || ok && !got.Equal(want) {
				t.Errorf("%s: Oldest() = %v, %v, want %v", what, got, ok, want)
			}
		}
		f("an empty log", time.Time{})
		first := time.Now()
		h.append("a")
		time.Sleep(time.Minute)
		h.append("b")
		f("a loader that has not begun", first)
		loader.inHand = first.Add(time.Minute)
		loader.reach(h.progress(1))
		f("a loader with the second in hand", first.Add(time.Minute))
		loader.inHand = time.Time{}
		loader.reach(h.progress(2))
		f("a loader at the end", time.Time{})
	})
}

func TestWriteMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{t: t, log: openLog(t)}
		loader := newLoader(time.Now())
		l := open(t, t.TempDir(), ledger.Sources{Rejected: rejected(2), Log: h.log, Loader: loader})
		start(t, l)
		h.append("a", "a", "a")
		h.append("a", "", "b")
		loader.reach(load.Progress{Pos: h.after[0], Sites: map[string]load.Ends{"a": {Stored: 1, Duplicates: 1, Dead: 1}}})
		synctest.Wait()
		loader.inHand = time.Now()
		time.Sleep(90 * time.Second)
		var got bytes.Buffer
		l.WriteMetrics(&got)
		for _, want := range []string{
			`heed_ledger_arrived_total{site="a"} 6`, `heed_ledger_rejected_total{site="a",code="no_consent"} 2`,
			`heed_ledger_accepted_total{site="a"} 4`, `heed_ledger_stored_total{site="a"} 1`, `heed_ledger_duplicates_total{site="a"} 1`,
			`heed_ledger_withdrawn_total{site="a"} 0`, `heed_ledger_dead_letters_total{site="a"} 1`, `heed_ledger_pending_events{site="a"} 1`,
			`heed_ledger_arrived_total{site="b"} 1`, `heed_ledger_pending_events{site=""} 1`,
			`heed_ledger_oldest_undelivered_seconds 90`, `heed_ledger_flush_errors_total 0`, `heed_ledger_follow_errors_total 0`,
		} {
			if !strings.Contains(got.String(), want+"\n") {
				t.Errorf("metrics lack %q:\n%s", want, &got)
			}
		}
	})
}

// What was stored and erased moves to withdrawn, and is known to who reads the folder alone.
func TestErasedMovesToWithdrawn(t *testing.T) {
	dir := t.TempDir()
	check := func(l *ledger.Ledger, stored, withdrawn uint64) {
		t.Helper()
		a, _ := l.Account("a")
		if got := a.Accepted; got.Stored != stored || got.Withdrawn != withdrawn || got.Total != 12 || a.Arrived != 12 {
			t.Errorf("account = %+v, want %d stored and %d withdrawn of 12", a, stored, withdrawn)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		loader := newLoader(time.Now())
		loader.reach(load.Progress{Sites: map[string]load.Ends{"a": {Stored: 10, Withdrawn: 2}}})
		var erased atomic.Pointer[ledger.Erased]
		from := ledger.Sources{Log: openLog(t), Loader: loader, Rejected: none, Erased: func() ledger.Erased {
			if e := erased.Load(); e != nil {
				return *e
			}
			return nil
		}}
		l := open(t, dir, from)
		start(t, l)
		check(l, 10, 2)
		erased.Store(&ledger.Erased{"a": 4})
		check(l, 6, 6)
		time.Sleep(2 * time.Second) // it is written down
		synctest.Wait()
		from.Erased = nil
		check(open(t, dir, from), 6, 6)
		erased.Store(&ledger.Erased{"a": 11}) // more than was ever counted as stored
		check(l, 0, 12)
	})
}

func TestErasedFileFailure(t *testing.T) {
	f := func(text string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "erased.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ledger.Open(config(t, dir), ledger.Sources{Loader: newLoader(time.Now())}, quiet())
		if err == nil || !strings.Contains(err.Error(), "erased.json") {
			t.Errorf("Open with %q = %v, want an error that names the file", text, err)
		}
	}
	f("{")
	f(`{"version":99}`)
}

func TestClusterErased(t *testing.T) {
	totals := ledger.Totals{
		Edges:  ledger.Counts{"a": {ledger.CodeAccepted: 20}},
		Ends:   map[string]load.Ends{"a": {Stored: 12, Duplicates: 3, Withdrawn: 1, Dead: 2}},
		Erased: ledger.Erased{"a": 5},
	}
	want := ledger.Accepted{Total: 20, Stored: 7, Duplicate: 3, Withdrawn: 6, Dead: 2, Pending: 2}
	if got := totals.Accounts(nil)[0].Accepted; got != want {
		t.Errorf("accepted = %+v, want %+v", got, want)
	}
}
