package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"heed/pipeline/durable"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	// outOfReach is the segment size told to wlog: its own rotation would sync the old segment behind our back and the
	// folder never. It is a multiple of the page size and fits an int everywhere.
	outOfReach = 1<<31 - pageSize
	// reopenEvery is the shortest time between two attempts to open the log anew. On a full disk every group would
	// otherwise cost a dozen system calls to learn the same.
	reopenEvery = 200 * time.Millisecond
)

// writer is what the committer needs of wlog.WL.
type writer interface {
	// Log writes one record. After an error the writer is only good for Close.
	Log(records ...[]byte) error
	// Sync makes all records durable.
	Sync() error
	// NextSegmentSync pads and closes the segment, then begins the next.
	NextSegmentSync() (int, error)
	// Close pads and closes the segment. It fails on a full disk and may be called again.
	Close() error
}

// writerOpener begins a new segment after the last one in dir.
type writerOpener func(dir string) (writer, error)

func newWriter(dir string) (writer, error) {
	return wlog.NewSize(slog.New(slog.DiscardHandler), nil, dir, outOfReach, compression.None)
}

var _ writer = (*wlog.WL)(nil)

// segment is the writing end: the one segment that grows, and the way to the next. Only the committer uses it.
//
// What must stay true: the file's first bytes bytes hold exactly records whole records, all of them fsynced. What lies
// behind belongs to a write that failed, was never acknowledged, and is cut off before another segment is begun.
type segment struct {
	dir    string
	opener writerOpener
	logger *slog.Logger

	trimming sync.Locker // held while files of the folder are removed

	number  uint32
	records uint64
	bytes   int64
	begun   time.Time // when its first record was written
	sealed  int64     // bytes of the segments before this one
	closed  bool

	w     writer        // nil between a failure and the next opening
	cause error         // why the segment cannot be written any more, nil when it can
	torn  bool          // the file may hold more than bytes bytes
	ill   bool          // a failure has been logged and no write has succeeded since
	next  time.Time     // no attempt to open anew before this
	pause time.Duration // between two attempts: reopenEvery, none in tests
}

func newSegment(dir string, opener writerOpener, logger *slog.Logger, trimming sync.Locker) *segment {
	return &segment{dir: dir, opener: opener, logger: logger, trimming: trimming, pause: reopenEvery}
}

// open begins a new segment. Every opening does: a segment that a crash or an error has ended is never written again,
// so that no position is given twice.
func (s *segment) open() error {
	_, last, err := wlog.Segments(s.dir)
	if err != nil {
		return fmt.Errorf("list segments of %q: %w", s.dir, err)
	}
	if last+1 < int(s.number) {
		return fmt.Errorf("create segment %q: segments up to %08d were written and are missing: put them back, or start again",
			segmentPath(s.dir, uint32(last+1)), s.number-1)
	}
	w, err := s.opener(s.dir)
	if err != nil {
		return fmt.Errorf("create segment %q: %w", segmentPath(s.dir, uint32(last+1)), full(err))
	}
	s.w, s.cause, s.torn = w, nil, false
	s.sealed += s.bytes
	s.number, s.records, s.bytes = uint32(last+1), 0, 0
	// Without this a power cut could take the whole file, fsynced records and all.
	if err := durable.SyncDir(s.dir); err != nil {
		return s.fail("sync folder of", err)
	}
	return nil
}

// append writes one record and returns its number after it is durable.
func (s *segment) append(rec []byte) (uint64, error) {
	if err := s.heal(); err != nil {
		return 0, err
	}
	if err := s.w.Log(rec); err != nil {
		return 0, s.fail("write", err)
	}
	// A failed fsync is never repeated: the kernel may have forgotten which pages it lost.
	if err := s.w.Sync(); err != nil {
		return 0, s.fail("sync", err)
	}
	info, err := os.Stat(s.path())
	if err != nil {
		return 0, s.fail("measure", err)
	}
	s.bytes = info.Size()
	if s.records == 0 {
		s.begun = time.Now()
	}
	s.records++
	if s.ill {
		s.ill = false
		s.logger.Info("log takes events again", "segment", s.number)
	}
	return s.records - 1, nil
}

