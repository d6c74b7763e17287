package wal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"heed/schemas"
)

const (
	// maxGroupBytes bounds one record. A group that is full is left to the committer and the next one begun.
	maxGroupBytes = 4 << 20
	// maxWaitingBytes bounds what waits for the disk. Above it Append answers ErrFull at once: an answer that the
	// sender can act on is worth more than a place in a queue that only grows.
	maxWaitingBytes = 32 << 20
	// maxSpareBuffers is how many buffers are kept for reuse: one group is filled while one is committed.
	maxSpareBuffers = 2
)

// group is the events of one group commit, encoded as they arrive.
type group struct {
	buf  []byte // a schemas.Group; concatenated Groups are a Group
	next uint32 // events in buf, hence the number of the next one

	siblings int // the appends whose events these are

	begun time.Time // when its first event came

	done chan struct{} // closed by the committer after it has set the fields below
	pos  Pos           // of the first event
	err  error
}

// Append writes the events to the log and returns the position of the first, after they have been fsynced. The others
// follow it in the same record, in order. The events are encoded before Append waits and are the caller's afterwards.
//
// On ErrFull and ErrClosed nothing was written. When ctx ends while the disk is busy, or the disk fails, the outcome is
// unknown: the events may still become durable. So the sender must send them again under the same event ids. Where ctx
// has ended the error has a method Outcome() error, which waits for the outcome.
func (l *Log) Append(ctx context.Context, evs []*schemas.Envelope) (Pos, error) {
	if err := ctx.Err(); err != nil {
		return Pos{}, fmt.Errorf("append to log: %w", err)
	}
	if len(evs) == 0 {
		return Pos{}, nil
	}
	g, first, err := l.join(&schemas.Group{Events: evs})
	if err != nil {
		return Pos{}, err
	}
	if err := g.Wait(ctx); err != nil {
		return Pos{}, err
	}
	pos := g.pos
	pos.Event = first
	return pos, nil
}

// Pending is events on their way to the disk. Wait ends as Append would.
type Pending interface {
	Wait(ctx context.Context) error
}

// Start is the first half of Append: it encodes the events, which are the caller's from then on, and does not wait. There
// must be one at least. Whoever needs much memory until the events are encoded and little afterwards can so give it back in
// between; without Wait nobody learns whether the events are durable.
func (l *Log) Start(evs []*schemas.Envelope) (Pending, error) {
	g, _, err := l.join(&schemas.Group{Events: evs})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Wait implements Pending.
func (g *group) Wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return &undecided{g, ctx.Err()}
	}
}

// undecided is the error of a Wait that did not last until the disk had answered.
type undecided struct {
	group *group
	cause error
}

func (u *undecided) Error() string { return "wait for the log's fsync: " + u.cause.Error() }
func (u *undecided) Unwrap() error { return u.cause }

// Outcome waits until the disk has answered, at the latest until the log is closed, and returns nil when the events are
// durable.
func (u *undecided) Outcome() error {
	<-u.group.done
	return u.group.err
}

// join encodes the events into the group that will be committed next. It returns that group and the number that the
// first of the events has in it.
func (l *Log) join(part *schemas.Group) (*group, uint32, error) {
	n := part.SizeVT()
	if limit := l.groupBytes(); n > limit {
		return nil, 0, fmt.Errorf("append %d events of %d bytes to log: one call takes at most %d bytes",
			len(part.Events), n, limit)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil, 0, ErrClosed
	}
	if err := l.roomLocked(int64(n)); err != nil {
		l.metrics.full.Inc()
		return nil, 0, err
	}
	g := l.lastGroupLocked(n)
	start := len(g.buf)
	buf := slices.Grow(g.buf, n)[:start+n]
	if _, err := part.MarshalToSizedBufferVT(buf[start:]); err != nil {
		return nil, 0, fmt.Errorf("encode %d events: %w", len(part.Events), err)
	}
	g.buf = buf
	first := g.next
	g.next += uint32(len(part.Events))
	g.siblings++
	l.waiting += int64(n)
	return g, first, nil
}

func (l *Log) groupBytes() int { return int(min(maxGroupBytes, l.cfg.SegmentBytes/4)) }

func (l *Log) roomLocked(n int64) error {
	if l.waiting+n > maxWaitingBytes {
		return fmt.Errorf("append to log %q: %w: %d bytes wait for the disk", l.cfg.Dir, ErrFull, l.waiting)
	}
	if have := l.bytesLocked(); have+n > l.cfg.MaxBytes {
		return fmt.Errorf("append to log %q: %w: it holds %d of %d bytes", l.cfg.Dir, ErrFull, have, l.cfg.MaxBytes)
	}
	return nil
}

// lastGroupLocked returns the group that n more bytes may join, and wakes the committer for a new one. A group stays
// open to more events until the committer takes it.
func (l *Log) lastGroupLocked(n int) *group {
	if i := len(l.queue) - 1; i >= 0 && len(l.queue[i].buf)+n <= l.groupBytes() {
		return l.queue[i]
	}
	g := &group{done: make(chan struct{}), begun: time.Now()}
	if i := len(l.spare) - 1; i >= 0 {
		g.buf, l.spare = l.spare[i], l.spare[:i]
	}
	l.queue = append(l.queue, g)
	notify(l.wake)
	return g
}
