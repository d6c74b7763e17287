package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	defaultMaxBytes     = 8 << 30  // bytes
	defaultSegmentBytes = 64 << 20 // bytes
	minSegmentBytes     = 64 << 10 // bytes; below this padding would outweigh events
	maxSegmentBytes     = 1 << 30  // bytes; half of wlog's own limit, which must never be reached
)

// Errors that a caller can act on. All others are an operator's business and say what, where and what to do.
var (
	// ErrFull means that there is no room now: the log has reached MaxBytes, the disk is full, or too many bytes wait
	// for the disk already. The same call works again later, without a restart.
	ErrFull = errors.New("the log has no room")
	// ErrClosed means that Close has been called, and for a Reader that every durable record has been read.
	ErrClosed = errors.New("the log is closed")
	// ErrLocked means that another process has the folder open.
	ErrLocked = errors.New("the log is in use by another process")
	// ErrTooNew means that a newer Heed wrote the folder. The data is fine; this program is too old for it.
	ErrTooNew = errors.New("the log is from a newer version")
)

// Config says where the log lives and how large it may grow.
type Config struct {
	// Dir is the log's folder, made when missing. It belongs to the log alone.
	Dir string
	// MaxBytes bounds all segments together, 8 GiB when 0. At the bound Append answers ErrFull until Trim has freed
	// room. Padding may exceed it by two pages (64 KiB). Quarantined segments are not counted.
	MaxBytes int64
	// SegmentBytes is the size at which the next segment is begun, 64 MiB when 0; from 64 KiB to 1 GiB, at most half
	// of MaxBytes. Trim frees whole segments. One Append takes at most a quarter of it, and never over 4 MiB.
	SegmentBytes int64
	// SegmentAge is when a segment is ended, however small, counted from its first event; 10 minutes when 0, at least a
	// second. It bounds how long events stay on this disk after Trim was told to let go of them.
	SegmentAge time.Duration
}

// Validate reports every setting that cannot work.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("wal dir is empty: name a folder"))
	}
	if c.SegmentBytes < minSegmentBytes || c.SegmentBytes > maxSegmentBytes {
		errs = append(errs, fmt.Errorf("wal segment bytes is %d: choose from %d to %d",
			c.SegmentBytes, minSegmentBytes, maxSegmentBytes))
	}
	if c.SegmentAge < time.Second {
		errs = append(errs, fmt.Errorf("wal segment age is %v: choose at least 1s", c.SegmentAge))
	}
	// The newest segment is never trimmed. With room for two, a log whose older segments are gone always has room.
	if c.MaxBytes < 2*c.SegmentBytes {
		errs = append(errs, fmt.Errorf("wal max bytes is %d: choose at least twice wal segment bytes (%d)",
			c.MaxBytes, c.SegmentBytes))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = defaultSegmentBytes
	}
	if c.SegmentAge == 0 {
		c.SegmentAge = defaultSegmentAge
	}
	return c
}

// Pos is the place of one event in one log. Together with the log's ID it names the event for ever.
type Pos struct {
	Segment uint32 // number of the segment file
	Record  uint64 // number of the record within its segment, from 0
	Event   uint32 // number of the event within its record's schemas.Group, from 0
}

// String returns segment, record and event, as in 3/14/0.
func (p Pos) String() string { return fmt.Sprintf("%d/%d/%d", p.Segment, p.Record, p.Event) }

// Before reports whether p's record stands before q's. Both are of one log; the events within a record do not count.
func (p Pos) Before(q Pos) bool {
	if p.Segment != q.Segment {
		return p.Segment < q.Segment
	}
	return p.Record < q.Record
}

