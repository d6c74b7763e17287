package wal

import (
	"errors"
	"fmt"
	"os"

	"heed/pipeline/durable"
)

// Trim frees the segments that lie wholly before the given position, and never the newest: that one follows when it has
// ended, at the latest at SegmentAge, without another call. What was read from them must be safe elsewhere: nothing
// brings them back. A segment found damaged is kept under another name.
func (l *Log) Trim(before Pos) error {
	l.trimming.Lock()
	defer l.trimming.Unlock()
	t := l.durable()
	if durable := (Pos{Segment: t.segment, Record: t.records}); durable.Before(before) {
		before = durable // what comes later was not meant
	}
	if l.letGo.Before(before) {
		l.letGo = before
	}
	segments, err := listSegments(l.cfg.Dir)
	if err != nil {
		return err
	}
	end, err := l.end(l.letGo)
	if err != nil {
		return fmt.Errorf("trim log %q: %w", l.cfg.Dir, err)
	}
	end = min(end, t.segment)
	removed := 0
	for _, n := range segments {
		if n >= end {
			break
		}
		// Oldest first: a crash in between leaves an unbroken row.
		if err := l.remove(n); err != nil {
			return fmt.Errorf("trim log %q: %w", l.cfg.Dir, err)
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	if err := durable.SyncDir(l.cfg.Dir); err != nil {
		return fmt.Errorf("trim log %q: %w", l.cfg.Dir, err)
	}
	return nil
}

func (l *Log) remove(n uint32) error {
	path := segmentPath(l.cfg.Dir, n)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	kept, damaged := l.damaged[n]
	l.mu.Unlock()
	if damaged && !kept {
		err = os.Rename(path, path+".quarantine")
	} else {
		err = os.Remove(path)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.oldest = n + 1
	l.trimmed += info.Size()
	delete(l.damaged, n)
	l.mu.Unlock()
	return nil
}

// quarantine keeps a damaged segment for good. It gets its second name at once, so that also a later process can trim
// it without asking. A live segment is ended, so that no more events are put where readers do not look.
func (l *Log) quarantine(n uint32, off int64, live bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.damaged[n]; known {
		return
	}
	l.abandon = l.abandon || live
	path := segmentPath(l.cfg.Dir, n)
	err := os.Link(path, path+".quarantine")
	known := errors.Is(err, os.ErrExist) // by an earlier process, or another reader
	l.damaged[n] = err == nil || known
	if known {
		return
	}
	l.metrics.quarantined.Inc()
	l.logger.Error("segment is damaged, the rest of it is skipped and kept",
		"segment", path, "byte", off, "kept", path+".quarantine", "err", errors.Join(err, durable.SyncDir(l.cfg.Dir)))
}
