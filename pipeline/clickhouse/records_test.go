package clickhouse_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// refused returns the n-th record of the tests, a refusal.
func refused(n int) *record.Record {
	at := day.UnixMilli() + int64(n)*1000
	r := &record.Record{
		Version: 1, Site: "shop", Event: record.GPC, Method: record.BySignal, TimeMS: at,
		Place: record.Place{Country: "US", Region: "California", Source: record.FromAddress}, Jurisdiction: "US-CA", MatrixVersion: 2,
		Categories: record.CategoryState(consent.Essential | consent.Performance), Services: record.State{Granted: []string{}, Denied: []string{}},
		Wall: record.WallTag,
	}
	binary.BigEndian.PutUint64(r.ID[:], uint64(at)<<16|0x7000)
	binary.BigEndian.PutUint64(r.ID[8:], uint64(n)|1<<63)
	return r
}

// chained returns n rows of one chain, stamped now.
func chained(t *testing.T, store *clickhouse.Store, n int) []clickhouse.ConsentRow {
	t.Helper()
	now, err := store.Now(t.Context())
	if err != nil {
		t.Fatalf("Now = %v, want no error", err)
	}
	records := make([]*record.Record, n)
	for i := range records {
		records[i] = refused(i)
	}
	outcomes, err := record.NewChain("shop", false).Append(records, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]clickhouse.ConsentRow, n)
	for i, outcome := range outcomes {
		if outcome.Err != nil {
			t.Fatal(outcome.Err)
		}
		rows[i] = clickhouse.ConsentRow{Site: "shop", Row: outcome.Row, Columns: clickhouse.NewConsentColumns(records[i]),
			Source: schemas.Source{Origin: "log", Partition: 3, Offset: uint64(i), Event: 1}, Loaded: now}
	}
	return rows
}

func TestConsentRecordsComeBack(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	rows := chained(t, store, 5000) // more than one question's worth
	for range 2 {                   // the repeat is dropped
		if err := store.InsertRecords(ctx, "token", rows); err != nil {
			t.Fatalf("InsertRecords = %v, want no error", err)
		}
	}
	n := 0
	for row, err := range store.Records(ctx, "shop", 2) {
		want := rows[n+2]
		if err != nil || row.Site != want.Site || !bytes.Equal(row.Row.Record, want.Row.Record) || row.Row.Hash != want.Row.Hash ||
			row.Row.Prev != want.Row.Prev || row.Columns != want.Columns || row.Source != want.Source || !row.Loaded.Equal(want.Loaded) {
			t.Fatalf("row %d = %+v, %v; want %+v", n+2, row, err, want)
		}
		n++
	}
	if n != 4998 {
		t.Errorf("Records from 2 on = %d rows, want 4998", n)
	}
	ids := []record.ID{refused(7).ID, refused(4999).ID, refused(6000).ID}
	found, err := store.RecordsByID(ctx, "shop", ids)
	if len(found) != 2 || found[ids[1]].Index != 4999 || err != nil {
		t.Errorf("RecordsByID = %d rows, the second at %d, %v; want 2, 4999", len(found), found[ids[1]].Index, err)
	}
	if row, ok, err := store.Record(ctx, "", ids[0]); row.Row.Index != 7 || !ok || err != nil {
		t.Errorf("Record = row %d, %v, %v; want 7, true", row.Row.Index, ok, err)
	}
	if _, ok, err := store.Record(ctx, "other", ids[0]); ok || err != nil {
		t.Errorf("Record of another site = %v, %v; want false", ok, err)
	}
	want := clickhouse.ChainState{Site: "shop", Size: 5000}
	if states, err := store.ChainStates(ctx); len(states) != 1 || states[0] != want || err != nil {
		t.Errorf("ChainStates = %v, %v; want %v", states, err, want)
	}
}

func TestNewestRecord(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	rows := chained(t, store, 3)
	rows[1].Columns.TimeMS = day.AddDate(10, 0, 0).UnixMilli() // stamped ahead
	if err := store.InsertRecords(ctx, "token", rows); err != nil {
		t.Fatal(err)
	}
	f := func(before, want time.Time) {
		t.Helper()
		if got, err := store.NewestRecord(ctx, before); !got.Equal(want) || err != nil {
			t.Errorf("NewestRecord(%s) = %s, %v; want %s", before, got, err, want)
		}
	}
	f(rows[2].Loaded, time.Unix(0, 0)) // stored then, not before
	f(time.Unix(0, 0).AddDate(0, 0, -1), time.Unix(0, 0))
	elsewhere := time.FixedZone("", -9*60*60)
	f(rows[2].Loaded.Add(time.Second).In(elsewhere), day.Add(2*time.Second))
}

