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
