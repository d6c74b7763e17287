// Package clickhousetest gives tests a store of their own in the real engine.
package clickhousetest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"heed/pipeline/clickhouse"
)

// shared is the data folder of the engine that the tests of a process share: libchdb has one folder per process.
var shared struct {
	sync.Mutex
	folder string
	users  int
}

// Run runs the tests of a package on one engine, for TestMain: os.Exit(clickhousetest.Run(m)). Without it every test
// that does not overlap with another starts the engine anew, in 0.1 s. It is also what StartServer's child runs.
func Run(m *testing.M) int {
	if folder := os.Getenv(serveFolder); folder != "" {
		return serve(folder)
	}
	folder, err := enter()
	if err != nil {
		panic(err)
	}
	defer leave()
	store, err := open(folder, "keep")
	if err != nil {
		panic(err)
	}
	defer store.Close(context.Background())
	return m.Run()
}

// Open gives the test a migrated store in a database of its own. It is closed with the test. It fails, and never
// skips, when there is no libchdb.
func Open(t testing.TB) *clickhouse.Store {
	t.Helper()
	store := OpenEmpty(t)
	if _, _, err := store.Migrate(context.Background()); err != nil {
		t.Fatalf("Migrate = %v, want no error", err)
	}
	return store
}

// OpenEmpty gives the test a store without any table.
func OpenEmpty(t testing.TB) *clickhouse.Store {
	t.Helper()
	return OpenDatabase(t, "test_"+rand.Text())
}

// OpenDatabase gives the test a store on the named database, which another store of the test may be on as well.
func OpenDatabase(t testing.TB, database string) *clickhouse.Store {
	t.Helper()
	folder, err := enter()
	if err != nil {
		t.Fatalf("make data folder: %v", err)
	}
	t.Cleanup(leave)
	store, err := open(folder, database)
	if err != nil {
		t.Fatalf("Open(%q) = %v, want no error", folder, err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Errorf("Close = %v, want no error", err)
		}
	})
	return store
}

func open(folder, database string) (*clickhouse.Store, error) {
	cfg := clickhouse.Config{Path: folder, Library: Library(), Database: database}
	return clickhouse.Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
}

// Library is where tests find libchdb: HEED_CLICKHOUSE_LIBRARY, else the npm package at the root of the repository.
func Library() string {
	if path := os.Getenv("HEED_CLICKHOUSE_LIBRARY"); path != "" {
		return path
	}
	return filepath.Join(root(), "node_modules", "@chdb", "lib-linux-x64-gnu", "libchdb.so")
}

// root is that of the repository.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..")
}

// Folder is the data folder that the tests of this process share, or "" when none is open.
func Folder() string {
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 {
		return ""
	}
	return shared.folder
}

func enter() (folder string, err error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 {
		if shared.folder, err = os.MkdirTemp("", "heed-clickhouse-*"); err != nil {
			return "", err
		}
	}
	shared.users++
	return shared.folder, nil
}

func leave() {
	shared.Lock()
	defer shared.Unlock()
	if shared.users--; shared.users == 0 {
		os.RemoveAll(shared.folder)
	}
}
