package clickhouse_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

var silent = slog.New(slog.DiscardHandler)

func TestValidateFailure(t *testing.T) {
	f := func(cfg clickhouse.Config, want string) {
		t.Helper()
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%+v) = %v, want an error about %s", cfg, err, want)
		}
		if _, err := clickhouse.Open(context.Background(), cfg, silent); err == nil {
			t.Errorf("Open(%+v): want error", cfg)
		}
	}
	ok := clickhouse.Config{Path: "p", Library: "l"}
	if err := ok.Validate(); err != nil {
		t.Errorf("Validate(%+v) = %v, want no error", ok, err)
	}
	f(clickhouse.Config{Library: "l"}, "path")
	f(clickhouse.Config{Path: "p"}, "library")
	f(clickhouse.Config{Path: "p", Library: "l", Database: "a`b"}, "database")
	f(clickhouse.Config{Path: "p", Library: "l", Connections: 65}, "connections")
	f(clickhouse.Config{Path: "p", Library: "l", Connections: -1}, "connections")
	f(clickhouse.Config{Path: "p", Library: "l", MemoryBytes: -1}, "memory")
	f(clickhouse.Config{DSN: "http://"}, "dsn")
}

func TestOpenOtherFolderFailure(t *testing.T) {
	clickhousetest.Open(t)
	cfg := clickhouse.Config{Path: t.TempDir(), Library: clickhousetest.Library()}
	if _, err := clickhouse.Open(context.Background(), cfg, silent); !errors.Is(err, clickhouse.ErrOtherFolder) {
		t.Errorf("Open of a second folder = %v, want ErrOtherFolder", err)
	}
}

func TestClosedStoreFailure(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	if err := conn.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Close(ctx); err != nil {
			t.Errorf("Close = %v, want no error", err)
		}
	}
	if err := store.Ping(ctx); err == nil {
		t.Error("Ping of a closed store: want error")
	}
	if err := store.Insert(ctx, "t", someRows(1, 1)); err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert into a closed store = %v, want an error that is not a refusal", err)
	}
	if err := conn.Ping(ctx); !errors.Is(err, clickhouse.ErrClosed) {
		t.Errorf("Ping over the transport of a closed store = %v, want ErrClosed", err)
	}
}

// A nil dereference must stay a panic that can be recovered, though libchdb would handle SIGSEGV itself, and signals
// must reach the program on whichever thread they arrive.
func TestSignalsStayGos(t *testing.T) {
	clickhousetest.Open(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nil dereference: want a panic")
			}
		}()
		var row *clickhouse.Row
		_ = row.Envelope
	}()
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGUSR1)
	defer signal.Stop(arrived)
	for range 100 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		<-arrived
	}
}

func TestParametersAreData(t *testing.T) {
	conn := connect(t, clickhousetest.Open(t))
	f := func(in string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(context.Background(), "SELECT {s:String}", driver.Named("s", in)).Scan(&got); err != nil || got != in {
			t.Errorf("SELECT %q = %q, %v", in, got, err)
		}
	}
	f("")
	f("plain")
	f(`it's "quoted" \ and \n`)
	f("tab\tnewline\nreturn\rzero\x00end")
	f("ünïcode and \xff\xfe")
	f("'; DROP TABLE events; --")
}

func TestResults(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, clickhousetest.Open(t))
	f := func(sql string, want int) {
		t.Helper()
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		if n != want || rows.Err() != nil {
			t.Errorf("%s = %d rows, %v; want %d", sql, n, rows.Err(), want)
		}
	}
	f("SELECT number FROM numbers(300000)", 300_000) // several blocks
	f("SELECT number, toString(number) FROM numbers(0)", 0)
	f("SELECT site, path, props, anonymous_ids FROM events", 0)
	f("SHOW TABLES LIKE 'events'", 1)
	f("SELECT toLowCardinality(toString(number % 3)), [number], map('a', number) FROM numbers(10)", 10)
}

