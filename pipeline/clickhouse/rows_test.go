package clickhouse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// day is the first of the test events' days.
var day = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// query opens a driver on the store as analytics does, and asks.
func query(t testing.TB, store *clickhouse.Store, sql string, dest ...any) {
	t.Helper()
	if err := connect(t, store).QueryRow(context.Background(), sql).Scan(dest...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func connect(t testing.TB, store *clickhouse.Store) driver.Conn {
	t.Helper()
	options, err := driver.ParseDSN(store.DSN())
	if err != nil {
		t.Fatal(err)
	}
	options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return store.Transport(), nil }
	conn, err := driver.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func id16(kind byte, n int) []byte {
	id := []byte{kind, 1, 2, 3, 4, 5, 0x76, 7, 0x88, 9, 10, 11, 0, 0, 0, 0}
	id[12], id[13], id[14], id[15] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return id
}

// someRows makes n rows at the record offset, with all kinds, sites and columns in use.
func someRows(offset uint64, n int) []clickhouse.Row {
	kinds := []schemas.Kind{schemas.Page, schemas.Engagement, schemas.Custom, schemas.Form}
	rows := make([]clickhouse.Row, n)
	for i := range rows {
		serial := int(offset)*1_000_000 + i
		at := day.Add(time.Duration(i%5000) * time.Second)
		ev := &schemas.Envelope{
			Version: 1, Site: fmt.Sprintf("site-%d", i%3), Id: id16(0xe0, serial), Kind: string(kinds[i%4]),
			ReceivedMs: at.UnixMilli() + 120, TimeMs: at.UnixMilli(), Retried: i%7 == 0, UnverifiedOrigin: i%11 == 0,
			Jurisdiction: "strictest", MatrixVersion: 1, Categories: 5, Notice: "0a1b2c3d", Record: id16(0xc0, i), RetentionMonths: 240,
			View: id16(0xf0, serial/4), Host: "example.org", Path: fmt.Sprintf("/page/%d", i%40),
			ReferrerHost: []string{"", "search.example"}[i%2], UtmSource: []string{"", "news"}[i%2], UtmMedium: "mail",
			UtmCampaign: "spring", UtmTerm: "shoes", UtmContent: "a", ClickIdKind: "gclid", ClickId: fmt.Sprint("c", i),
			Country: []string{"DE", "FR", "AT"}[i%3], Region: "Hesse", Network: 3320, NetworkOwner: "Example Net",
			Browser: "Firefox", Os: "Linux", Device: "desktop", EngagedMs: uint32(i), Name: "buy", Form: "signup",
			Props: map[string]string{"plan": "pro", "n": fmt.Sprint(i)},
		}
		if i%5 == 0 {
			ev.Anonymous = true
		} else {
			ev.Visitor = id16(0xa0, i%200)
		}
		if i%10 == 0 {
			ev.AnonymousIds = [][]byte{id16(0xb0, i), id16(0xb1, i)}
		}
		rows[i] = clickhouse.Row{Envelope: ev, Source: schemas.Source{Origin: "log", Partition: 3, Offset: offset, Event: uint32(i)}, Loaded: day.Add(time.Hour)}
	}
	return rows
}

func TestInsertKeepsEveryField(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	row := someRows(7, 1)[0]
	row.Envelope.Id = []byte("\x01\x8f\x3a\x5b\x7c\x9d\x7e\xf0\x81\x23\x45\x67\x89\xab\xcd\xef")
	row.Envelope.Path = "/ä'\"\\\x00\n\xff"
	if err := store.Insert(ctx, "t1", []clickhouse.Row{row}); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	f := func(expression, want string) {
		t.Helper()
		var got string
		query(t, store, "SELECT toString("+expression+") FROM events", &got)
		if got != want {
			t.Errorf("%s = %q, want %q", expression, got, want)
		}
	}
	f("site", "site-0")
	f("kind", "page")
	f("id", "018f3a5b-7c9d-7ef0-8123-456789abcdef")
	f("time", "2026-07-01 12:00:00.000")
	f("received", "2026-07-01 12:00:00.120")
	f("loaded", "2026-07-01 13:00:00.000")
	f("(source_origin, source_partition, source_offset, source_event)", "('log',3,7,0)")
	f("(retried, unverified_origin, anonymous)", "(true,true,true)")
	f("(jurisdiction, matrix_version, categories, notice, retention)", "('strictest',1,5,'0a1b2c3d',240)")
	f("hex(record)", "C00102030405760788090A0B00000000")
	f("hex(visitor)", strings.Repeat("0", 32))
	f("view", "f0010203-0405-7607-8809-0a0b001ab3f0")
	f("anonymous_ids", "['b0010203-0405-7607-8809-0a0b00000000','b1010203-0405-7607-8809-0a0b00000000']")
	f("(host, referrer_host, utm_source, utm_medium, utm_campaign, utm_term, utm_content)", "('example.org','','','mail','spring','shoes','a')")
	f("hex(path)", strings.ToUpper(fmt.Sprintf("%x", row.Envelope.Path)))
	f("(click_id_kind, click_id, country, region, network, network_owner)", "('gclid','c0','DE','Hesse',3320,'Example Net')")
	f("(browser, os, device, bot, engaged_ms, name, form)", "('Firefox','Linux','desktop','',0,'buy','signup')")
	f("mapSort(props)", "{'n':'0','plan':'pro'}")
}

func TestInsertDropsARepeat(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	f := func(token string, rows []clickhouse.Row, want uint64) {
		t.Helper()
		if err := store.Insert(ctx, token, rows); err != nil {
			t.Fatalf("Insert(%q) = %v, want no error", token, err)
		}
		var n uint64
		query(t, store, "SELECT count() FROM events", &n)
		if n != want {
			t.Errorf("after Insert(%q): %d rows, want %d", token, n, want)
		}
	}
	rows := someRows(1, 100)
	f("a", rows, 100)
	f("a", rows, 100)
	f("b", someRows(2, 100), 200)
	f("a", someRows(3, 50), 200) // the token alone decides
	f("c", rows, 300)            // and nothing but the token
	clickhousetest.CheckProjections(t, store)
}

func TestInsertIsOnePart(t *testing.T) {
	store := clickhousetest.Open(t)
	if err := store.Insert(context.Background(), "big", someRows(1, 30_000)); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	var parts uint64
	query(t, store, "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'", &parts)
	if parts != 1 {
		t.Errorf("parts = %d, want 1", parts)
	}
}

// The loader trims its log behind an insert, so the insert must have reached the disk, its folder included.
func TestInsertIsSynced(t *testing.T) {
	store := clickhousetest.Open(t)
	syncs := func() (files, folders uint64) {
		query(t, store, "SELECT sumIf(value, event = 'FileSync'), sumIf(value, event = 'DirectorySync') FROM system.events", &files, &folders)
		return files, folders
	}
	files, folders := syncs()
	if err := store.Insert(context.Background(), "a", someRows(1, 100)); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	filesAfter, foldersAfter := syncs()
	if filesAfter <= files || foldersAfter <= folders {
		t.Errorf("an insert synced %d files and %d folders, want some of both", filesAfter-files, foldersAfter-folders)
	}
}

func TestInsertRowFailure(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(name string, spoil func(*clickhouse.Row)) {
		t.Helper()
		rows := someRows(1, 5)
		spoil(&rows[3])
		err := store.Insert(context.Background(), name, rows)
		var bad *clickhouse.RowError
		if !errors.As(err, &bad) || bad.Index != 3 || !errors.Is(err, clickhouse.ErrRefused) {
			t.Errorf("Insert(%s) = %v, want a RowError for row 3", name, err)
		}
	}
	f("no envelope", func(r *clickhouse.Row) { r.Envelope = nil })
	f("short id", func(r *clickhouse.Row) { r.Envelope.Id = []byte{1} })
	f("no id", func(r *clickhouse.Row) { r.Envelope.Id = nil })
	f("kind", func(r *clickhouse.Row) { r.Envelope.Kind = "paeg" })
	f("visitor", func(r *clickhouse.Row) { r.Envelope.Visitor = make([]byte, 17) })
	f("view", func(r *clickhouse.Row) { r.Envelope.View = make([]byte, 3) })
	f("record", func(r *clickhouse.Row) { r.Envelope.Record = make([]byte, 3) })
	f("anonymous id", func(r *clickhouse.Row) { r.Envelope.AnonymousIds = [][]byte{nil} })
	f("categories", func(r *clickhouse.Row) { r.Envelope.Categories = 256 })
	f("retention", func(r *clickhouse.Row) { r.Envelope.RetentionMonths = 256 })
	f("time", func(r *clickhouse.Row) { r.Envelope.TimeMs = -1 })
	f("receipt", func(r *clickhouse.Row) { r.Envelope.ReceivedMs = 1 << 60 })
	f("loaded", func(r *clickhouse.Row) { r.Loaded = time.Time{} })
	var n uint64
	if query(t, store, "SELECT count() FROM events", &n); n != 0 {
		t.Errorf("rows = %d, want none of a refused block", n)
	}
}

func TestInsertTwoPartitionsFailure(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(spoil func(*schemas.Envelope)) {
		t.Helper()
		rows := someRows(1, 2)
		spoil(rows[1].Envelope)
		if err := store.Insert(context.Background(), "x", rows); err == nil || errors.Is(err, clickhouse.ErrRefused) {
			t.Errorf("Insert of two partitions = %v, want an error that is not a refusal", err)
		}
	}
	f(func(ev *schemas.Envelope) { ev.RetentionMonths++ })
	f(func(ev *schemas.Envelope) { ev.TimeMs = day.AddDate(0, 1, 0).UnixMilli() })
}

func TestInsertDead(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	letters := []clickhouse.DeadLetter{{Time: day, Reason: "no id", Source: schemas.Source{Origin: "log", Partition: 1, Offset: 2, Event: 3}, Envelope: []byte{0, 1, 255}}}
	for range 2 {
		if err := store.InsertDead(ctx, "d", letters); err != nil {
			t.Fatalf("InsertDead = %v, want no error", err)
		}
	}
	var n uint64
	var reason, envelope string
	query(t, store, "SELECT count(), any(reason), any(envelope) FROM dead_letters", &n, &reason, &envelope)
	if n != 1 || reason != "no id" || !bytes.Equal([]byte(envelope), letters[0].Envelope) {
		t.Errorf("dead_letters = %d rows, %q, %x; want 1, %q, %x", n, reason, envelope, "no id", letters[0].Envelope)
	}
}

// Without room nothing is sent. When room has gone during the insert its outcome counts as unknown, also though the rows
// are there; a repeat with the same token is then dropped and says so.
func TestInsertWithoutRoom(t *testing.T) {
	store := clickhousetest.Open(t)
	rows := someRows(1, 5)[:1]
	free := []uint64{200 << 20}
	store.SetFreeBytes(func(string) (uint64, error) {
		now := free[0]
		free = append(free[1:], free[len(free)-1])
		return now, nil
	})
	count := func() (n uint64) {
		query(t, store, "SELECT count() FROM events", &n)
		return n
	}
	if err := store.Insert(t.Context(), "a", rows); err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert with 200 MiB free = %v, want an outage", err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d rows are stored, want 0", n)
	}
	free = []uint64{300 << 20, 100 << 20}
	if err := store.Insert(t.Context(), "a", rows); err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert that leaves 100 MiB = %v, want an unknown outcome", err)
	}
	free = []uint64{300 << 20}
	if err := store.Insert(t.Context(), "a", rows); err != nil {
		t.Errorf("Insert with room: %v", err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d rows are stored, want 1", n)
	}
}
