package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/valyala/fasthttp"

	"heed/collector"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
)

// origin is where the bench's pages claim to be.
const origin = "http://bench.example"

// system is something that takes events over HTTP.
type system struct {
	name  string
	about string
	serve func(ctx context.Context, ln net.Listener, dir string) error
}

// systems are what is measured, in the order of the table; each is the one before and something more.
var systems = []system{
	{"bare", "fasthttp, 204", serveBare},
	{"floor", "and the body in a file, fsynced by group", serveFloor},
	{"heed", "collector, consent, enrichment and log", serveHeed},
}

func findSystem(name string) (system, error) {
	for _, s := range systems {
		if s.name == name {
			return s, nil
		}
	}
	return system{}, fmt.Errorf("no system is called %q", name)
}

func serveBare(ctx context.Context, ln net.Listener, _ string) error {
	return serveHandler(ctx, ln, func(rc *fasthttp.RequestCtx) { rc.SetStatusCode(fasthttp.StatusNoContent) })
}

func serveFloor(ctx context.Context, ln net.Listener, dir string) error {
	f, err := os.Create(filepath.Join(dir, "floor.log"))
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer f.Close()
	log := newGroupLog(f)
	var committer sync.WaitGroup
	committer.Go(log.run)
	defer committer.Wait()
	defer log.close()
	return serveHandler(ctx, ln, func(rc *fasthttp.RequestCtx) {
		if err := log.append(rc.PostBody()); err != nil {
			rc.Error(err.Error(), fasthttp.StatusServiceUnavailable)
			return
		}
		rc.SetStatusCode(fasthttp.StatusNoContent)
	})
}

func serveHeed(ctx context.Context, ln net.Listener, dir string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	log, err := wal.Open(ctx, wal.Config{Dir: filepath.Join(dir, "wal")}, logger)
	if err != nil {
		return err
	}
	enricher, err := enrich.Open(ctx, geoFiles(), logger)
	if err != nil {
		return err
	}
	defer enricher.Close()
	c, err := collector.New(benchConfig(), log, enricher, logger)
	if err != nil {
		return err
	}
	err = serveUntil(ctx, func() error { return c.Serve(ln) }, func() error { return c.Shutdown(context.WithoutCancel(ctx)) })
	return errors.Join(err, log.Close(context.WithoutCancel(ctx)))
}

func serveHandler(ctx context.Context, ln net.Listener, handler fasthttp.RequestHandler) error {
	server := &fasthttp.Server{Handler: handler, NoDefaultServerHeader: true}
	return serveUntil(ctx, func() error { return server.Serve(ln) }, server.Shutdown)
}

// serveUntil serves until ctx ends, then shuts down.
func serveUntil(ctx context.Context, serve, shutdown func() error) error {
	var stopper sync.WaitGroup
	stopped := make(chan error, 1)
	stopper.Go(func() {
		<-ctx.Done()
		stopped <- shutdown()
	})
	defer stopper.Wait()
	if err := serve(); err != nil {
		return err
	}
	return <-stopped
}

// groupLog is the least that durability costs: bytes in a file, one fsync for all that arrived during the last one.
type groupLog struct {
	file *os.File

	mu      sync.Mutex
	arrived *sync.Cond
	group   *group
	closed  bool
}

type group struct {
	bytes []byte
	done  chan struct{}
	err   error
}

func newGroupLog(f *os.File) *groupLog {
	l := &groupLog{file: f, group: &group{done: make(chan struct{})}}
	l.arrived = sync.NewCond(&l.mu)
	return l
}

// append returns after b is durable.
func (l *groupLog) append(b []byte) error {
	l.mu.Lock()
	g := l.group
	g.bytes = append(g.bytes, b...)
	l.arrived.Signal()
	l.mu.Unlock()
	<-g.done
	return g.err
}

func (l *groupLog) run() {
	spare := []byte(nil)
	for {
		l.mu.Lock()
		for len(l.group.bytes) == 0 && !l.closed {
			l.arrived.Wait()
		}
		g := l.group
		if len(g.bytes) == 0 {
			l.mu.Unlock()
			return
		}
		l.group = &group{bytes: spare[:0], done: make(chan struct{})}
		l.mu.Unlock()
		_, err := l.file.Write(g.bytes)
		g.err = errors.Join(err, l.file.Sync())
		spare = g.bytes
		close(g.done)
	}
}

func (l *groupLog) close() {
	l.mu.Lock()
	l.closed = true
	l.arrived.Signal()
	l.mu.Unlock()
}
