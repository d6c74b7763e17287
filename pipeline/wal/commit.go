package wal

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A commit costs the processor about as much for one event as for fifty. So while many append at once the next group is
// given twice as long to gather as the last one took to commit, and never more than maxDelay: this is PostgreSQL's
// commit_delay with its commit_siblings (documentation, WAL Configuration). Below minSiblings nothing is gained, and nobody
// waits.
const (
	minSiblings = 8
	maxDelay    = time.Millisecond
)

// run is the committer: the only goroutine that writes. It takes what has arrived, makes it durable, tells those who
// wait, and so on until the log is closed and the queue empty.
func (l *Log) run() {
	defer close(l.stopped)
	for g := l.take(); g != nil; g = l.take() {
		l.commit(g)
	}
	err := l.seg.close()
	if err == nil {
		err = l.lock.clean()
	}
	l.closeErr = errors.Join(err, l.lock.release())
	l.seg.closed = true
	l.publish()
}

// take waits for a group and takes it out of the queue, which closes it to further events. It returns nil when the log
// is closed and nothing is left.
//
// It lets everything run first that could: those who wait for a processor right now, requests just read among them, may
// have events for the group. That takes no time when nobody does.
func (l *Log) take() *group {
	if l.delay > 0 {
		time.Sleep(l.delay)
	}
	for {
		runtime.Gosched()
		l.mu.Lock()
		if len(l.queue) > 0 {
			g := l.queue[0]
			l.begun = g.begun
			n := copy(l.queue, l.queue[1:])
			l.queue[n] = nil
			l.queue = l.queue[:n]
			l.mu.Unlock()
			return g
		}
		closing := l.closing
		l.mu.Unlock()
		if closing {
			return nil
		}
		old, stop := l.aging()
		select {
		case <-l.wake:
		case <-old:
			l.turn()
		}
		stop()
	}
}

// commit makes one group durable and answers those who wait for it.
func (l *Log) commit(g *group) {
	if l.abandoned() {
		l.rotate()
	}
	start := time.Now()
	record, err := l.seg.append(g.buf)
	took := time.Since(start)
	l.delay = 0
	if g.siblings >= minSiblings {
		l.delay = min(2*took, maxDelay)
	}
	if err == nil {
		l.metrics.committed(g, took)
	} else {
		l.metrics.failed(err)
		err = fmt.Errorf("append to log %q: %w", l.cfg.Dir, err)
	}
	g.pos, g.err = Pos{Segment: l.seg.number, Record: record}, err
	// The events leave "waiting" and enter "bytes" in one step, so that the bound holds at every moment.
	l.finish(g)
	if err == nil && (l.seg.bytes >= l.cfg.SegmentBytes || l.isOld()) {
		l.rotate()
	}
}

// finish publishes what is durable, then wakes readers and waiters, and keeps the buffer for a later group.
func (l *Log) finish(g *group) {
	l.mu.Lock()
	l.waiting -= int64(len(g.buf))
	l.begun = time.Time{}
	l.publishLocked()
	if len(l.spare) < maxSpareBuffers {
		l.spare = append(l.spare, g.buf[:0])
	}
	l.mu.Unlock()
	g.buf = nil
	close(g.done)
}

// rotate begins the next segment between two groups. An error is nobody's answer: it is logged, and the next group
// opens the log anew.
func (l *Log) rotate() {
	if err := l.seg.rotate(); err != nil {
		l.metrics.failed(err)
	}
	l.publish()
}

// abandoned tells, once, that a reader has found the current segment damaged.
func (l *Log) abandoned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.abandon
	l.abandon = false
	return was
}

func (l *Log) publish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publishLocked()
}

// publishLocked lets everyone see what the committer has made durable.
func (l *Log) publishLocked() {
	l.tail = tail{
		segment: l.seg.number,
		records: l.seg.records,
		bytes:   l.seg.bytes,
		sealed:  l.seg.sealed,
		closed:  l.seg.closed,
	}
	for r := range l.readers {
		notify(r.wake)
	}
}
