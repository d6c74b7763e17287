package record

import (
	"fmt"
	"iter"
	"time"
)

// EndsAt is when the choice of r has ended by itself; for other events, when they happened. A withdrawal may have ended
// it sooner: then the record is kept for longer than it must, by a choice's life at most.
func (r *Record) EndsAt() time.Time { return time.UnixMilli(max(r.TimeMS, r.ExpiresMS)).UTC() }

// Expirable returns how many of the first rows tell of choices that ended before a given time: the proof period ago. All
// before the last signed Checkpoint of at most that size may be removed; Audit.From then stands for them. rows are those
// of the chain in the order of their index, from index first on.
func Expirable(rows iter.Seq2[Row, error], first uint64, before time.Time) (uint64, error) {
	size := first
	for row, err := range rows {
		if err != nil {
			return 0, fmt.Errorf("read row %d: %w", size, err)
		}
		if row.Index != size {
			return 0, fmt.Errorf("row %d where row %d should be: verify the chain", row.Index, size)
		}
		r, err := Decode(row.Record)
		if err != nil {
			return 0, fmt.Errorf("row %d: %w", row.Index, err)
		}
		if !r.EndsAt().Before(before) {
			break
		}
		size++
	}
	return size, nil
}
