package record

import (
	"errors"
	"fmt"
	"iter"
	"time"
)

// EndsAt is when the choice of r has ended by itself; for other events, when they happened. A withdrawal may have ended
// it sooner: then the record is kept for longer than it must, by a choice's life at most.
func (r *Record) EndsAt() time.Time { return time.UnixMilli(max(r.TimeMS, r.ExpiresMS)).UTC() }

// Expirable returns how many of the first rows tell of choices that ended before a given time: the proof period ago. All
// before the last signed Checkpoint of at most that size may be removed; Audit.From then stands for them. rows are those
// of the site's chain in the order of their index, from index first on. A row that is missing, moved or unreadable is a
// *Break; a record of a newer version is none.
func Expirable(site string, rows iter.Seq2[Row, error], first uint64, before time.Time) (uint64, error) {
	size := first
	for row, err := range rows {
		if err != nil {
			return 0, fmt.Errorf("read row %d: %w", size, err)
		}
		if what, detail := misplaced(row.Index, size); what != "" {
			return 0, &Break{Site: site, Index: row.Index, ID: row.id(), What: what, Detail: detail}
		}
		r, err := Decode(row.Record)
		if errors.Is(err, ErrTooNew) {
			return 0, fmt.Errorf("row %d of %s: %w", row.Index, site, err)
		}
		if err != nil {
			return 0, &Break{Site: site, Index: row.Index, ID: row.id(), What: RecordUnreadable, Detail: "its bytes are no record"}
		}
		if !r.EndsAt().Before(before) {
			break
		}
		size++
	}
	return size, nil
}
