package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// openServer opens a store on a server in another process.
func openServer(t testing.TB, dsn string) *clickhouse.Store {
	t.Helper()
	store, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: dsn}, silent)
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	t.Cleanup(func() { store.Close(context.Background()) })
	return store
}

func TestServerInAnotherProcess(t *testing.T) {
	ctx := t.Context()
	server := clickhousetest.StartServer(t)
	store := openServer(t, server.DSN)
	if from, to, err := store.Migrate(ctx); from != 0 || to != clickhouse.Migrations() || err != nil {
		t.Fatalf("Migrate = %d, %d, %v; want 0, %d, no error", from, to, err, clickhouse.Migrations())
	}
	rows := someRows(1, 3000)
	for range 2 {
		if err := store.Insert(ctx, "a", rows); err != nil {
			t.Fatalf("Insert = %v, want no error", err)
		}
	}
	server.Restart()
	if found, err := store.Present(ctx, "log", rows[0].Source, rows[2999].Source); len(found) != 3000 || err != nil {
		t.Errorf("Present after kill and restart = %d rows, %v; want 3000", len(found), err)
	}
	clickhousetest.CheckProjections(t, store)
}

const testUser, testPassword = "someone", "twelve bytes at least"

// listen serves the embedded engine in this process and returns its address.
func listen(t *testing.T, cfg clickhouse.ServerConfig) (host string) {
	t.Helper()
	cfg.User, cfg.Password = testUser, testPassword
	handler, err := clickhousetest.Open(t).Handler(cfg)
	if err != nil {
		t.Fatalf("Handler = %v, want no error", err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return strings.TrimPrefix(web.URL, "http://")
}

func TestServerRefusesStrangers(t *testing.T) {
	host := listen(t, clickhouse.ServerConfig{})
	f := func(want int, user, password string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader("SELECT 1"))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" || password != "" {
			req.SetBasicAuth(user, password)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != want {
			t.Errorf("POST as %q, %q = %d %s, want %d", user, password, answer.StatusCode, text, want)
		}
	}
	f(http.StatusOK, testUser, testPassword)
	f(http.StatusForbidden, "", "")
	f(http.StatusForbidden, testUser, "")
	f(http.StatusForbidden, testUser, testPassword+"x")
	f(http.StatusForbidden, "other", testPassword)

	answer, err := http.Get("http://" + host + "/ping")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("GET /ping = %v, %v; want 200", answer, err)
	}
	conn, err := driver.Open(&driver.Options{Protocol: driver.HTTP, Addr: []string{host}, Auth: driver.Auth{Username: "a", Password: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var exception *driver.Exception
	if err := conn.Ping(t.Context()); !errors.As(err, &exception) || exception.Code != 516 {
		t.Errorf("Ping with a wrong password = %v, want code 516", err)
	}
}

func TestServerConfigFailure(t *testing.T) {
	store := clickhousetest.Open(t)
	f := func(cfg clickhouse.ServerConfig, want string) {
		t.Helper()
		_, err := store.Handler(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || cfg.Password != "" && strings.Contains(err.Error(), cfg.Password) {
			t.Errorf("Handler(%+v) = %v, want an error about %s without the password", cfg, err, want)
		}
	}
	f(clickhouse.ServerConfig{Password: testPassword}, "user")
	f(clickhouse.ServerConfig{User: "u"}, "password")
	f(clickhouse.ServerConfig{User: "u", Password: "short"}, "password")
	f(clickhouse.ServerConfig{User: "u", Password: testPassword, MaxBody: -1}, "limits")
}

func TestServerBoundsBodies(t *testing.T) {
	host := listen(t, clickhouse.ServerConfig{MaxBody: 1000})
	conn, err := driver.Open(&driver.Options{Protocol: driver.HTTP, Addr: []string{host}, Auth: driver.Auth{Username: testUser, Password: testPassword}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT 1::UInt64").Scan(&n); err != nil {
		t.Errorf("a short statement: %v", err)
	}
	var exception *driver.Exception
	err = conn.Exec(t.Context(), fmt.Sprintf("SELECT '%s'", strings.Repeat("x", 1000)))
	if !errors.As(err, &exception) || exception.Code != 307 {
		t.Errorf("a long statement = %v, want code 307", err)
	}
}

// Every compression of the driver, both ways, in results of several blocks, inserts and errors.
func TestServerCompression(t *testing.T) {
	server := clickhousetest.StartServer(t)
	f := func(method string) {
		t.Helper()
		store := openServer(t, server.DSN+"?compress="+method)
		if _, _, err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("%s: Migrate = %v, want no error", method, err)
		}
		rows := someRows(uint64(len(method)*10+int(method[0])), 3000)
		if err := store.Insert(t.Context(), method, rows); err != nil {
			t.Fatalf("%s: Insert = %v, want no error", method, err)
		}
		found, err := store.Present(t.Context(), "log", rows[0].Source, rows[2999].Source)
		if len(found) != 3000 || err != nil {
			t.Errorf("%s: Present = %d rows, %v; want 3000", method, len(found), err)
		}
		conn := connect(t, store)
		numbers, err := conn.Query(t.Context(), "SELECT number, toString(number) FROM numbers({n:UInt64})", driver.Named("n", 300_000))
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		defer numbers.Close()
		n := 0
		for numbers.Next() {
			n++
		}
		if n != 300_000 || numbers.Err() != nil {
			t.Errorf("%s: numbers = %d rows, %v; want 300000", method, n, numbers.Err())
		}
		var exception *driver.Exception
		if _, err := conn.Query(t.Context(), "SELECT throwIf(1)"); !errors.As(err, &exception) || exception.Code != 395 {
			t.Errorf("%s: throwIf = %v, want code 395", method, err)
		}
	}
	for _, method := range []string{"none", "lz4", "zstd", "gzip", "deflate", "br"} {
		f(method)
	}
}

// A compressed body is bounded by what it unpacks to.
func TestServerBoundsUnpackedBodies(t *testing.T) {
	host := listen(t, clickhouse.ServerConfig{MaxBody: 100_000})
	for _, method := range []driver.CompressionMethod{driver.CompressionLZ4, driver.CompressionGZIP} {
		conn, err := driver.Open(&driver.Options{Protocol: driver.HTTP, Addr: []string{host},
			Auth: driver.Auth{Username: testUser, Password: testPassword}, Compression: &driver.Compression{Method: method}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS packed (s String) ENGINE = MergeTree ORDER BY ()"); err != nil {
			t.Fatal(err)
		}
		insert := func(size int) error {
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO packed")
			if err != nil {
				t.Fatal(err)
			}
			if err := batch.Append(strings.Repeat("x", size)); err != nil {
				t.Fatal(err)
			}
			return batch.Send()
		}
		if err := insert(90_000); err != nil {
			t.Errorf("%v: insert of 90 kB = %v, want no error", method, err)
		}
		var exception *driver.Exception
		if err := insert(200_000); !errors.As(err, &exception) || exception.Code != 307 {
			t.Errorf("%v: insert of 200 kB = %v, want code 307", method, err)
		}
	}
}

// More clients than connections wait for their turn; more than there is room for are told so at once.
func TestServerQueues(t *testing.T) {
	host := listen(t, clickhouse.ServerConfig{MaxRequests: 6})
	conn, err := driver.Open(&driver.Options{Protocol: driver.HTTP, Addr: []string{host}, MaxOpenConns: 16,
		Auth: driver.Auth{Username: testUser, Password: testPassword}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	results := make(chan error)
	for range 16 {
		go func() {
			var n uint64
			results <- conn.QueryRow(t.Context(), "SELECT count() FROM numbers(3) WHERE sleepEachRow(0.3) = 0 SETTINGS max_block_size = 1").Scan(&n)
		}()
	}
	ran, turnedAway := 0, 0
	for range 16 {
		var exception *driver.Exception
		switch err := <-results; {
		case err == nil:
			ran++
		case errors.As(err, &exception) && exception.Code == 202:
			turnedAway++
		default:
			t.Errorf("query = %v, want an answer or code 202", err)
		}
	}
	if ran < 6 || turnedAway == 0 {
		t.Errorf("%d ran and %d were turned away, want at least 6 and 1", ran, turnedAway)
	}
}

// A request that waits longer than it may has not been run.
func TestServerEndsWaiting(t *testing.T) {
	host := listen(t, clickhouse.ServerConfig{MaxTime: time.Second})
	conn, err := driver.Open(&driver.Options{Protocol: driver.HTTP, Addr: []string{host}, MaxOpenConns: 8,
		Auth: driver.Auth{Username: testUser, Password: testPassword}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	results := make(chan error)
	for range 8 { // twice the engine's connections
		go func() {
			var n uint64
			results <- conn.QueryRow(t.Context(), "SELECT count() FROM numbers(4) WHERE sleepEachRow(1) = 0 SETTINGS max_block_size = 1").Scan(&n)
		}()
	}
	codes := map[int32]int{}
	for range 8 {
		var exception *driver.Exception
		if err := <-results; errors.As(err, &exception) {
			codes[exception.Code]++
		}
	}
	if codes[159] == 0 || codes[202] == 0 || codes[159]+codes[202] != 8 {
		t.Errorf("codes = %v, want some of 159 (began) and some of 202 (did not), 8 in all", codes)
	}
}
