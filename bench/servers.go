package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"heed/collector"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
)

// served is a system that a child process serves.
type served struct {
	run    func(ctx context.Context, ln net.Listener) error // until ctx ends
	groups func() int64                                     // fsyncs so far
}

// openers are the systems that a child process can be, by name.
var openers = map[string]func(ctx context.Context, dir string) (served, error){
	"bare":  openBare,
	"floor": openFloor,
	"heed":  openHeed,
}

func openBare(context.Context, string) (served, error) {
	handler := func(rc *fasthttp.RequestCtx) { rc.SetStatusCode(fasthttp.StatusNoContent) }
	return served{
		run:    func(ctx context.Context, ln net.Listener) error { return serveHandler(ctx, ln, handler) },
		groups: func() int64 { return 0 },
	}, nil
}

func openFloor(_ context.Context, dir string) (served, error) {
	f, err := os.Create(filepath.Join(dir, "floor.log"))
	if err != nil {
		return served{}, fmt.Errorf("create log: %w", err)
	}
	log := newGroupLog(f)
	handler := func(rc *fasthttp.RequestCtx) {
		if err := log.append(rc.PostBody()); err != nil {
			rc.Error(err.Error(), fasthttp.StatusServiceUnavailable)
			return
		}
		rc.SetStatusCode(fasthttp.StatusNoContent)
	}
	run := func(ctx context.Context, ln net.Listener) error {
		var committer sync.WaitGroup
		committer.Go(log.run)
		err := serveHandler(ctx, ln, handler)
		log.close()
		committer.Wait()
		return errors.Join(err, f.Close())
	}
	return served{run: run, groups: log.groups.Load}, nil
}

func openHeed(ctx context.Context, dir string) (served, error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	log, err := wal.Open(ctx, wal.Config{Dir: filepath.Join(dir, "wal")}, logger)
	if err != nil {
		return served{}, err
	}
	enricher, err := enrich.Open(ctx, geoFiles(), logger)
	if err != nil {
		return served{}, err
	}
	c, err := collector.New(collectorConfig(), collector.Logs{Events: log}, enricher, logger)
	if err != nil {
		return served{}, err
	}
	run := func(ctx context.Context, ln net.Listener) error {
		fresh := context.WithoutCancel(ctx)
		err := serveUntil(ctx, func() error { return c.Serve(ln) }, func() error { return c.Shutdown(fresh) })
		enricher.Close()
		return errors.Join(err, log.Close(fresh))
	}
	groups := func() int64 { return int64(readMetrics(log.WriteMetrics)["heed_wal_groups_total"]) }
	return served{run: run, groups: groups}, nil
}

// readMetrics reads metrics without labels from what write prints.
func readMetrics(write func(io.Writer)) map[string]float64 {
	var text strings.Builder
	write(&text)
	values := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		var name string
		var value float64
		if n, _ := fmt.Sscan(line, &name, &value); n == 2 {
			values[name] = value
		}
	}
	return values
}

func serveHandler(ctx context.Context, ln net.Listener, handler fasthttp.RequestHandler) error {
	server := &fasthttp.Server{Handler: handler, NoDefaultServerHeader: true}
	return serveUntil(ctx, func() error { return server.Serve(ln) }, server.Shutdown)
}

// serveUntil serves until ctx ends, then shuts down.
func serveUntil(ctx context.Context, serve, shutdown func() error) error {
	stopped := make(chan error, 1)
	var stopper sync.WaitGroup
	stopper.Go(func() {
		<-ctx.Done()
		stopped <- shutdown()
	})
	if err := serve(); err != nil {
		return err // the process ends with it, and the stopper too
	}
	stopper.Wait()
	return <-stopped
}
