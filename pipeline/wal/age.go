package wal

import (
	"fmt"
	"os"
	"time"
)

// defaultSegmentAge bounds how long events that are safe elsewhere stay on this disk: see Config.SegmentAge.
const defaultSegmentAge = 10 * time.Minute

// old is when the current segment is to end, however little it holds; false while it holds nothing.
func (s *segment) old(age time.Duration) (at time.Time, ok bool) {
	return s.begun.Add(age), s.records > 0 && s.cause == nil
}

// aging fires when the current segment is old enough to be ended. Without a record it never does.
func (l *Log) aging() (fires <-chan time.Time, stop func() bool) {
	at, ok := l.seg.old(l.cfg.SegmentAge)
	if !ok {
		return nil, func() bool { return true }
	}
	timer := time.NewTimer(time.Until(at))
	return timer.C, timer.Stop
}

// isOld reports whether the current segment is to end.
func (l *Log) isOld() bool {
	at, ok := l.seg.old(l.cfg.SegmentAge)
	return ok && !time.Now().Before(at)
}

// turn ends an old segment while nothing is to be written, and removes it when Trim was told so: whoever reads the log
// has no reason to call it again.
func (l *Log) turn() {
	if !l.isOld() {
		return
	}
	l.rotate()
	if err := l.Trim(Pos{}); err != nil {
		l.logger.Warn("log could not be trimmed, the next event makes it try again", "err", err)
	}
}

// end is the first segment that may hold something at or behind a position: its own, or the one after that when all its
// records stand before the position and no more will come.
func (l *Log) end(before Pos) (uint32, error) {
	if before.Segment >= l.durable().segment || before.Record == 0 {
		return before.Segment, nil
	}
	if l.counted.segment != before.Segment || l.counted.records == 0 {
		n, err := countRecords(segmentPath(l.cfg.Dir, before.Segment))
		if err != nil {
			return before.Segment, err
		}
		l.counted.segment, l.counted.records = before.Segment, n
	}
	if before.Record < l.counted.records {
		return before.Segment, nil
	}
	return before.Segment + 1, nil
}

// countRecords counts what a reader finds in a sealed segment.
func countRecords(path string) (n uint64, err error) {
	file, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return 0, nil
		}
		return 0, fmt.Errorf("count records: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("count records of %q: %w", path, err)
	}
	d := decoder{src: file}
	for {
		_, ok, err := d.next(info.Size())
		if err != nil {
			return 0, fmt.Errorf("count records of %q: %w", path, err)
		}
		if !ok {
			return n, nil
		}
		n++
	}
}
