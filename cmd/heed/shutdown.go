package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// closeTimeout bounds each part of a stop that is not the drain: none of them waits for anything outside.
const closeTimeout = 10 * time.Second

// interruptible returns a context that the first Ctrl-C or SIGTERM ends. The second one ends the process.
func interruptible(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	finished := make(chan struct{})
	go func() { // ends with the returned function
		select {
		case <-signals:
			cancel()
		case <-finished:
			return
		}
		select {
		case <-signals:
			fmt.Fprintln(stderr, "heed: stopped at once; nothing is lost: the next start continues from the log")
			os.Exit(exitError)
		case <-finished:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(finished)
		cancel()
	}
}

// close stops accepting, drains the log into ClickHouse and closes everything, as far as it was opened. ctx is fresh:
// nothing could be stored under one that has ended.
func (s *server) close(ctx context.Context) error {
	var errs []error
	errs = append(errs, s.stopAccepting(ctx))
	if s.backend != nil {
		errs = append(errs, s.drain(ctx))
	} else if s.log != nil {
		errs = append(errs, bounded(ctx, s.log.Close))
	}
	for _, web := range s.web { // last, so that questions and /readyz are answered during the drain
		errs = append(errs, bounded(ctx, web.Shutdown))
	}
	s.closeListeners()
	s.running.Wait()
	if s.backend != nil {
		errs = append(errs, bounded(ctx, s.backend.close))
	}
	if s.enricher != nil {
		s.enricher.Close()
	}
	if s.unlock != nil {
		s.unlock()
	}
	return errors.Join(errs...)
}

func (s *server) stopAccepting(ctx context.Context) error {
	if s.collector == nil {
		return nil
	}
	s.stopping.Store(true)
	fmt.Fprintln(s.p.stdout, "stopping: no more events are accepted; draining …")
	return bounded(ctx, s.collector.Shutdown)
}

// drain closes the log, which lets the loader come to its end, and says what that brought.
func (s *server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout)
	defer cancel()
	start := s.p.now()
	drained, err := s.backend.drain(ctx)
	if s.collector == nil {
		return err // nothing had started
	}
	if errors.Is(err, errNotDrained) {
		fmt.Fprintln(s.p.stdout, "not everything reached ClickHouse in time; the rest is safe in the log, and the next start continues there")
		return nil
	}
	if err == nil {
		fmt.Fprintf(s.p.stdout, "drained %d events into ClickHouse in %.1f s\n", drained, s.p.now().Sub(start).Seconds())
	}
	return err
}

// closeListeners closes those that no server has closed. A second Close does no harm.
func (s *server) closeListeners() {
	l := &s.listeners
	for _, listener := range append([]net.Listener{l.api, l.socket, l.demo}, l.collector...) {
		if listener != nil {
			listener.Close()
		}
	}
}

// bounded gives a part of the stop its own time.
func bounded(ctx context.Context, stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return stop(ctx)
}
