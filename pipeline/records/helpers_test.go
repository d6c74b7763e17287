package records_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/pipeline/records"
	"heed/pipeline/wal"
	"heed/schemas"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }

var silent = slog.New(slog.DiscardHandler)

// epoch is when the tests' first records reached a collector.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// id returns the n-th UUIDv7 of the tests.
func id(n int) (id record.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(epoch.UnixMilli()+int64(n))<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], uint64(n)|1<<63)
	return id
}

// grant returns the n-th record of the tests, which came at a time and answers a notice.
func grant(n int, at time.Time, notice record.NoticeRef) *record.Record {
	return &record.Record{
		Version: 1, ID: id(n), Site: "shop", Event: record.Chosen, Method: record.ByButton, Control: "save",
		TimeMS: at.UnixMilli(), ExpiresMS: at.AddDate(0, 6, 0).UnixMilli(),
		Place: record.Place{Country: "DE", Region: "Bavaria", Source: record.FromAddress}, Jurisdiction: "EEA", MatrixVersion: 2,
		Categories: record.CategoryState(consent.Essential | consent.Performance | consent.Advertising),
		Services:   record.State{Granted: []string{"counter"}, Denied: []string{}},
		Wall:       record.WallSealed, Notice: notice,
	}
}

// withdrawn returns the n-th record of the tests: it takes advertising from the one with the number ended.
func withdrawn(n, ended int, at time.Time, notice record.NoticeRef) *record.Record {
	r := grant(n, at, notice)
	r.Event, r.Control, r.Ends = record.Withdrawn, "withdraw", id(ended)
	r.Categories = record.CategoryState(consent.Essential | consent.Performance)
	return r
}

// shop returns the notice that the tests' records answer.
func shop(t testing.TB) record.Archived {
	t.Helper()
	notice := &record.Notice{
		Version: 1, Kind: "heed.consent.notice", Site: "shop", Layout: "opt_in", Locale: "en", Edition: "1",
		Material: record.Material{
			Version: 1, Kind: "heed.consent.material", ChoiceDays: 182,
			Controller: record.Controller{Name: "Shop Ltd", Contact: "privacy@shop.example", Country: "IE"},
			Purposes:   []record.Purpose{{ID: "measure", Category: "performance", Data: []string{"pages"}, RetentionDays: 395, Locations: []string{"IE"}}},
			Services:   []record.Service{{ID: "counter", Category: "performance", Recipient: "shop", Purposes: []string{"measure"}, LifetimeDays: 182}},
			Recipients: []record.Recipient{{ID: "shop", Name: "Shop Ltd", Country: "IE", Policy: "https://shop.example/privacy"}},
		},
		Look: record.Look{Texts: []record.Text{{ID: "title", Text: "May we?"}}, Buttons: []record.Button{{ID: "reject", Action: "reject", Label: "No"}}},
	}
	archived, err := notice.Archive()
	if err != nil {
		t.Fatal(err)
	}
	return archived
}

// openLog opens the consent log in a folder.
func openLog(t testing.TB, dir string) *wal.Log {
	t.Helper()
	log, err := wal.Open(context.Background(), wal.Config{Dir: filepath.Join(dir, "wal")}, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(context.Background()) })
	return log
}

// write appends records to the log, as a collector does.
func write(t testing.TB, log *wal.Log, list ...*record.Record) {
	t.Helper()
	for _, r := range list {
		if _, err := log.Append(context.Background(), []*schemas.Envelope{envelope(t, r)}); err != nil {
			t.Fatal(err)
		}
	}
}

func envelope(t testing.TB, r *record.Record) *schemas.Envelope {
	t.Helper()
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &schemas.Envelope{Version: 1, Site: r.Site, Id: r.ID[:], Kind: "consent", ReceivedMs: r.TimeMS, TimeMs: r.TimeMS, Statement: text}
}

// drain closes the log and loads it to its end.
func drain(t testing.TB, log *wal.Log, dir string, store records.Store) {
	t.Helper()
	if err := run(t, log, dir, store); err != nil {
		t.Fatalf("Run = %v, want no error", err)
	}
}

// run closes the log and loads what it holds. Dead letters go to the store, too.
func run(t testing.TB, log *wal.Log, dir string, store records.Store) error {
	t.Helper()
	plans, err := load.FilePlans(dir)
	if err != nil {
		t.Fatal(err)
	}
	parts := records.Parts{Log: load.Local(log), Plans: plans, Store: store, Dead: store.(load.DeadSink)}
	loader, err := records.Open(t.Context(), records.Config{}, parts, silent)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return loader.Run(t.Context())
}

// signer signs the tests' roots.
func signer(t testing.TB) *record.Signer {
	t.Helper()
	s, err := record.NewSigner("consent.example", ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// auditor audits a store at a time.
func auditor(t testing.TB, store *clickhouse.Store, now time.Time) records.Auditor {
	return records.Auditor{Store: store, Keys: []string{signer(t).PublicKey()}, ProofYears: 5, Now: func() time.Time { return now }}
}

// verify audits the shop and returns what was found.
func verify(t testing.TB, a records.Auditor) *records.Report {
	t.Helper()
	report, err := a.Verify(context.Background(), "shop")
	if err != nil {
		t.Fatalf("Verify = %v, want no error", err)
	}
	return report
}
