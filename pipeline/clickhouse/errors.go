package clickhouse

import (
	"errors"
	"fmt"
	"slices"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// The errors that a caller can act on. Everything else is an outage: the outcome is unknown, and the same call may be
// repeated.
var (
	ErrRefused     = errors.New("clickhouse refused the data")                       // a repeat will be refused too
	ErrTooNew      = errors.New("the schema is newer than this program")             // upgrade the program
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
	376, // CANNOT_PARSE_UUID
	467, // CANNOT_PARSE_BOOL
	469, // VIOLATED_CONSTRAINT
	691, // UNKNOWN_ELEMENT_OF_ENUM
}

// classify wraps err with ErrRefused when the server says that the data is at fault.
func classify(err error) error {
	if exception := (*driver.Exception)(nil); errors.As(err, &exception) && slices.Contains(refusals, exception.Code) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

func isRefusal(err error) bool { return errors.Is(err, ErrRefused) }