// rotate begins the next segment. The records of this one are durable already; only its padding is new.
func (s *segment) rotate() error {
	if s.cause != nil {
		return nil // the next append begins a new segment anyway
	}
	number, err := s.w.NextSegmentSync()
	if err != nil {
		return s.fail("end", err)
	}
	if info, err := os.Stat(s.path()); err == nil {
		s.bytes = info.Size() // with its padding
	}
	s.sealed += s.bytes
	s.number, s.records, s.bytes = uint32(number), 0, 0
	if err := durable.SyncDir(s.dir); err != nil {
		return s.fail("sync folder of", err)
	}
	return nil
}

// close ends the segment. After a failure it cuts off what was never acknowledged, as far as the disk lets it.
func (s *segment) close() error {
	if s.cause != nil {
		s.trimming.Lock()
		defer s.trimming.Unlock()
		return s.bury()
	}
	if s.w == nil {
		return nil
	}
	err := s.w.Close()
	s.w = nil
	if err != nil {
		return fmt.Errorf("close segment %q: %w", s.path(), err)
	}
	return nil
}

// fail ends the use of the current file. The next append opens the log anew.
func (s *segment) fail(verb string, err error) error {
	s.cause = fmt.Errorf("%s segment %q: %w", verb, s.path(), full(err))
	s.torn = true
	if !s.ill {
		s.ill = true
		s.logger.Error("log refuses events until the disk takes them", "segment", s.number, "err", s.cause)
	}
	return s.cause
}

// heal opens the log anew after a failure, at most once per pause. In between it repeats the cause.
func (s *segment) heal() error {
	if s.cause == nil {
		return nil
	}
	now := time.Now()
	if now.Before(s.next) {
		return s.cause
	}
	s.next = now.Add(s.pause)
	// From the removal of a file to the making of the next one no other may go: an empty folder begins at 0 again.
	s.trimming.Lock()
	defer s.trimming.Unlock()
	if err := s.bury(); err != nil {
		return err
	}
	return s.open()
}

// bury closes the failed file and cuts it to what was acknowledged. It can be repeated until it succeeds. The caller holds trimming.
func (s *segment) bury() error {
	if s.w != nil {
		// Closing pads the page, which needs room: give back first what the failed record took.
		if err := s.cut(); err != nil {
			return err
		}
		if err := s.w.Close(); err != nil {
			return fmt.Errorf("close segment %q: %w", s.path(), full(err))
		}
		s.w = nil
	}
	if !s.torn {
		return nil
	}
	if err := s.cut(); err != nil {
		return err
	}
	// A file without a durable record has given no position away. Removing it keeps a long-full disk from collecting
	// thousands of them; its number is used again. Where it is the only one it stays: nothing else says how far the numbers are.
	if s.bytes == 0 && (s.number == 0 || exists(segmentPath(s.dir, s.number-1))) {
		if err := os.Remove(s.path()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove empty segment: %w", err)
		}
	}
	s.torn = false
	return nil
}

// cut shortens the file to its durable bytes, and makes that durable. A file that somebody has removed comes back full
// of zeros, in which a reader finds nothing: its number must not be given to another segment.
func (s *segment) cut() error {
	f, err := os.OpenFile(s.path(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open segment to cut it: %w", err)
	}
	if err := errors.Join(f.Truncate(s.bytes), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cut segment %q to %d bytes: %w", s.path(), s.bytes, full(err))
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *segment) path() string { return segmentPath(s.dir, s.number) }

func segmentPath(dir string, number uint32) string { return wlog.SegmentName(dir, int(number)) }

// full marks the errors that room on the disk would mend.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