func TestConsentRecordsStaleFailure(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	rows := chained(t, store, 1)
	rows[0].Loaded = rows[0].Loaded.Add(-62 * time.Second)
	if err := store.InsertRecords(ctx, "token", rows); err == nil || !strings.Contains(err.Error(), "stamped over a minute ago") {
		t.Errorf("InsertRecords of a stale row = %v, want an error that says so", err)
	}
}

func TestDropRecordsLeavesTheRest(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	if err := store.InsertRecords(ctx, "token", chained(t, store, 10)); err != nil {
		t.Fatal(err)
	}
	if err := store.DropRecords(ctx, "shop", 4); err != nil {
		t.Fatalf("DropRecords = %v, want no error", err)
	}
	var first uint64
	for row := range store.Records(ctx, "shop", 0) {
		first = row.Row.Index
		break
	}
	for size := range uint64(8) {
		if err := store.PutRoot(ctx, clickhouse.Root{Site: "shop", Size: size, Day: "2026-11-22", Made: day}); err != nil {
			t.Fatal(err)
		}
	}
	want := clickhouse.ChainState{Site: "shop", First: 4, Size: 10, Closed: 7}
	if states, err := store.ChainStates(ctx); first != 4 || len(states) != 1 || states[0] != want || err != nil {
		t.Errorf("first row, states = %d, %v, %v; want 4, %v", first, states, err, want)
	}
}

func TestDoubledRecord(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	rows := chained(t, store, 3)
	if err := store.InsertRecords(ctx, "a", rows); err != nil {
		t.Fatal(err)
	}
	if _, doubled, err := store.DoubledRecord(ctx, "shop"); doubled || err != nil {
		t.Errorf("DoubledRecord = %v, %v; want false", doubled, err)
	}
	if err := store.InsertRecords(ctx, "b", rows[1:2]); err != nil {
		t.Fatal(err)
	}
	if id, doubled, err := store.DoubledRecord(ctx, "shop"); id != refused(1).ID || !doubled || err != nil {
		t.Errorf("DoubledRecord = %v, %v, %v; want %v", id, doubled, err, refused(1).ID)
	}
}

func TestRootsAndNoticesComeBack(t *testing.T) {
	ctx, store := t.Context(), clickhousetest.Open(t)
	root := clickhouse.Root{Site: "shop", Size: 5, Day: "2026-11-22", Note: []byte("note"), Key: "key", Made: day}
	if err := store.PutRoot(ctx, root); err != nil {
		t.Fatalf("PutRoot = %v, want no error", err)
	}
	later := root
	later.Sent, later.SentTo = day.Add(time.Hour), "https://owner.example"
	for _, r := range []clickhouse.Root{later, {Site: "shop", Size: 9, Day: "2026-11-23", Made: day}, {Site: "a", Day: "2026-11-23", Made: day}} {
		if err := store.PutRoot(ctx, r); err != nil {
			t.Fatalf("PutRoot = %v, want no error", err)
		}
	}
	roots, err := store.Roots(ctx, "shop")
	if len(roots) != 2 || roots[0].SentTo != later.SentTo || !roots[0].Sent.Equal(later.Sent) || string(roots[0].Note) != "note" ||
		roots[0].Day != root.Day || !roots[1].Sent.IsZero() || err != nil {
		t.Errorf("Roots = %+v, %v; want the sent one and that of 9 rows", roots, err)
	}
	if all, err := store.Roots(ctx, ""); len(all) != 3 || err != nil {
		t.Errorf("Roots of all = %d, %v; want 3", len(all), err)
	}
	if unsent, err := store.UnsentRoots(ctx); len(unsent) != 2 || err != nil {
		t.Errorf("UnsentRoots = %d, %v; want 2", len(unsent), err)
	}
	notice := record.Archived{Ref: record.NoticeRef{ID: "01020304", Shown: record.Hash{1}, Material: record.Hash{2}}, Text: []byte("first")}
	for _, text := range []string{"first", "second"} { // what is archived stays
		notice.Text = []byte(text)
		if err := store.PutNotices(ctx, "shop", []record.Archived{notice, notice}); err != nil {
			t.Fatalf("PutNotices = %v, want no error", err)
		}
	}
	if n, ok, err := store.Notice(ctx, "", notice.Ref.Shown.String()); string(n.Text) != "first" || n.Site != "shop" || !ok || err != nil {
		t.Errorf("Notice = %+v, %v, %v; want the first text", n, ok, err)
	}
	if hashes, err := store.NoticeHashes(ctx, "shop"); len(hashes) != 1 || err != nil {
		t.Errorf("NoticeHashes = %v, %v; want one", hashes, err)
	}
}
