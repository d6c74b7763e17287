package records_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/records"
)

// load chains records as a loader does that runs for a moment.
func chain(t testing.TB, store *clickhouse.Store, list ...*record.Record) {
	t.Helper()
	dir := t.TempDir()
	log := openLog(t, dir)
	write(t, log, list...)
	drain(t, log, dir, store)
}

// notary makes a notary whose day is that of now.
func notary(t testing.TB, store records.NotaryStore, to records.Destinations, now time.Time) *records.Notary {
	t.Helper()
	n, err := records.NewNotary(records.NotaryConfig{Signer: signer(t), SendTo: to, Now: func() time.Time { return now }}, store, silent)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// once lets a notary do what is due at its start.
func once(t testing.TB, n *records.Notary) {
	t.Helper()
	if err := n.Round(context.Background()); err != nil {
		t.Fatalf("Round = %v, want no error", err)
	}
}

func TestNotaryClosesADayOnce(t *testing.T) {
	store, notice, dir := clickhousetest.Open(t), shop(t), t.TempDir()
	if err := store.PutNotices(t.Context(), "shop", []record.Archived{notice}); err != nil {
		t.Fatal(err)
	}
	chain(t, store, grant(1, epoch, notice.Ref), grant(2, epoch, notice.Ref))
	to := records.Destinations{Dir: dir}
	once(t, notary(t, store, to, epoch.Add(time.Hour))) // the day is not over
	if roots, err := store.Roots(t.Context(), "shop"); len(roots) != 0 || err != nil {
		t.Fatalf("Roots within the day = %v, %v; want none", roots, err)
	}
	for range 2 { // a second notary finds nothing left to do
		once(t, notary(t, store, to, epoch.AddDate(0, 0, 1)))
	}
	chain(t, store, grant(3, epoch.AddDate(0, 0, 1), notice.Ref))
	once(t, notary(t, store, to, epoch.AddDate(0, 0, 4)))
	roots, err := store.Roots(t.Context(), "shop")
	if len(roots) != 2 || roots[0].Day != "2026-11-01" || roots[0].Size != 2 || roots[1].Day != "2026-11-02" || roots[1].Sent.IsZero() || err != nil {
		t.Fatalf("Roots = %+v, %v; want one of each day with records, sent", roots, err)
	}
	a := auditor(t, store, epoch)
	for _, root := range roots {
		name := filepath.Join(dir, "shop."+root.Day+"."+string('0'+rune(root.Size))+".note")
		text, err := os.ReadFile(name)
		if err != nil || string(text) != string(root.Note) {
			t.Errorf("sent root %s = %q, %v; want what is stored", name, text, err)
		}
		a.Notes = append(a.Notes, records.Note{Name: name, Text: text})
	}
	if report := verify(t, a); len(report.Findings) > 0 || report.Roots != 2 || report.Notes != 2 || report.Covered != 3 {
		t.Errorf("Verify = %+v, want all of it whole", report)
	}
	proved, err := a.Prove(t.Context(), "", id(3))
	if err != nil || proved.Record.ID != id(3) || proved.Day != "2026-11-02" {
		t.Errorf("Prove = %+v, %v; want the record under the second root", proved, err)
	}
}

// A chain that goes on from a root whose earlier rows nobody reads again is that of one run.
func TestChainGoesOnBehindARoot(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t).Ref
	for n := range 5 {
		chain(t, store, grant(n, epoch.AddDate(0, 0, n), notice))
		once(t, notary(t, store, records.Destinations{}, epoch.AddDate(0, 0, n+1)))
	}
	report := verify(t, auditor(t, store, epoch))
	if report.Rows != 5 || report.Roots != 5 || len(report.Findings) != 1 { // nobody has archived the notice
		t.Errorf("Verify = %+v, want 5 rows under 5 roots", report)
	}
}

// A record that a clock stamped years ahead keeps no other from being signed.
func TestNotarySignsBehindARecordFromTheFuture(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t).Ref
	chain(t, store, grant(1, epoch.AddDate(10, 0, 0), notice), grant(2, epoch, notice))
	for n := range 2 {
		once(t, notary(t, store, records.Destinations{}, epoch.AddDate(0, 0, 1+n)))
	}
	roots, err := store.Roots(t.Context(), "shop")
	if len(roots) != 1 || roots[0].Size != 2 || roots[0].Day != "2026-11-01" || err != nil {
		t.Errorf("Roots = %+v, %v; want one over both records", roots, err)
	}
}

