package erase_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/erase"
	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }

// hasty is a store whose withdrawals have settled at once and whose replaced parts do not linger: pipeline/clickhouse
// tests both.
type hasty struct{ *clickhouse.Store }

func (s hasty) Unerased(ctx context.Context, _ time.Duration, limit int) ([]clickhouse.Withdrawal, error) {
	return s.Store.Unerased(ctx, -time.Minute, limit)
}

func (hasty) Lingering(context.Context, time.Time) (uint64, error) { return 0, nil }

// The records of the visitors.
var (
	early    = [16]byte{1} // withdrawn before the first event is loaded
	late     = [16]byte{2} // withdrawn when all are loaded
	halfway  = [16]byte{3} // withdrawn when some are
	faithful = [16]byte{4} // not withdrawn
	modest   = [16]byte{5} // keeps performance
)

// process is one heed serve after another on the same folders.
type process struct {
	t     *testing.T
	dir   string
	store *clickhouse.Store
	n     int // events so far
	total uint64
}

// event is one of the visitor's.
func (p *process) event(record [16]byte) *schemas.Envelope {
	id := binary.BigEndian.AppendUint64(make([]byte, 8), uint64(p.n))
	p.n++
	now := time.Now().UTC()
	return &schemas.Envelope{
		Version: 1, Site: "demo", Id: id, Kind: string(schemas.Page), ReceivedMs: now.UnixMilli(),
		TimeMs: now.AddDate(0, -(p.n % 2), 0).UnixMilli(), Jurisdiction: "strictest", RetentionMonths: 25, Path: fmt.Sprint("/", p.n),
		Record: record[:], Categories: 13, ClickIdKind: "gclid", ClickId: fmt.Sprint("c", p.n),
	}
}

// load accepts the events and loads them, and checks the ledger of the folder afterwards.
func (p *process) load(evs ...*schemas.Envelope) {
	p.t.Helper()
	ctx := p.t.Context()
	log, err := wal.Open(ctx, wal.Config{Dir: filepath.Join(p.dir, "wal")}, quiet())
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := log.Append(ctx, evs); err != nil {
		p.t.Fatal(err)
	}
	p.total += uint64(len(evs))
	if err := log.Close(ctx); err != nil {
		p.t.Fatal(err)
	}
	plans, err := load.FilePlans(filepath.Join(p.dir, "load"))
	if err != nil {
		p.t.Fatal(err)
	}
	loader, err := load.Open(ctx, load.Config{MaxRows: 7}, load.Parts{Log: load.Local(log), Plans: plans, Store: p.store, Dead: p.store}, quiet())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := loader.Run(ctx); err != nil {
		p.t.Fatalf("Run = %v, want no error", err)
	}
	p.checkLedger(log, loader)
}

