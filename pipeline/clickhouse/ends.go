package clickhouse

import "time"

// LoadEnds counts how the events of one site ended that stood in one planned batch of a partition: each event once, as
// a row, as a duplicate of one, or as a dead letter. They are the rows of the table load_ends.
type LoadEnds struct {
	At         time.Time // when they were counted; the same for all rows of an insert
	Site       string    // "" where it could not be read
	Origin     string
	Partition  uint32
	From, To   uint64 // offsets of the plan: From included, To not
	Stored     uint64
	Duplicates uint64
	Dead       uint64
}
