package clickhouse_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// quickly makes the engine remove replaced parts after half a minute instead of eight.
func quickly(t *testing.T, store *clickhouse.Store) {
	t.Helper()
	for _, table := range []string{"events", "dead_letters"} {
		err := connect(t, store).Exec(t.Context(), "ALTER TABLE "+table+" MODIFY SETTING old_parts_lifetime = 0, cleanup_delay_period = 0, "+
			"cleanup_delay_period_random_add = 0, cleanup_thread_preferred_points_per_iteration = 0, merge_tree_clear_old_parts_interval_seconds = 0")
		if err != nil {
			t.Fatal(err)
		}
	}
}

// filesWith are the files of the engine's folder that hold the bytes.
func filesWith(t *testing.T, needle []byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(clickhousetest.Folder(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // a part that is removed meanwhile
		}
		if text, _ := os.ReadFile(path); bytes.Contains(text, needle) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// untilGone waits until no replaced part is left.
func untilGone(t *testing.T, store *clickhouse.Store) {
	t.Helper()
	now, err := store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(300 * time.Millisecond) {
		parts, err := store.Lingering(t.Context(), now)
		if err != nil {
			t.Fatalf("Lingering = %v, want no error", err)
		}
		if parts == 0 {
			return
		}
	}
	t.Fatal("replaced parts are still there after two minutes")
}

func TestEraseRows(t *testing.T) {
	t.Parallel() // with the next: both wait for the engine
	ctx, store := t.Context(), clickhousetest.Open(t)
	quickly(t, store)
	secret, record := make([]byte, 16), make([]byte, 16)
	rand.Read(secret)
	rand.Read(record)
	var want []schemas.Source
	for month := range 3 {
		rows := someRows(uint64(10+month), 40)
		for i, row := range rows {
			row.Envelope.TimeMs = day.AddDate(0, month, 0).UnixMilli() + int64(i)
			if i < 4 && month < 2 {
				row.Envelope.Record, row.Envelope.Visitor = record, secret
			}
			if i < 4 && month < 2 && row.Envelope.Site == "site-0" {
				want = append(want, row.Source)
			}
		}
		if err := store.Insert(ctx, fmt.Sprint(month), rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	if len(filesWith(t, secret)) == 0 {
		t.Fatal("the visitor's bytes are nowhere on the disk before they are erased: this test could not fail")
	}
	keys := []clickhouse.RecordKey{{Site: "site-0", Record: [16]byte(record)}, {Site: "site-1", Record: [16]byte(record)}, {Site: "elsewhere", Record: [16]byte{1}}}
	for range 2 { // the second call finds nothing and loses no count
		if err := store.EraseRows(ctx, keys[:1]); err != nil {
			t.Fatalf("EraseRows = %v, want no error", err)
		}
	}
	var left, others uint64
	query(t, store, fmt.Sprintf("SELECT countIf(site = 'site-0'), countIf(site != 'site-0') FROM events WHERE record = unhex('%x')", record), &left, &others)
	if left != 0 || others != 4 {
		t.Errorf("rows of the record on its site and on others = %d, %d; want 0 and 4", left, others)
	}
	got, err := store.Erased(ctx, "log", schemas.Source{Partition: 3, Offset: 10}, schemas.Source{Partition: 3, Offset: 12})
	slices.SortFunc(got, func(a, b schemas.Source) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Erased = %v, %v; want %v", got, err, want)
	}
	if err := store.EraseRows(ctx, keys); err != nil {
		t.Fatalf("EraseRows = %v, want no error", err)
	}
	wantTotals := map[string]uint64{"site-0": 4, "site-1": 2}
	if totals, err := store.ErasedTotals(ctx); err != nil || !maps.Equal(totals, wantTotals) {
		t.Errorf("ErasedTotals = %v, %v; want %v", totals, err, wantTotals)
	}
	if totals, err := store.ErasedTotals(ctx, "other"); err != nil || len(totals) != 0 {
		t.Errorf("ErasedTotals of another origin = %v, %v; want none", totals, err)
	}
	if err := store.EraseRows(ctx, []clickhouse.RecordKey{{Site: "site-2", Record: [16]byte(record)}}); err != nil {
		t.Fatalf("EraseRows = %v, want no error", err)
	}
	untilGone(t, store)
	if files := filesWith(t, secret); len(files) > 0 {
		t.Errorf("the visitor's bytes are still in %v", files)
	}
	var n uint64
	if query(t, store, "SELECT count() FROM events", &n); n != 112 {
		t.Errorf("rows = %d, want 112 of 120", n)
	}
	clickhousetest.CheckProjections(t, store)
}

func TestEraseClickIDs(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), clickhousetest.Open(t)
	quickly(t, store)
	random := make([]byte, 1024) // text, and few bytes among text, would be compressed
	rand.Read(random)
	secret := string(random)
	rows := someRows(1, 40)
	record := rows[3].Envelope.Record
	rows[3].Envelope.ClickId, rows[3].Envelope.Categories = secret, 13
	if err := store.Insert(ctx, "t", rows); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	if len(filesWith(t, []byte(secret))) == 0 {
		t.Fatal("the click id is nowhere on the disk before it is erased: this test could not fail")
	}
	for range 2 {
		if err := store.EraseClickIDs(ctx, []clickhouse.RecordKey{{Site: "site-0", Record: [16]byte(record)}}); err != nil {
			t.Fatalf("EraseClickIDs = %v, want no error", err)
		}
	}
	var click, kind, visitor string
	var categories uint8
	var others uint64
	query(t, store, fmt.Sprintf("SELECT click_id, click_id_kind, categories, visitor FROM events WHERE record = unhex('%x')", record), &click, &kind, &categories, &visitor)
	query(t, store, "SELECT countIf(notEmpty(click_id)) FROM events", &others)
	if click != "" || kind != "" || categories != 5 || visitor != string(rows[3].Envelope.Visitor) || others != 39 {
		t.Errorf("click id, kind, categories, visitor = %q, %q, %d, %x, others with one %d; want none, 5, %x, 39", click, kind, categories, visitor, others, rows[3].Envelope.Visitor)
	}
	untilGone(t, store)
	if files := filesWith(t, []byte(secret)); len(files) > 0 {
		t.Errorf("the click id is still in %v", files)
	}
	clickhousetest.CheckProjections(t, store)
}

func TestUnerased(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	gone, stripped := withdraws(recordOf("a", 1), 0), withdraws(recordOf("b", 2), performance)
	if err := store.PutWithdrawn(ctx, []clickhouse.Withdrawal{gone, stripped}); err != nil {
		t.Fatalf("PutWithdrawn = %v, want no error", err)
	}
	if got, err := store.Unerased(ctx, 0, 10); len(got) != 0 || err != nil {
		t.Errorf("Unerased at once = %v, %v; want none: nobody knows how long it took to become readable", got, err)
	}
	age(t, store, 4*time.Minute)
	if got, err := store.Unerased(ctx, 5*time.Minute, 10); len(got) != 0 || err != nil {
		t.Errorf("Unerased(5m) = %v, %v; want none", got, err)
	}
	for range 2 {
		got, err := store.Unerased(ctx, time.Minute, 10)
		if want := []clickhouse.Withdrawal{gone, stripped}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("Unerased(1m) = %v, %v; want %v", got, err, want)
		}
	}
	if n, oldest, err := store.Backlog(ctx); n != 2 || oldest < 4*time.Minute || oldest > time.Hour || err != nil {
		t.Errorf("Backlog = %d, %v, %v; want 2, over four minutes", n, oldest, err)
	}
	if err := store.MarkErased(ctx, []clickhouse.Withdrawal{gone}, day); err != nil {
		t.Fatalf("MarkErased = %v, want no error", err)
	}
	if err := store.PutWithdrawn(ctx, []clickhouse.Withdrawal{gone}); err != nil { // as when its record is chained again
		t.Fatalf("PutWithdrawn = %v, want no error", err)
	}
	if got, err := store.Unerased(ctx, 0, 10); len(got) != 1 || got[0] != stripped || err != nil {
		t.Errorf("Unerased after one was marked = %v, %v; want %v", got, err, stripped)
	}
	if n, _, err := store.Backlog(ctx); n != 1 || err != nil {
		t.Errorf("Backlog = %d, %v; want 1", n, err)
	}
}

// age lets the store's withdrawals be so much older.
func age(t *testing.T, store *clickhouse.Store, by time.Duration) {
	t.Helper()
	conn, ctx := connect(t, store), context.Background()
	for _, statement := range []string{
		"CREATE TABLE older AS withdrawn",
		fmt.Sprintf("INSERT INTO older SELECT site, record, keeps, at, put - INTERVAL %d SECOND FROM withdrawn", int(by.Seconds())),
		"EXCHANGE TABLES older AND withdrawn",
		"DROP TABLE older",
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestDeadWith(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	record := [16]byte{0: 7, 3: 0, 5: '\'', 6: '\\', 15: 0xff}
	letters := []clickhouse.DeadLetter{
		{Time: day, Source: schemas.Source{Origin: "o", Offset: 1}, Envelope: append([]byte("x"), record[:]...)},
		{Time: day, Source: schemas.Source{Origin: "o", Offset: 2}, Envelope: record[:15]},
		{Time: day, Source: schemas.Source{Origin: "o", Offset: 3}},
	}
	if err := store.InsertDead(ctx, "d", letters); err != nil {
		t.Fatalf("InsertDead = %v, want no error", err)
	}
	var got []uint64
	err := store.DeadWith(ctx, [][16]byte{{1}, record}, func(letter clickhouse.DeadLetter) error {
		got = append(got, letter.Source.Offset)
		return nil
	})
	if err != nil || !slices.Equal(got, []uint64{1}) {
		t.Errorf("DeadWith = letters %v, %v; want 1", got, err)
	}
}
