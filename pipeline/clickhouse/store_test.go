package clickhouse_test

import (
	"context"
	"os"
	"testing"

	"heed/pipeline/clickhouse/clickhousetest"
)

// TestMain is also the program of the children that tests start: libchdb can be opened on one folder per process, and
// a crash needs a process to kill.
func TestMain(m *testing.M) {
	if command := os.Getenv("HEED_TEST_CHILD"); command != "" {
		os.Exit(runChild(command, os.Getenv("HEED_TEST_FOLDER")))
	}
	os.Exit(clickhousetest.Run(m))
}

func TestPing(t *testing.T) {
	store := clickhousetest.Open(t)
	if err := store.Ping(context.Background()); err != nil {
		t.Fatalf("Ping = %v, want no error", err)
	}
	if version, err := store.Version(context.Background()); err != nil || version == "" {
		t.Fatalf("Version = %q, %v; want a version", version, err)
	}
}
