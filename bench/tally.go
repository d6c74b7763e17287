package main

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"

	"heed/pipeline/clickhouse"
)

// tally is a set of events by their number and the sums of their ids' halves. Two sets without doubles whose tallies
// are equal are the same, unless their random ids conspire; nobody has to remember millions of ids for it.
type tally struct {
	events, high, low atomic.Uint64
}

func (t *tally) add(ids []uuid.UUID) {
	t.events.Add(uint64(len(ids)))
	for _, id := range ids {
		t.high.Add(binary.LittleEndian.Uint64(id[:8]))
		t.low.Add(binary.LittleEndian.Uint64(id[8:]))
	}
}

// stored is what ClickHouse holds.
type stored struct {
	events, different, high, low, dead uint64
}

// compare says what is wrong with what is stored, compared with what was acknowledged.
func (s stored) compare(acked *tally) error {
	n := acked.events.Load()
	switch {
	case s.dead > 0:
		return fmt.Errorf("%d events are dead letters", s.dead)
	case s.different != s.events:
		return fmt.Errorf("%d events are stored more than once", s.events-s.different)
	case s.events < n:
		return fmt.Errorf("%d events are lost", n-s.events)
	case s.events > n:
		return fmt.Errorf("%d events are stored that were not acknowledged", s.events-n)
	case s.high != acked.high.Load() || s.low != acked.low.Load():
		return errors.New("other events are stored than were acknowledged")
	}
	return nil
}

//go:embed tally.sql
var tallySQL string

// readStored opens the engine's data, which no process may have open, and counts.
func readStored(ctx context.Context, folder string) (s stored, err error) {
	store, err := clickhouse.Open(ctx, clickhouse.Config{Path: folder, Library: besideProgram("lib", "libchdb.so")},
		slog.New(slog.DiscardHandler))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, store.Close(ctx)) }()
	text, err := query(ctx, store, tallySQL)
	if err != nil {
		return s, err
	}
	if _, err := fmt.Sscan(text, &s.events, &s.different, &s.high, &s.low, &s.dead); err != nil {
		return s, fmt.Errorf("count events: %q: %w", text, err)
	}
	return s, nil
}

// query asks the embedded engine and returns its tab-separated answer.
func query(ctx context.Context, store *clickhouse.Store, sql string) (string, error) {
	const endpoint = "http://embedded/?database=heed&default_format=TabSeparated"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(sql))
	if err != nil {
		return "", fmt.Errorf("make query: %w", err)
	}
	answer, err := store.Transport().RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("ask ClickHouse: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask ClickHouse: %s %w", text, err)
	}
	return string(text), nil
}
