package ledger

import (
	"context"
	"errors"
	"time"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// retryPause is how long the follower waits after an error of the disk.
const retryPause = time.Second

// following is what the follower has read of the log: the events of base.Pos up to next, by site. What the loader has
// brought to its end since base is taken off them; the rest is pending.
type following struct {
	base  *load.Progress
	next  wal.Pos
	read  map[string]*uint64
	first int64 // ms, receipt of the first event read since base; 0 when there is none
}

// eachRecord calls visit for every record that becomes durable, until the log is closed and read or ctx ends. What the
// disk does not give is asked for again.
func eachRecord(ctx context.Context, reader *wal.Reader, visit func(wal.Record), failed func(error)) {
	for {
		record, err := reader.Next(ctx)
		switch {
		case err == nil:
			visit(record)
		case errors.Is(err, wal.ErrClosed) || ctx.Err() != nil:
			return
		default:
			failed(err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryPause):
			}
		}
	}
}

// count adds the events of one record. When the loader has gone past the follower, counting begins anew where the
// loader is: the log before that may have been trimmed unread.
func (l *Ledger) count(record wal.Record) {
	progress := l.from.Loader.Progress() // after the record was read: whatever the reader jumped over has ended by now
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.follow
	if f.next.Before(progress.Pos) {
		*f = following{base: progress, next: progress.Pos}
	}
	f.next = record.Next
	if record.Pos.Before(f.base.Pos) {
		return
	}
	if f.read == nil {
		f.read = map[string]*uint64{}
	}
	load.EachEvent(record.Group, func(site []byte, receivedMs int64) {
		n := f.read[string(site)]
		if n == nil {
			n = new(uint64)
			f.read[string(site)] = n
		}
		*n++
		if f.first == 0 {
			f.first = receivedMs
		}
	})
}

// pending returns the loader's progress and, as of it, how many events are on their way by site.
func (l *Ledger) pending() (*load.Progress, map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	progress := l.from.Loader.Progress()
	pending := make(map[string]uint64, len(l.follow.read))
	for site, read := range l.follow.read {
		ended := progress.Sites[site].Total() - l.follow.base.Sites[site].Total()
		pending[site] = *read - min(ended, *read) // fewer read than ended: the follower is behind, and nothing is pending yet
	}
	return progress, pending
}

// Oldest returns when the oldest event was received that ClickHouse may not have, and false when there is none.
func (l *Ledger) Oldest() (received time.Time, ok bool) {
	if received, ok = l.from.Loader.Oldest(); ok {
		return received, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.follow.first != 0 && l.follow.base == l.from.Loader.Progress() // the loader has not begun
	return time.UnixMilli(l.follow.first), waiting
}