// checkLedger fails unless the store has as many rows as the ledger says, and everything adds up.
func (p *process) checkLedger(log *wal.Log, loader *load.Loader) {
	p.t.Helper()
	erased, err := p.store.ErasedTotals(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := ledger.Open(ledger.Config{Dir: filepath.Join(p.dir, "ledger")}, ledger.Sources{
		Log: log, Loader: loader, Erased: func() ledger.Erased { return erased },
	}, quiet())
	if err != nil {
		p.t.Fatal(err)
	}
	account, _ := l.Account("demo")
	var rows uint64
	p.query("SELECT count() FROM events", &rows)
	if got := account.Accepted; got.Total != p.total || got.Stored != rows || got.Pending != 0 {
		p.t.Errorf("accepted = %+v with %d rows in events, want %d in all and as many stored as there are rows", got, rows, p.total)
	}
}

func (p *process) query(sql string, to ...any) {
	p.t.Helper()
	conn, err := clickhousetest.Connect(p.store)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRow(p.t.Context(), sql).Scan(to...); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

func (p *process) withdraw(record [16]byte, keeps uint8) {
	p.t.Helper()
	err := p.store.PutWithdrawn(p.t.Context(), []clickhouse.Withdrawal{{Site: "demo", Record: record, Keeps: keeps, At: time.Now()}})
	if err != nil {
		p.t.Fatalf("PutWithdrawn = %v, want no error", err)
	}
}

func (p *process) erase() {
	p.t.Helper()
	r := erase.New(hasty{p.store}, load.NewDeadLetters(p.store, quiet(), nil), quiet())
	if _, err := r.Pass(p.t.Context()); err != nil {
		p.t.Fatalf("Pass = %v, want no error", err)
	}
}

// Withdrawn before, between and behind its events, which come again, too: nothing of it stays or comes back, everything
// else does, and the sums are right after each step.
func TestWithdrawnInEveryOrder(t *testing.T) {
	p := &process{t: t, dir: t.TempDir(), store: clickhousetest.Open(t)}
	all := [][16]byte{early, late, halfway, faithful, modest}
	some := func() (evs []*schemas.Envelope) {
		for _, record := range all {
			evs = append(evs, p.event(record), p.event(record), p.event(record))
		}
		return evs
	}
	again := func(evs []*schemas.Envelope) []*schemas.Envelope {
		for _, ev := range evs {
			ev.Retried = true
		}
		return evs
	}
	p.withdraw(early, 1)
	first := some()
	p.load(first...)
	p.withdraw(halfway, 9)
	second := some()
	p.load(append(again(first), second...)...)
	p.withdraw(late, 0)
	p.withdraw(modest, 5)
	p.erase()
	p.load(append(again(first), some()...)...)
	p.erase()
	p.load(again(second)...)

	var rows, others, clicks, stripped uint64
	p.query(fmt.Sprintf(`SELECT count(), countIf(record NOT IN (unhex('%x'), unhex('%x'))), countIf(notEmpty(click_id)),
		countIf(empty(click_id) AND empty(click_id_kind) AND categories = 5 AND record = unhex('%x')) FROM events`, faithful, modest, modest),
		&rows, &others, &clicks, &stripped)
	if rows != 18 || others != 0 || clicks != 9 || stripped != 9 {
		t.Errorf("rows, of the withdrawn, with click ids, without = %d, %d, %d, %d; want 18, 0, 9, 9", rows, others, clicks, stripped)
	}
	if n, oldest, err := p.store.Backlog(t.Context()); n != 0 || oldest != 0 || err != nil {
		t.Errorf("Backlog = %d, %v, %v; want 0, 0", n, oldest, err)
	}
	clickhousetest.CheckProjections(t, p.store)
}

// The bytes of dead letters go, those that are no envelopes among them, and what was not withdrawn stays.
func TestLettersAreErased(t *testing.T) {
	ctx := t.Context()
	p := &process{t: t, dir: t.TempDir(), store: clickhousetest.Open(t)}
	whole := func(record [16]byte, site string) []byte {
		ev := p.event(record)
		ev.Site = site
		raw, err := ev.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	torn := whole(late, "demo")
	envelopes := [][]byte{whole(late, "demo"), whole(late, "elsewhere"), torn[:len(torn)-3], whole(faithful, "demo"), whole(modest, "demo")}
	var letters []clickhouse.DeadLetter
	for i, envelope := range envelopes {
		letters = append(letters, clickhouse.DeadLetter{Time: time.Now(), Reason: "for a test", Source: schemas.Source{Origin: "o", Offset: uint64(i)}, Envelope: envelope})
	}
	if err := p.store.InsertDead(ctx, "t", letters); err != nil {
		t.Fatal(err)
	}
	p.withdraw(late, 0)
	p.withdraw(modest, 4)
	p.erase()
	for i, want := range []load.LetterState{load.Dropped, load.Waiting, load.Dropped, load.Waiting, load.Dropped} {
		letter, err := load.NewDeadLetters(p.store, quiet(), nil).Show(ctx, letters[i].Source)
		if err != nil || letter.State != want || (len(letter.Envelope) == 0) != (want == load.Dropped) {
			t.Errorf("letter %d is %q with %d bytes, %v; want %q", i, letter.State, len(letter.Envelope), err, want)
		}
	}
}

// kills is how often the engine is killed: a fourth of HEED_KILLS, since each round searches the rows of all before it, and
// 4 where that is not set.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("HEED_KILLS")); err == nil {
		return n / 4
	}
	return 4
}

// The engine is killed in the middle of a deletion. The routine repeats it: nothing withdrawn is left, nothing else is
// missing, projections agree, and each row is counted once.
func TestKillWhileErasing(t *testing.T) {
	ctx := t.Context()
	server := clickhousetest.StartServer(t)
	open := func() *clickhouse.Store {
		store, err := clickhouse.Open(ctx, clickhouse.Config{DSN: server.DSN}, quiet())
		if err != nil {
			t.Fatalf("Open = %v, want no error", err)
		}
		return store
	}
	store := open()
	if _, _, err := store.Migrate(ctx); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	left, erased := uint64(0), map[string]uint64{}
	for round := range kills() {
		rows := clickhousetest.Events(20_000, uint64(round))
		for i := range rows {
			rows[i].Source.Offset += uint64(round) * 1_000_000
		}
		keys := someRecords(rows, 200)
		for _, row := range rows {
			if keys[clickhouse.RecordKey{Site: row.Envelope.Site, Record: [16]byte(append(row.Envelope.Record, make([]byte, 16)...))}] {
				erased[row.Envelope.Site]++
			} else {
				left++
			}
		}
		if err := store.Insert(ctx, fmt.Sprint(round), rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
		var list []clickhouse.RecordKey
		for key := range keys {
			list = append(list, key)
		}
		done := make(chan error, 1)
		go func() { done <- store.EraseRows(ctx, list) }()
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond) // the moment of the kill, not a wait for anything
		server.Restart()
		<-done // it may have failed, or not
		store.Close(ctx)
		store = open()
		if err := store.EraseRows(ctx, list); err != nil {
			t.Fatalf("EraseRows after a kill = %v, want no error", err)
		}
		totals, err := store.ErasedTotals(ctx)
		if err != nil || fmt.Sprint(totals) != fmt.Sprint(erased) {
			t.Errorf("round %d: ErasedTotals = %v, %v; want %v", round, totals, err, erased)
		}
		var n uint64
		(&process{t: t, store: store}).query("SELECT count() FROM events", &n)
		if n != left {
			t.Errorf("round %d: events has %d rows, want %d", round, n, left)
		}
		clickhousetest.CheckProjections(t, store)
	}
	store.Close(ctx)
}

// someRecords are n of the consent records of rows.
func someRecords(rows []clickhouse.Row, n int) map[clickhouse.RecordKey]bool {
	keys := map[clickhouse.RecordKey]bool{}
	for _, row := range rows {
		if len(keys) < n && len(row.Envelope.Record) == 16 {
			keys[clickhouse.RecordKey{Site: row.Envelope.Site, Record: [16]byte(row.Envelope.Record)}] = true
		}
	}
	return keys
}
