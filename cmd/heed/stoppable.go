package main

import (
	"context"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// stoppable is a log that ends when the process stops, so that its loader finishes the batch in hand and writes down
// how far it came. A batch of an earlier loader that it has not read again by then it leaves to the next.
type stoppable struct {
	load.Log
	stopped <-chan struct{}
}

// Reader opens a reader that ends with the process.
func (s *stoppable) Reader(from wal.Pos) (load.Reader, error) {
	reader, err := s.Log.Reader(from)
	if err != nil {
		return nil, err
	}
	return &stoppableReader{Reader: reader, stopped: s.stopped}, nil
}

// stoppableReader gives what the reader below it gives, until the process stops.
type stoppableReader struct {
	load.Reader
	stopped <-chan struct{}

	within context.Context // as Next had it last
	ctx    context.Context // ends with it, or when the process stops
	cancel context.CancelFunc
}

// Next returns the next record, or wal.ErrClosed when the process stops.
func (r *stoppableReader) Next(ctx context.Context) (wal.Record, error) {
	if ctx != r.within { // one context serves a whole batch
		r.follow(ctx)
	}
	record, err := r.Reader.Next(r.ctx)
	if err != nil && ctx.Err() == nil && r.ctx.Err() != nil {
		return wal.Record{}, wal.ErrClosed
	}
	return record, err
}

// follow makes a context that ends with ctx, or when the process stops.
func (r *stoppableReader) follow(ctx context.Context) {
	r.release()
	r.within = ctx
	r.ctx, r.cancel = context.WithCancel(ctx)
	go func(done <-chan struct{}, cancel context.CancelFunc) { // ends with the context, which release ends
		select {
		case <-r.stopped:
			cancel()
		case <-done:
		}
	}(r.ctx.Done(), r.cancel)
}

func (r *stoppableReader) release() {
	if r.cancel != nil {
		r.cancel()
	}
}

// Close closes the reader below.
func (r *stoppableReader) Close() error {
	r.release()
	return r.Reader.Close()
}
