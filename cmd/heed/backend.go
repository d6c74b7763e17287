package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// backend brings the log of this process into the store of this process.
type backend struct {
	*host
	log     *wal.Log
	storage *storage
	loader  *load.Loader

	ctx    context.Context // the loader's own lifetime, longer than that of the listeners
	cancel context.CancelFunc
	ended  chan struct{} // closed when the loader has ended

	mu  sync.Mutex
	err error // what ended the loader
}

// errNotDrained: the log holds events that ClickHouse has not got yet.
var errNotDrained = errors.New("the log is not drained")

// openBackend begins to load.
func (h *host) openBackend(ctx context.Context, log *wal.Log, storage *storage) (*backend, error) {
	b := &backend{host: h, log: log, storage: storage, ended: make(chan struct{})}
	parts := load.Parts{Log: load.Local(log), Store: storage.store, Dead: storage.store}
	var err error
	if b.loader, err = h.cfg.openLoader(ctx, h.p, parts, h.logger); err != nil {
		return nil, err
	}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.atStop(b.stop)
	h.running.Go(b.load)
	return b, nil
}

// load is what the settings say of a loader.
func (c *Config) load(p *program) load.Config {
	return load.Config{MaxRows: c.Load.MaxRows, MaxWait: c.Load.MaxWait, RecentIDs: c.Load.RecentIDs, Now: p.now}
}

// openLoader opens a loader whose plan is a file of the data folder.
func (c *Config) openLoader(ctx context.Context, p *program, parts load.Parts, logger *slog.Logger) (loader *load.Loader, err error) {
	if parts.Plans, err = load.FilePlans(filepath.Join(c.DataDir, "load")); err != nil {
		return nil, err
	}
	return load.Open(ctx, c.load(p), parts, logger)
}

// load waits for the store and loads until the log is closed and read, or the backend is stopped.
func (b *backend) load() {
	defer close(b.ended)
	select {
	case <-b.storage.ready:
	case <-b.ctx.Done():
		return
	}
	err := b.loader.Run(b.ctx)
	if err != nil && b.ctx.Err() == nil {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
		b.logger.Error("the loader stopped; events wait in the log until the cause is gone and heed is started again",
			"component", "heed", "err", err)
	}
}

// stop brings the log into ClickHouse, as far as the time for it goes, and says what that brought.
func (b *backend) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.DrainTimeout)
	defer cancel()
	start := b.p.now()
	drained, err := b.drain(ctx)
	if !b.stopping.Load() {
		return err // nothing had started
	}
	if errors.Is(err, errNotDrained) {
		fmt.Fprintln(b.p.stdout, "not everything reached ClickHouse in time; the rest is safe in the log, and the next start continues there")
		return nil
	}
	if err == nil {
		fmt.Fprintf(b.p.stdout, "drained %d events into ClickHouse in %.1f s\n", drained, b.p.now().Sub(start).Seconds())
	}
	return err
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
	if !b.storage.isReady() || b.checkLoader(ctx) != nil || ctx.Err() != nil {
		return b.loaded() - before, errors.Join(errNotDrained, closeErr)
	}
	return b.loaded() - before, closeErr
}

func (b *backend) loaded() uint64 {
	totals := b.loader.Totals()
	return totals.Loaded + totals.Doubles + totals.Dead
}

// checkLoader tells whether events come out of the log.
func (b *backend) checkLoader(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return errors.New("the loader has stopped; the log of the process says why")
	}
	return nil
}
