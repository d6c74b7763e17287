package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// silentLog is a log in which nothing ever happens.
type silentLog struct{ load.Log }

func (silentLog) Reader(wal.Pos) (load.Reader, error) { return silentReader{}, nil }

type silentReader struct{}

func (silentReader) Close() error { return nil }
func (silentReader) Next(ctx context.Context) (wal.Record, error) {
	<-ctx.Done()
	return wal.Record{}, ctx.Err()
}

// A loader's own context ends as it always did; the stop of the process ends the log instead, so that the loader
// finishes what it has.
func TestStoppable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan struct{})
		reader, err := (&stoppable{silentLog{}, stopped}).Reader(wal.Pos{})
		if err != nil {
			t.Fatal(err)
		}
		batch, endBatch := context.WithCancel(t.Context())
		endBatch()
		if _, err := reader.Next(batch); !errors.Is(err, context.Canceled) {
			t.Errorf("Next within a batch that has ended = %v, want its context's error", err)
		}
		next := make(chan error)
		go func() {
			_, err := reader.Next(t.Context())
			next <- err
		}()
		synctest.Wait()
		close(stopped)
		if err := <-next; !errors.Is(err, wal.ErrClosed) {
			t.Errorf("Next when the process stops = %v, want that the log is closed", err)
		}
		if _, err := reader.Next(t.Context()); !errors.Is(err, wal.ErrClosed) {
			t.Errorf("Next after it = %v, want that the log is closed", err)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	})
}

// fixedMetrics are the same at all times.
type fixedMetrics string

func (m fixedMetrics) WriteMetrics(w io.Writer) { io.WriteString(w, string(m)) }

func TestWriteLabelled(t *testing.T) {
	var text strings.Builder
	writeLabelled(&text, fixedMetrics("a_total 1\nb{x=\"y z\"} 2\n"), `partition="7"`)
	if got, want := text.String(), "a_total{partition=\"7\"} 1\nb{partition=\"7\",x=\"y z\"} 2\n"; got != want {
		t.Errorf("writeLabelled = %q, want %q", got, want)
	}
}
