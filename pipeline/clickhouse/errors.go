package clickhouse

import (
	"errors"
	"fmt"
	"slices"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// The errors that a caller can act on. After any other error of an insert the outcome is unknown (a timeout, a lost
// connection, a quorum that was not reached, a Keeper that did not answer): what is there has to be read back, or the
// same call repeated with the same token.
var (
	ErrBusy        = errors.New("clickhouse cannot take it now")                     // nothing was stored: the same later
	ErrRefused     = errors.New("clickhouse refused the data")                       // a repeat will be refused too
	ErrTooNew      = errors.New("the schema is newer than this program")             // upgrade the program
	ErrOtherKind   = errors.New("the tables are of another kind of store")           // of a cluster, or of one server
	ErrNoLibrary   = errors.New("libchdb cannot be used")                            // fetch it or correct its path
	ErrInUse       = errors.New("another process has the data folder open")          // ask that process instead
	ErrOtherFolder = errors.New("this process has another data folder open already") // libchdb keeps one per process
	ErrClosed      = errors.New("the store is closed")
)

// errNotStarted: no connection of the engine was free in time, so nothing was run.
var errNotStarted = errors.New("the statement was not started")

// RowError says which row of a block cannot be stored, and why. It is an [ErrRefused].
type RowError struct {
	Index int // in the slice that was given to Insert
	Err   error
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Index, e.Err) }

// Unwrap gives the reason, and ErrRefused.
func (e *RowError) Unwrap() []error { return []error{ErrRefused, e.Err} }

// refusals are the server's codes that mean the data is at fault: with it the same insert fails for ever.
var refusals = []int32{
	6,   // CANNOT_PARSE_TEXT
	26,  // CANNOT_PARSE_QUOTED_STRING
	27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38,  // CANNOT_PARSE_DATE
	41,  // CANNOT_PARSE_DATETIME
	53,  // TYPE_MISMATCH
	69,  // ARGUMENT_OUT_OF_BOUND
	70,  // CANNOT_CONVERT_TYPE
	72,  // CANNOT_PARSE_NUMBER
	117, // INCORRECT_DATA
	131, // TOO_LARGE_STRING_SIZE
	321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	307, // TOO_MANY_BYTES: the body is larger than the server takes; fewer rows may pass
	376, // CANNOT_PARSE_UUID
	467, // CANNOT_PARSE_BOOL
	469, // VIOLATED_CONSTRAINT
	691, // UNKNOWN_ELEMENT_OF_ENUM
}

// busy are the server's codes for an insert that it did not begin, or gave up before it wrote: later it will pass.
var busy = []int32{
	202, // TOO_MANY_SIMULTANEOUS_QUERIES
	241, // MEMORY_LIMIT_EXCEEDED
	242, // TABLE_IS_READ_ONLY: a replica without its Keeper
	243, // NOT_ENOUGH_SPACE
	252, // TOO_MANY_PARTS: merges do not keep up
	285, // TOO_FEW_LIVE_REPLICAS: no quorum could be had
	286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	439, // CANNOT_SCHEDULE_TASK: no thread was free
	745, // SERVER_OVERLOADED
}

// classify says whether the data is at fault, or the server had no room. The latter is certain only where one server
// decides: of an insert that the server parts over shards, one may have stored its rows when another has none to spare.
func classify(err error, parted bool) error {
	exception := (*driver.Exception)(nil)
	switch {
	case !errors.As(err, &exception):
		return err
	case slices.Contains(refusals, exception.Code):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case slices.Contains(busy, exception.Code) && !parted:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