// Log is an open log. All methods may be called from any goroutine.
type Log struct {
	cfg     Config
	id      string
	unclean bool
	logger  *slog.Logger
	metrics *counters
	lock    *folderLock

	openFile func(path string) (*os.File, error) // for readers; os.Open, but in tests

	wake    chan struct{} // capacity 1: something was queued, or closing was set
	stopped chan struct{} // closed by the committer when it is done with the folder
	// closeErr is written by the committer before it closes stopped.
	closeErr error

	// seg is the committer's own. Others see what it has published in tail.
	seg   *segment
	delay time.Duration // of the next commit; the committer's own

	mu      sync.Mutex
	closing bool      // no more appends
	queue   []*group  // groups not yet taken by the committer; events join the last one
	waiting int64     // bytes of all groups that are queued or being committed
	begun   time.Time // when the group that is being committed was begun; zero when none is
	spare   [][]byte  // buffers of past groups, for the next ones
	tail    tail      // what is durable
	oldest  uint32    // number of the oldest segment
	trimmed int64     // bytes removed by Trim since Open
	readers map[*Reader]struct{}
	damaged map[uint32]bool // segments found damaged; true when a second name keeps the file already
	abandon bool            // the current segment is damaged: begin another before the next group

	trimming sync.Mutex // one at a time removes files: Trim, or the committer after a failure; taken before mu
	letGo    Pos        // the furthest position that Trim was given
	counted  tail       // a sealed segment and its records, so that they are counted once
}

// tail is how far the log is durable. Readers never look further, since what lies beyond may vanish in a power cut.
type tail struct {
	segment uint32 // the segment being written
	records uint64 // durable records in it
	bytes   int64  // durable bytes in it
	sealed  int64  // bytes of the segments before it, those trimmed since Open included
	closed  bool   // nothing will be added
}

// Open opens the log in cfg.Dir, makes it when there is none, and recovers it after a crash. The context bounds the
// opening only.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (*Log, error) {
	return open(ctx, cfg, logger, newWriter)
}

// open is Open with the writer's opener as a seam: tests put one in its place that fails on command.
func open(ctx context.Context, cfg Config, logger *slog.Logger, opener writerOpener) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cfg.Dir = filepath.Clean(cfg.Dir)
	f, err := openFolder(ctx, cfg.Dir, logger)
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg:     cfg,
		id:      f.id,
		unclean: f.lock.unclean,
		oldest:  f.oldest,
		logger:  logger,
		lock:    f.lock,
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		readers: make(map[*Reader]struct{}),
		damaged: make(map[uint32]bool),

		openFile: os.Open,
	}
	l.seg = newSegment(cfg.Dir, opener, logger, &l.trimming)
	l.seg.sealed = f.bytes
	if err := l.seg.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open log %q: %w", cfg.Dir, err), l.seg.close(), f.lock.release())
	}
	l.metrics = newCounters(l)
	l.publish()
	go l.run()
	return l, nil
}

// Close refuses new events, commits those that wait, and gives the folder free. When ctx ends first it returns, and
// closing goes on behind it. A second Close waits for the same end and returns the same error.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	notify(l.wake)
	select {
	case <-l.stopped:
		return l.closeErr
	case <-ctx.Done():
		return fmt.Errorf("close log %q: %w", l.cfg.Dir, ctx.Err())
	}
}

// ID names the log, 32 hex digits. It is random and made together with the folder's first segment.
func (l *Log) ID() string { return l.id }

// Unclean tells whether the process that had the log before ended without Close.
func (l *Log) Unclean() bool { return l.unclean }

// Size returns how many bytes the segments hold, waiting events included, and how many they may hold.
func (l *Log) Size() (bytes, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytesLocked(), l.cfg.MaxBytes
}

// Waiting returns how long the event that has waited longest for the disk has done so, 0 when none waits. When it grows
// beyond a few fsyncs the disk is slower than what arrives.
func (l *Log) Waiting() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun := l.begun
	if begun.IsZero() && len(l.queue) > 0 {
		begun = l.queue[0].begun
	}
	if begun.IsZero() {
		return 0
	}
	return time.Since(begun)
}

func (l *Log) bytesLocked() int64 { return l.tail.sealed + l.tail.bytes - l.trimmed + l.waiting }

// notify leaves one token in a channel of capacity 1. A token that is there already says the same.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
