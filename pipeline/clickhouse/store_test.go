package clickhouse_test

import (
	"context"
	"os"
	"testing"

	"heed/pipeline/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }

func TestPing(t *testing.T) {
	store := clickhousetest.Open(t)
	if err := store.Ping(context.Background()); err != nil {
		t.Fatalf("Ping = %v, want no error", err)
	}
}
