package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heed/pipeline/wal"
)

// ahead is a batch that is made ready while the one before it comes to rest.
type ahead struct {
	stop  context.CancelFunc
	done  chan struct{} // closed when the others are set
	batch *batch        // nil when there is none
	end   error         // why no further one can follow
}

// follow loads batch after batch behind the plan, until the log is closed and read to its end. At most one is ahead of
// that in hand. While it is being made ready the reader and the memory of ids are its goroutine's, and everything else is
// this one's.
func (l *Loader) follow(ctx context.Context, load func(context.Context, *batch) error) error {
	reader, err := l.Log.Reader(l.plan.To)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer reader.Close()
	next := l.begin(ctx, reader)
	defer func() { next.abandon() }()
	for last := (*batch)(nil); ; {
		b, end := l.await(ctx, next)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if b != nil {
			if err := l.confirm(ctx, b, last); err != nil {
				return err
			}
			if end == nil {
				next = l.begin(ctx, reader)
			}
			if err := load(ctx, b); err != nil {
				return err
			}
			last = b
		}
		if errors.Is(end, wal.ErrClosed) {
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// begin begins to make the next batch ready.
func (l *Loader) begin(ctx context.Context, reader Reader) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{stop: stop, done: make(chan struct{})}
	// An insert that takes long is followed by a pause as long: the next batch is gathered for both.
	wait := max(l.cfg.MaxWait, min(2*l.took, maxGather))
	go func() {
		defer close(a.done)
		a.batch, a.end = l.ready(ctx, reader, wait)
	}()
	return a
}

// abandon ends the work on the batch and forgets it: nothing of it is written anywhere.
func (a *ahead) abandon() {
	a.stop()
	<-a.done
}

// ready gathers a batch and prepares it. A batch may come with an error: what was read before it is still to be loaded.
func (l *Loader) ready(ctx context.Context, reader Reader, wait time.Duration) (*batch, error) {
	b, end := l.gather(ctx, reader, wait)
	if b == nil {
		return nil, end
	}
	if err := l.prepare(ctx, b); err != nil {
		return nil, err
	}
	return b, end
}

// await waits until the next batch is ready. When it is not for a while, the plan is ended, so that the log before it can
// be trimmed and the next start has nothing to settle.
func (l *Loader) await(ctx context.Context, next *ahead) (*batch, error) {
	if l.plan.pending() {
		select {
		case <-next.done:
		case <-time.After(idle):
			if err := l.finish(ctx); err != nil {
				return nil, err
			}
		}
	}
	<-next.done
	next.stop()
	return next.batch, next.end
}

// prepare does with a batch all that can be done before its plan is written: which rows are no doubles, how they are
// parted into blocks, and their columns. It changes nothing but the batch and the memory of ids.
func (l *Loader) prepare(ctx context.Context, b *batch) error {
	b.decided, b.ends, b.excluded = l.now(), ends{}, 0
	rows := b.rows
	if l.replay != nil {
		rows = l.replay.exclude(rows, b.decided)
		b.excluded = len(b.rows) - len(rows)
	}
	rows, err := l.dropDoubles(ctx, b, rows)
	if err != nil {
		return err
	}
	err = l.repeatedly(ctx, "part rows", func() (err error) {
		b.blocks, err = blocks(ctx, l.Store, rows)
		return err
	})
	if err != nil || l.recovering { // where most rows are stored already their columns are not needed
		return err
	}
	for _, block := range b.blocks {
		l.Store.Prepare(block.Block)
	}
	return nil
}

// confirm prepares a batch anew unless what was decided for it still holds: it was decided a moment ago, and the batch
// before it, last, has come to rest as it was supposed to meanwhile. It is called while nothing is ahead.
func (l *Loader) confirm(ctx context.Context, b, last *batch) error {
	if fresh(b.decided, l.now()) && !l.disturbed {
		return nil
	}
	if last != nil {
		l.recent.forget(last.buried()) // they are not stored, so a copy of one is no double
	}
	for _, block := range b.blocks {
		l.recent.forget(block.Rows)
	}
	return l.prepare(ctx, b)
}
