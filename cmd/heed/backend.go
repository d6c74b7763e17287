package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"heed/analytics"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// backend is what stands behind the log: the store, the loader that fills it and the answers that come from it.
//
// A ClickHouse server may be away when heed starts. Events are accepted into the log meanwhile, and backend connects
// as soon as it answers. The embedded engine must start: nobody could repair it while heed runs.
type backend struct {
	cfg    *Config
	logger *slog.Logger
	now    func() time.Time
	log    *wal.Log
	store  *clickhouse.Store
	loader *load.Loader

	ctx    context.Context // the loader's own lifetime, longer than that of the listeners
	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned

	mu        sync.Mutex
	answers   *analytics.Analytics // nil before the store has answered
	handler   http.Handler
	connected error // why there are no answers yet
	loaderErr error // what ended the loader
}

// errNotDrained: the log holds events that ClickHouse has not got yet.
var errNotDrained = errors.New("the log is not drained")

// The first and the longest pause between two tries to reach a server.
const (
	firstReconnect = 200 * time.Millisecond
	maxReconnect   = 10 * time.Second
)

func openBackend(ctx context.Context, cfg *Config, log *wal.Log, now func() time.Time, logger *slog.Logger) (*backend, error) {
	store, err := openStore(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	b := &backend{cfg: cfg, logger: logger.With("component", "heed"), now: now, log: log, store: store, ended: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.connected = b.connect(ctx)
	fatal := cfg.ClickHouse.DSN == "" || errors.Is(b.connected, clickhouse.ErrTooNew)
	if b.connected == nil || !fatal {
		b.loader, err = load.Open(load.Config{
			Dir: filepath.Join(cfg.DataDir, "load"), MaxRows: cfg.Load.MaxRows, MaxWait: cfg.Load.MaxWait,
			RecentIDs: cfg.Load.RecentIDs, Now: now,
		}, log, store, logger)
	} else {
		err = b.connected
	}
	if err != nil {
		b.cancel()
		return nil, errors.Join(err, b.close(ctx))
	}
	if b.connected != nil {
		b.logger.Warn("clickhouse does not answer; events wait in the log", "err", b.connected)
	}
	return b, nil
}

// openStore opens the engine or the server that the configuration names.
func openStore(ctx context.Context, cfg *Config, logger *slog.Logger) (*clickhouse.Store, error) {
	store, err := clickhouse.Open(ctx, clickhouse.Config{
		DSN: cfg.ClickHouse.DSN, Path: filepath.Join(cfg.DataDir, "clickhouse"), Library: cfg.ClickHouse.Library,
	}, logger)
	switch {
	case err != nil && cfg.ClickHouse.DSN == "":
		return nil, fmt.Errorf("start the embedded ClickHouse: %w (its place is the setting clickhouse.library)", err)
	case err != nil:
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return store, nil
}

// connect brings the schema up to date and opens the answers.
func (b *backend) connect(ctx context.Context) error {
	if _, _, err := b.store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	answers, err := openAnswers(ctx, b.store, analytics.Config{Sites: siteIDs(b.cfg), Now: b.now, Log: b.logger})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers, b.handler = answers, answers.Handler()
	return nil
}

// openAnswers opens the answers of a store.
func openAnswers(ctx context.Context, store *clickhouse.Store, cfg analytics.Config) (*analytics.Analytics, error) {
	cfg.DSN, cfg.Transport = store.DSN(), store.Transport()
	return analytics.Open(ctx, cfg)
}

// run connects, if that is still to be done, and loads until the log is closed and read, or the backend is.
func (b *backend) run() {
	defer close(b.ended)
	if !b.reconnect() {
		return
	}
	err := b.loader.Run(b.ctx)
	if err != nil && b.ctx.Err() == nil {
		b.mu.Lock()
		b.loaderErr = err
		b.mu.Unlock()
		b.logger.Error("the loader stopped; events wait in the log until the cause is gone and heed is started again", "err", err)
	}
}

// reconnect tries until the store answers; false when the backend was closed before.
func (b *backend) reconnect() bool {
	for pause := firstReconnect; ; pause = min(2*pause, maxReconnect) {
		b.mu.Lock()
		connected := b.connected
		b.mu.Unlock()
		if connected == nil {
			return true
		}
		select {
		case <-b.ctx.Done():
			return false
		case <-time.After(pause):
		}
		err := b.connect(b.ctx)
		b.mu.Lock()
		b.connected = err
		b.mu.Unlock()
		if err == nil {
			b.logger.Info("clickhouse answers")
		}
	}
}

// drain closes the log and waits until the loader has read it to its end. It returns how many events that brought to
// rest, and errNotDrained when ctx ended first.
func (b *backend) drain(ctx context.Context) (events uint64, err error) {
	before := b.loaded()
	closeErr := b.log.Close(ctx)
	select {
	case <-b.ended:
	case <-ctx.Done():
	}
	b.cancel() // what is in flight is settled by the next start, from the plan
	<-b.ended
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connected != nil || b.loaderErr != nil || ctx.Err() != nil {
		return b.loaded() - before, errors.Join(errNotDrained, closeErr)
	}
	return b.loaded() - before, closeErr
}

func (b *backend) loaded() uint64 {
	totals := b.loader.Totals()
	return totals.Loaded + totals.Doubles + totals.Dead
}

// close lets go of the store. Nothing may use the backend any more.
func (b *backend) close(ctx context.Context) error {
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	if b.answers != nil {
		errs = append(errs, b.answers.Close())
	}
	return errors.Join(append(errs, b.store.Close(ctx))...)
}

// ServeHTTP answers questions, or says that there are no answers yet.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	handler := b.handler
	b.mu.Unlock()
	if handler == nil {
		w.Header().Set("Retry-After", strconv.Itoa(2))
		writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, "ClickHouse has not answered yet; ask again in a moment")
		return
	}
	handler.ServeHTTP(w, r)
}

// checkStore tells whether the store answers.
func (b *backend) checkStore(ctx context.Context) error {
	b.mu.Lock()
	connected := b.connected
	b.mu.Unlock()
	if connected != nil {
		return errors.New("ClickHouse has not answered since the start")
	}
	if err := b.store.Ping(ctx); err != nil {
		return errors.New("ClickHouse does not answer")
	}
	return nil
}

// checkLoader tells whether events come out of the log.
func (b *backend) checkLoader(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loaderErr != nil {
		return errors.New("the loader has stopped; the log of the process says why")
	}
	return nil
}

// WriteMetrics writes the loader's.
func (b *backend) WriteMetrics(w io.Writer) { b.loader.WriteMetrics(w) }