// What a statement sets, its database included, must not stay with the connection that another one gets.
func TestSettingsEndWithTheirStatement(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	f := func(ctx context.Context, want string) {
		t.Helper()
		for range 12 { // more than there are connections
			var got string
			if err := conn.QueryRow(ctx, "SELECT toString(getSetting('max_threads')) || getSetting('log_comment')").Scan(&got); err != nil || got != want {
				t.Fatalf("settings = %q, %v; want %q", got, err, want)
			}
		}
	}
	var threads string
	query(t, store, "SELECT toString(getSetting('max_threads'))", &threads)
	f(driver.Context(ctx, driver.WithSettings(driver.Settings{"max_threads": 1, "log_comment": `it's \`})), `1it's \`)
	f(driver.Context(ctx, driver.WithSettings(driver.Settings{"max_threads": 3})), "3")
	f(ctx, threads)
	for range 12 {
		req, err := http.NewRequest(http.MethodPost, "http://embedded/?default_format=TSVRaw", strings.NewReader("SELECT currentDatabase()"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := store.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(answer.Body); string(text) != "default\n" {
			t.Fatalf("database of a statement that names none = %q, want default", text)
		}
	}
	bad := driver.Context(ctx, driver.WithSettings(driver.Settings{"no_such_setting": 1}))
	var n uint8
	if err := conn.QueryRow(bad, "SELECT 1").Scan(&n); err == nil {
		t.Error("unknown setting: want error")
	}
	f(ctx, threads)
}

func TestErrorsHaveTheEnginesCode(t *testing.T) {
	conn := connect(t, clickhousetest.Open(t))
	f := func(sql string, want int32) {
		t.Helper()
		err := conn.Exec(context.Background(), sql)
		var exception *driver.Exception
		if !errors.As(err, &exception) || exception.Code != want {
			t.Errorf("Exec(%q) = %v, want code %d", sql, err, want)
		}
	}
	f("SELECT FROM WHERE", 62)
	f("SELECT * FROM nowhere", 60)
	f("SELECT throwIf(1)", 395)
}

func TestInsertRefusedAndOutage(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	exec := func(sql string) {
		t.Helper()
		if err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("ALTER TABLE events ADD CONSTRAINT no_forms CHECK kind != 'form'")
	if err := store.Insert(ctx, "a", someRows(1, 10)); !errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert against a constraint = %v, want ErrRefused", err)
	}
	exec("ALTER TABLE events DROP CONSTRAINT no_forms")
	if err := store.Insert(ctx, "a", someRows(1, 10)); err != nil {
		t.Errorf("Insert after a refusal = %v, want no error", err)
	}
	exec("DROP TABLE events")
	if err := store.Insert(ctx, "b", someRows(1, 10)); err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert without a table = %v, want an error that is not a refusal", err)
	}
}

// An abandoned question returns at once, and its connection is used again only when the engine is done with it.
func TestCancelledQuery(t *testing.T) {
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	var wg sync.WaitGroup
	for range 8 { // twice the connections
		ctx, cancel := context.WithCancel(context.Background())
		wg.Go(func() {
			var n uint64
			err := conn.QueryRow(ctx, "SELECT count() FROM numbers(3) WHERE sleepEachRow(0.1) = 0").Scan(&n)
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("query = %v, want context.Canceled", err)
			}
		})
		cancel()
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := store.Insert(ctx, "never", someRows(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Insert under a cancelled context = %v, want context.Canceled", err)
	}
	var n uint64
	if query(t, store, "SELECT count() FROM events", &n); n != 0 {
		t.Errorf("rows = %d, want 0", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	ctx := context.Background()
	store := clickhousetest.Open(t)
	conn := connect(t, store)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 5 {
				if err := store.Insert(ctx, fmt.Sprint(i, "-", j), someRows(uint64(i*10+j), 200)); err != nil {
					t.Errorf("Insert = %v, want no error", err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				var n uint64
				if err := conn.QueryRow(ctx, "SELECT count() FROM events").Scan(&n); err != nil || n%200 != 0 {
					t.Errorf("count = %d, %v; want whole blocks", n, err)
				}
			}
		})
	}
	wg.Wait()
	var n, ids uint64
	if query(t, store, "SELECT count(), uniqExact(id) FROM events", &n, &ids); n != 6000 || ids != 6000 {
		t.Errorf("rows, ids = %d, %d; want 6000, 6000", n, ids)
	}
	clickhousetest.CheckProjections(t, store)
}

func TestTransportRefuses(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(query string, body io.Reader, header http.Header) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://embedded/?"+query, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		answer, err := store.Transport().RoundTrip(req)
		if err == nil && answer.StatusCode == http.StatusOK {
			t.Errorf("RoundTrip(%q, %v) = 200, want a refusal", query, header)
		}
	}
	f("query=INSERT+INTO+events+FORMAT+Native", nil, http.Header{})
	f("query=INSERT+INTO+events+FORMAT+Native", strings.NewReader("x"), http.Header{"Content-Encoding": {"gzip"}})
	f("", strings.NewReader("x"), http.Header{"Content-Type": {"multipart/form-data; boundary=x"}})
	f("database="+strings.Repeat("x", 9), strings.NewReader("SELECT 1"), http.Header{})
}

// A server by DSN goes the same way; here its part is played by the engine behind a real HTTP listener.
func TestServerByDSN(t *testing.T) {
	ctx := context.Background()
	embedded := clickhousetest.OpenEmpty(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := embedded.Transport().RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer answer.Body.Close()
		for name := range answer.Header {
			w.Header().Set(name, answer.Header.Get(name))
		}
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	}))
	defer server.Close()
	store, err := clickhouse.Open(ctx, clickhouse.Config{DSN: server.URL + "/by_dsn_" + rand.Text()}, silent)
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	defer store.Close(ctx)
	if store.Transport() != nil {
		t.Error("Transport of a server: want nil")
	}
	if from, to, err := store.Migrate(ctx); from != 0 || to != clickhouse.Migrations() || err != nil {
		t.Fatalf("Migrate = %d, %d, %v; want 0, %d, no error", from, to, err, clickhouse.Migrations())
	}
	if err := store.Insert(ctx, "a", someRows(1, 100)); err != nil {
		t.Fatalf("Insert = %v, want no error", err)
	}
	rows := someRows(1, 100)
	if found, err := store.Present(ctx, "log", rows[0].Source, rows[99].Source); len(found) != 100 || err != nil {
		t.Errorf("Present = %d rows, %v; want 100", len(found), err)
	}
	if version, err := store.Version(ctx); version == "" || err != nil {
		t.Errorf("Version = %q, %v; want one", version, err)
	}
	clickhousetest.CheckProjections(t, store)
	server.Close()
	if err := store.Insert(ctx, "b", rows); err == nil || errors.Is(err, clickhouse.ErrRefused) {
		t.Errorf("Insert without a server = %v, want an error that is not a refusal", err)
	}
	var text strings.Builder
	store.WriteMetrics(&text)
	for _, line := range []string{"heed_clickhouse_rows_inserted_total 100", `heed_clickhouse_insert_errors_total{kind="outage"} 1`} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("metrics lack %q:\n%s", line, text.String())
		}
	}
}
