package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// closeTimeout bounds each part of a stop that is not the drain: none of them waits for anything outside.
const closeTimeout = 10 * time.Second

// fromTheLog is what is said at a second signal of what goes on from a log.
const fromTheLog = "stopped at once; nothing is lost: the next start continues from the log"

// interruptible returns a context that the first Ctrl-C or SIGTERM ends. The second one ends the process, with last words.
func interruptible(ctx context.Context, stderr io.Writer, last string) (context.Context, func()) {
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
			fmt.Fprintln(stderr, "heed: "+last)
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

// bounded gives a part of the stop its own time.
func bounded(ctx context.Context, stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return stop(ctx)
}