func TestNotarySendsAgain(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t).Ref
	var mu sync.Mutex
	var got []string
	status := http.StatusServiceUnavailable
	owner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		text, _ := io.ReadAll(r.Body)
		got = append(got, string(text))
		w.Header().Set("Location", "/elsewhere") // not followed
		w.WriteHeader(status)
	}))
	defer owner.Close()
	chain(t, store, grant(1, epoch, notice))
	n := notary(t, store, records.Destinations{URL: owner.URL}, epoch.AddDate(0, 0, 1))
	for _, refusal := range []int{http.StatusServiceUnavailable, http.StatusFound} {
		mu.Lock()
		status = refusal
		mu.Unlock()
		if _, err := n.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "1 signed roots have not left this machine") {
			t.Errorf("Close with %d = %v, want an error that says what stays", refusal, err)
		}
	}
	if unsent, err := store.UnsentRoots(t.Context()); len(unsent) != 1 || err != nil {
		t.Fatalf("UnsentRoots = %v, %v; want one", unsent, err)
	}
	says(t, n, "heed_records_roots_unsent 1")
	elsewhere, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(elsewhere); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	says(t, n, "heed_records_roots_unsent 0")
	mu.Lock()
	status = http.StatusNoContent
	mu.Unlock()
	if _, err := n.Close(t.Context()); err != nil {
		t.Fatalf("Close = %v, want no error", err)
	}
	roots, err := store.Roots(t.Context(), "shop")
	if len(roots) != 1 || roots[0].Sent.IsZero() || roots[0].SentTo != owner.URL || err != nil {
		t.Errorf("Roots = %+v, %v; want one, sent to %s", roots, err, owner.URL)
	}
	for _, text := range got {
		if text != string(roots[0].Note) {
			t.Errorf("the owner got %q, want %q", text, roots[0].Note)
		}
	}
}

// says looks for a line among the metrics.
func says(t *testing.T, n *records.Notary, line string) {
	t.Helper()
	var text strings.Builder
	n.WriteMetrics(&text)
	if !strings.Contains(text.String(), line+"\n") {
		t.Errorf("metrics do not say %q:\n%s", line, &text)
	}
}

// Rows expire behind a root; what is left verifies, and a mark on a younger root is no excuse.
func TestNotaryExpires(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t)
	if err := store.PutNotices(t.Context(), "shop", []record.Archived{notice}); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		at := epoch.AddDate(n, 0, 0)
		chain(t, store, grant(n, at, notice.Ref))
		once(t, notary(t, store, records.Destinations{}, at.AddDate(0, 0, 1)))
	}
	now := epoch.AddDate(7, 0, 20) // the first two ended five years ago, but the second's root is no 400 days older than that
	chain(t, store, grant(6, now.AddDate(0, 0, -5), notice.Ref))
	once(t, notary(t, store, records.Destinations{}, now))
	first := func(want uint64) {
		t.Helper()
		states, err := store.ChainStates(t.Context())
		if len(states) != 1 || states[0].First != want || states[0].Size != 4 || err != nil {
			t.Fatalf("ChainStates = %+v, %v; want the rows from %d on", states, err, want)
		}
	}
	first(1)
	roots, err := store.Roots(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	roots[1].Expired = true // somebody hides the second row, before an auditor can know that its choice ended long enough ago
	if err := store.PutRoot(t.Context(), roots[1]); err != nil {
		t.Fatal(err)
	}
	a := auditor(t, store, now)
	for _, root := range roots {
		a.Notes = append(a.Notes, records.Note{Name: root.Day, Text: root.Note})
	}
	found(t, a, "root: the rows before the root of 2027-11-01 are said to have expired, but those of roots since 2027-10-18 are to be kept (proof_years 5)")

	now = now.AddDate(0, 0, 20)
	a.Now = func() time.Time { return now }
	once(t, notary(t, store, records.Destinations{}, now))
	first(2)
	if report := verify(t, a); len(report.Findings) > 0 || report.First != 2 || report.Rows != 4 || report.Notes != 3 || report.Covered != 4 {
		t.Errorf("Verify = %+v, want what is left whole, and no word of the root before it", report)
	}
	chain(t, store, grant(7, now, notice.Ref))
	if report := verify(t, a); len(report.Findings) > 0 || report.Rows != 5 {
		t.Errorf("Verify with a new row = %+v, want it whole", report)
	}
	roots[2].Expired = true // somebody removes the third row
	if err := store.PutRoot(t.Context(), roots[2]); err != nil {
		t.Fatal(err)
	}
	if err := store.DropRecords(t.Context(), "shop", 3); err != nil {
		t.Fatal(err)
	}
	found(t, a, "root: the rows before the root of 2028-11-01 are said to have expired, but those of roots since 2027-11-07 are to be kept (proof_years 5)")
}

