package wal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Record is one group commit as a Reader returns it.
type Record struct {
	Pos   Pos    // of its first event
	Next  Pos    // where to go on reading behind it
	Group []byte // a schemas.Group in protobuf; belongs to the caller
}

// Reader follows the log from one position on. It is used by one goroutine at a time.
type Reader struct {
	log  *Log
	wake chan struct{} // capacity 1: more may be durable, or the log is closed

	pos  Pos      // the next record
	skip uint64   // records of the segment to pass over before pos
	file *os.File // the segment of pos, nil when not open
	size int64    // its size once nothing is added any more, -1 before
	dec  decoder
	dead bool // nothing further is read from the segment: it is damaged
}

// errWait is step's way to say that nothing more is durable yet.
var errWait = errors.New("nothing more is durable")

// Reader returns a reader whose first record is the one that holds from; the zero Pos is the beginning. When that
// segment has been trimmed, reading begins at the oldest. A position behind the end of the log is an error: it is from
// another log or from a time before this one was put back from a backup.
func (l *Log) Reader(from Pos) (*Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tail
	if from.Segment > t.segment || from.Segment == t.segment && from.Record > t.records {
		return nil, fmt.Errorf("read log %q from segment %d record %d: the log ends at segment %d record %d",
			l.cfg.Dir, from.Segment, from.Record, t.segment, t.records)
	}
	r := &Reader{
		log:  l,
		wake: make(chan struct{}, 1),
		pos:  Pos{Segment: from.Segment},
		skip: from.Record,
	}
	l.readers[r] = struct{}{}
	return r, nil
}

// Next returns the next record, and waits for it when all durable ones have been read. After the log has been closed it
// returns those that are left, then ErrClosed. When ctx ends it returns ctx's error; the reader can be used further. So
// it can after an error of the disk, and will try the same record again. While the process has no file descriptor or memory
// to spare it waits for one.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for pause := firstPause; ; {
		if err := ctx.Err(); err != nil {
			return Record{}, err
		}
		rec, err := r.step()
		more := r.wake
		var again <-chan time.Time
		switch {
		case passes(err):
			if pause == firstPause {
				r.log.logger.Warn("log cannot be read, trying again", "segment", r.pos.Segment, "err", err)
			}
			more, again = nil, time.After(pause)
			pause = min(2*pause, maxPause)
		case !errors.Is(err, errWait):
			return rec, err
		}
		select {
		case <-more:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// The first and the longest pause between two tries of what passes.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = time.Second
)

// passes reports whether reading may work again without anybody's help.
func passes(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// Close gives the reader's file free. The log itself is not touched.
func (r *Reader) Close() error {
	r.log.mu.Lock()
	delete(r.log.readers, r)
	r.log.mu.Unlock()
	return r.leave()
}

// step returns the next durable record, errWait when there is none yet, and ErrClosed when there will be none.
func (r *Reader) step() (Record, error) {
	for {
		t := r.log.durable()
		live := r.pos.Segment == t.segment
		if r.pos.Segment > t.segment {
			return Record{}, fmt.Errorf("read segment %d: the log ends at segment %d", r.pos.Segment, t.segment)
		}
		group, ok, err := r.read(t, live)
		switch {
		case err != nil:
			return Record{}, err
		case ok && r.skip > 0:
			r.skip--
			r.pos.Record++
		case ok:
			pos := r.pos
			r.pos.Record++
			return Record{Pos: pos, Next: r.pos, Group: group}, nil
		case live && t.closed:
			return Record{}, ErrClosed
		case live:
			return Record{}, errWait
		default:
			if err := r.enter(r.pos.Segment + 1); err != nil {
				return Record{}, err
			}
		}
	}
}

// read reads one record of the current segment. ok is false when it holds no further one that can be read now.
func (r *Reader) read(t tail, live bool) (group []byte, ok bool, err error) {
	limit, err := r.limit(t, live)
	if err != nil || limit == 0 || r.dead {
		return nil, false, err
	}
	group, ok, err = r.dec.next(limit)
	if err != nil {
		return nil, false, fmt.Errorf("read segment %q at byte %d: %w", r.file.Name(), r.dec.off, err)
	}
	if ok || r.dec.off >= limit {
		return group, ok, nil
	}
	// The bytes up to limit do not go on with a record. In a live segment every durable byte is part of one. In a
	// sealed one the rest is padding or a torn tail, unless a record follows.
	damaged := live
	if !live {
		if damaged, err = r.dec.follows(r.dec.off+1, limit); err != nil {
			return nil, false, fmt.Errorf("search segment %q: %w", r.file.Name(), err)
		}
	}
	r.dead = true
	if damaged {
		r.log.quarantine(r.pos.Segment, r.dec.off, live)
	}
	return nil, false, nil
}

// limit opens the segment if it is not yet, and returns how many of its bytes may be read, 0 when there is nothing to
// open.
func (r *Reader) limit(t tail, live bool) (int64, error) {
	if live && t.bytes == 0 {
		return 0, nil
	}
	if r.file == nil {
		f, err := r.log.openFile(segmentPath(r.log.cfg.Dir, r.pos.Segment))
		if errors.Is(err, os.ErrNotExist) {
			return 0, r.jump()
		}
		if err != nil {
			return 0, fmt.Errorf("open segment: %w", err)
		}
		r.file, r.size, r.dec = f, -1, decoder{src: f}
	}
	if live {
		return t.bytes, nil
	}
	if r.size < 0 {
		info, err := r.file.Stat()
		if err != nil {
			return 0, fmt.Errorf("measure segment %q: %w", r.file.Name(), err)
		}
		r.size = info.Size()
	}
	return r.size, nil
}

// jump goes on at the oldest segment, after the current one has been trimmed.
func (r *Reader) jump() error {
	segments, err := listSegments(r.log.cfg.Dir)
	if err != nil {
		return err
	}
	for _, n := range segments {
		if n > r.pos.Segment {
			// One before, since step enters the next one.
			r.pos.Segment = n - 1
			break
		}
	}
	return nil
}

// enter makes the start of a segment the next position.
func (r *Reader) enter(segment uint32) error {
	r.pos, r.skip, r.dead = Pos{Segment: segment}, 0, false
	return r.leave()
}

func (r *Reader) leave() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.dec = nil, decoder{}
	if err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// durable returns how far readers may look.
func (l *Log) durable() tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tail
}
