package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"heed/analytics"
	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// storage is the store, as soon as it answers.
//
// A ClickHouse server may be away when heed starts: storage asks again until it answers. The embedded engine must
// start: nobody could repair it while heed runs.
type storage struct {
	store   *clickhouse.Store
	prepare func(context.Context, *clickhouse.Store) error // what must have worked once before the store is used
	logger  *slog.Logger
	ready   chan struct{} // closed once it has
}

// The first and the longest pause between two tries to reach a server.
const (
	firstReconnect = 200 * time.Millisecond
	maxReconnect   = 5 * time.Second
)

// openStorage opens the engine or the server that the settings name, and prepares it.
func (h *host) openStorage(ctx context.Context, prepare func(context.Context, *clickhouse.Store) error) (*storage, error) {
	store, err := openStore(ctx, h.cfg, h.logger)
	if err != nil {
		return nil, err
	}
	h.atStop(func(ctx context.Context) error { return bounded(ctx, store.Close) })
	s := &storage{store: store, prepare: prepare, logger: h.logger.With("component", "heed"), ready: make(chan struct{})}
	err = prepare(ctx, store)
	switch {
	case err == nil:
		close(s.ready)
		return s, nil
	case h.cfg.ClickHouse.DSN == "" || errors.Is(err, clickhouse.ErrTooNew):
		return nil, err
	}
	s.logger.Warn("clickhouse does not answer, will try again", "err", err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var trying sync.WaitGroup
	trying.Go(func() { s.reconnect(ctx) })
	h.atStop(func(context.Context) error { cancel(); trying.Wait(); return nil })
	return s, nil
}

// openStore opens the engine or the server that the configuration names.
func openStore(ctx context.Context, cfg *Config, logger *slog.Logger) (*clickhouse.Store, error) {
	store, err := clickhouse.Open(ctx, clickhouse.Config{
		DSN: cfg.ClickHouse.DSN, Cluster: cfg.ClickHouse.Cluster,
		Path: filepath.Join(cfg.DataDir, "clickhouse"), Library: cfg.ClickHouse.Library,
	}, logger)
	switch {
	case err != nil && cfg.ClickHouse.DSN == "":
		return nil, fmt.Errorf("start the embedded ClickHouse: %w (its place is the setting clickhouse.library)", err)
	case err != nil:
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return store, nil
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, store *clickhouse.Store) error {
	if _, _, err := store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	return nil
}

// reconnect tries until the store is prepared or ctx ends.
func (s *storage) reconnect(ctx context.Context) {
	for pause := firstReconnect; ; pause = min(2*pause, maxReconnect) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if s.prepare(ctx, s.store) == nil {
			s.logger.Info("clickhouse answers")
			close(s.ready)
			return
		}
	}
}

// isReady tells whether the store has answered since the start.
func (s *storage) isReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// check tells whether the store answers.
func (s *storage) check(ctx context.Context) error {
	if !s.isReady() {
		return errors.New("ClickHouse has not answered since the start")
	}
	if err := s.store.Ping(ctx); err != nil {
		return errors.New("ClickHouse does not answer")
	}
	return nil
}

// answers are what is asked of the store, as soon as it answers.
type answers struct {
	cfg analytics.Config

	mu      sync.Mutex
	opened  *analytics.Analytics // nil before the store has answered
	handler http.Handler
}

func newAnswers(h *host) *answers {
	return &answers{cfg: analytics.Config{Sites: siteIDs(h.cfg), Now: h.p.now, Log: h.logger.With("component", "heed")}}
}

// prepare migrates the store and opens the answers on it.
func (a *answers) prepare(ctx context.Context, store *clickhouse.Store) error {
	if err := migrate(ctx, store); err != nil {
		return err
	}
	return a.open(ctx, store)
}

// open opens the answers on a store that has its tables.
func (a *answers) open(ctx context.Context, store *clickhouse.Store) error {
	opened, err := openAnswers(ctx, store, a.cfg)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opened, a.handler = opened, opened.Handler()
	return nil
}

// openAnswers opens the answers of a store.
func openAnswers(ctx context.Context, store *clickhouse.Store, cfg analytics.Config) (*analytics.Analytics, error) {
	cfg.DSN, cfg.Transport = store.DSN(), store.Transport()
	return analytics.Open(ctx, cfg)
}

// close lets go of the store, which may be closed then.
func (a *answers) close(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opened == nil {
		return nil
	}
	return a.opened.Close()
}

// ServeHTTP answers questions, or says that there are no answers yet.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	handler := a.handler
	a.mu.Unlock()
	if handler == nil {
		w.Header().Set("Retry-After", strconv.Itoa(2))
		writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, "ClickHouse has not answered yet; ask again in a moment")
		return
	}
	handler.ServeHTTP(w, r)
}