// Whoever has store and key can say that everything had expired before they began, and cannot say it of the roots that have left.
func TestAuditorBelievesNoExpiryOfYoungRoots(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t)
	if err := store.PutNotices(t.Context(), "shop", []record.Archived{notice}); err != nil {
		t.Fatal(err)
	}
	a := auditor(t, store, epoch.AddDate(1, 0, 0))
	for n := range 2 {
		chain(t, store, grant(n, epoch.AddDate(0, 0, n), notice.Ref))
		once(t, notary(t, store, records.Destinations{}, epoch.AddDate(0, 0, n+1)))
	}
	roots, err := store.Roots(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		a.Notes = append(a.Notes, records.Note{Name: root.Day, Text: root.Note})
	}
	invented := record.NewChain("shop", false)
	if _, err := invented.Append([]*record.Record{grant(5, epoch, notice.Ref), grant(6, epoch, notice.Ref), grant(7, epoch, notice.Ref)}, nil); err != nil {
		t.Fatal(err)
	}
	checkpoint, err := invented.Checkpoint(time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer(t).Sign(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	forged := clickhouse.Root{Site: "shop", Size: 3, Day: checkpoint.Day, Note: text, Key: signer(t).PublicKey(), Made: epoch, Expired: true}
	if err := store.PutRoot(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	if err := store.DropRecords(t.Context(), "shop", 3); err != nil {
		t.Fatal(err)
	}
	report := found(t, a,
		"note: 2026-11-01: it covers rows that are said to have expired, but those of roots since 2021-09-27 are to be kept (proof_years 5)",
		"note: 2026-11-02: it covers rows that are said to have expired, but those of roots since 2021-09-27 are to be kept (proof_years 5)")
	if report.Notes != 0 || report.Covered != 0 {
		t.Errorf("Verify = %+v, want no word of rows that are those of a root from elsewhere", report)
	}
}

// What is wrong with one chain keeps no other from being signed, sent and expired.
func TestNotaryPassesOverBrokenChains(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t).Ref
	of := func(site string, n int, at time.Time) *record.Record {
		r := grant(n, at, notice)
		r.Site = site
		return r
	}
	chain(t, store, of("alpha", 1, epoch), of("beta", 2, epoch), of("beta", 3, epoch), grant(4, epoch, notice))
	once(t, notary(t, store, records.Destinations{}, epoch.AddDate(0, 0, 1)))
	now := epoch.AddDate(7, 0, 0)
	chain(t, store, grant(5, now.AddDate(0, 0, -2), notice))
	tamper(t, store,
		`ALTER TABLE consent_records UPDATE record = replaceOne(record, '"v":1', '"v":2') WHERE site = 'alpha'`,
		`ALTER TABLE consent_records DELETE WHERE site = 'beta' AND row_index = 0`)

	n := notary(t, store, records.Destinations{Dir: t.TempDir()}, now)
	if err := n.Round(t.Context()); !errors.Is(err, record.ErrTooNew) || strings.Contains(err.Error(), "beta") {
		t.Errorf("Round = %v, want the error of the one chain that a newer program wrote", err)
	}
	says(t, n, "heed_records_chains_broken 1")
	says(t, n, "heed_records_roots_unsent 0")
	if roots, err := store.Roots(t.Context(), "shop"); len(roots) != 2 || !roots[0].Expired || roots[1].Sent.IsZero() || err != nil {
		t.Errorf("Roots = %+v, %v; want one that has expired, and one that is sent", roots, err)
	}

	chain(t, store, of("beta", 6, now), grant(7, now, notice))
	tamper(t, store, `ALTER TABLE consent_records UPDATE record = replaceOne(record, '"save"', '"sive"') WHERE site = 'beta' AND row_index = 2`)
	made, err := n.Close(t.Context())
	if len(made) != 1 || made[0].Site != "shop" || err == nil || !strings.Contains(err.Error(), `close the day of site "beta": `) {
		t.Errorf("Close = %+v, %v; want the root of the shop, and what is wrong with the other", made, err)
	}
	if unsent, err := store.UnsentRoots(t.Context()); len(unsent) != 0 || err != nil {
		t.Errorf("UnsentRoots = %+v, %v; want none", unsent, err)
	}
}

// tamper runs statements as somebody who can write the store.
func tamper(t testing.TB, store *clickhouse.Store, statements ...string) {
	t.Helper()
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		if err := conn.Exec(context.Background(), statement+" SETTINGS mutations_sync = 2"); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// found audits the shop and compares what was found.
func found(t testing.TB, a records.Auditor, want ...string) *records.Report {
	t.Helper()
	report := verify(t, a)
	var got []string
	for _, finding := range report.Findings {
		got = append(got, finding.What+": "+finding.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Verify found %q, want %q", got, want)
	}
	return report
}

// A clock that runs ten years ahead removes nothing: not at a start, and not when it is set while the notary runs.
func TestNotaryKeepsRowsFromAWrongClock(t *testing.T) {
	store, notice := clickhousetest.Open(t), shop(t).Ref
	day := func(n int) time.Time { return epoch.AddDate(0, 0, n) }
	chain(t, store, grant(0, epoch, notice))
	once(t, notary(t, store, records.Destinations{}, day(1)))
	chain(t, store, grant(1, day(2), notice))
	left := func(when string, wantRows, wantRoots int) {
		t.Helper()
		rows := 0
		for _, err := range store.Records(t.Context(), "shop", 0) {
			if rows++; err != nil {
				t.Fatal(err)
			}
		}
		if rows != wantRows {
			t.Errorf("%s %d rows are left, want %d", when, rows, wantRows)
		}
		if roots, err := store.Roots(t.Context(), "shop"); len(roots) != wantRoots || err != nil {
			t.Errorf("Roots %s = %d, %v; want %d", when, len(roots), err, wantRoots)
		}
	}
	var log strings.Builder
	now := epoch.AddDate(10, 0, 0)
	cfg := records.NotaryConfig{Signer: signer(t), Now: func() time.Time { return now }}
	n, err := records.NewNotary(cfg, store, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	once(t, n)
	left("after a start in ten years", 2, 2) // what is new is signed
	for ; now.Before(epoch.AddDate(10, 0, 3)); now = now.AddDate(0, 0, 1) {
		once(t, n) // the clock is set each time
	}
	if told := strings.Count(log.String(), "consent records that would expire stay for now"); told != 1 {
		t.Errorf("the log tells %d times that rows stay, want once:\n%s", told, &log)
	}
	n.Age(25 * time.Hour)
	now = now.AddDate(10, 0, 0)
	once(t, n)
	left("after the clock was set", 2, 2)

	n.Age(25 * time.Hour)
	now = now.Add(30 * time.Minute) // as of the time service
	n.Forget()
	once(t, n)
	left("after a day on one clock", 0, 2)
}

// away is a store that does not answer.
type away struct{ records.NotaryStore }

var errAway = errors.New("store is away")

func (away) ChainStates(context.Context) ([]clickhouse.ChainState, error) { return nil, errAway }
func (away) UnsentRoots(context.Context) ([]clickhouse.Root, error)       { return nil, errAway }

func TestNotaryWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := notary(t, away{}, records.Destinations{}, epoch)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := n.Run(ctx); err != nil {
			t.Errorf("Run = %v, want no error", err)
		}
		var text strings.Builder
		n.WriteMetrics(&text)
		if !strings.Contains(text.String(), "heed_records_notary_errors_total 1") {
			t.Errorf("metrics = %s, want the errors counted", &text)
		}
	})
}

func TestParseDestinationsFailure(t *testing.T) {
	f := func(list ...string) {
		t.Helper()
		if d, err := records.ParseDestinations(list); err == nil {
			t.Errorf("ParseDestinations(%q) = %v, want an error", list, d)
		}
	}
	f("http://owner.example/roots")             // for everybody on the way to read and change
	f("ftp://owner.example")                    // not HTTP
	f("https://")                               // no host
	f("/a", "/b")                               // two folders
	f("https://a.example", "https://b.example") // two URLs
}
