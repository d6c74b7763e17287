package load

import (
	"context"

	"heed/pipeline/wal"
)

// Log is what a Loader reads and, behind what ClickHouse has, trims: the log of this process, or one partition of Kafka.
type Log interface {
	// ID names the log for good: with a position it identifies a record. For Kafka it is the topic's generation.
	ID() string
	// Reader reads from a position on and never beyond what is durable. The zero Pos is the beginning.
	Reader(from wal.Pos) (Reader, error)
	// Trim may free what lies before a position.
	Trim(before wal.Pos) error
}

// Reader follows a log. It is used by one goroutine at a time.
type Reader interface {
	// Next returns the next record, and waits for it. After an error that is not wal.ErrClosed it may be called again
	// and goes on where it was; after wal.ErrClosed there is nothing more. When ctx ends it returns ctx's error at once.
	Next(ctx context.Context) (wal.Record, error)
	// Close gives the reader's resources free. The log is not touched.
	Close() error
}

// local is a wal.Log as a Log.
type local struct{ *wal.Log }

// Local makes the log of this process one that a Loader reads.
func Local(log *wal.Log) Log { return local{log} }

// Reader opens a reader of the log.
func (l local) Reader(from wal.Pos) (Reader, error) { return l.Log.Reader(from) }
