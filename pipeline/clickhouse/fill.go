package clickhouse

import (
	"fmt"
	"runtime"
	"slices"

	blocks "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"golang.org/x/sync/errgroup"

	"heed/schemas"
)

// piece is how many rows are put into all columns before the next ones are: few enough that a row, and all that it points
// to, stays in the processor's cache until the last column has its value.
const piece = 256

// column is one column of a table and how the driver's column is filled with the rows' values.
type column[T any] struct {
	name, kind string
	filler     func() filler[T] // for one block
}

// filler appends the rows' values to a column of a block, piece by piece.
type filler[T any] func(to blocks.Interface, rows []T) error

// each fills a column with one value per row.
func each[T, V any](value func(T) V) func() filler[T] {
	return func() filler[T] {
		values := make([]V, 0, piece)
		return func(to blocks.Interface, rows []T) error {
			values = values[:0]
			for i := range rows {
				values = append(values, value(rows[i]))
			}
			_, err := to.Append(values)
			return err
		}
	}
}

// words fills a LowCardinality column.
func words[T any](value func(T) string) func() filler[T] {
	return func() filler[T] {
		var d dictionary
		return func(to blocks.Interface, rows []T) error {
			for i := range rows {
				if err := to.AppendRow(d.word(value(rows[i]))); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// of fills a column from a field of the envelope, word a LowCardinality one. They are each and words without a copy of
// the row for each value.
func of[V any](field func(*schemas.Envelope) V) func() filler[Row] {
	return func() filler[Row] {
		values := make([]V, 0, piece)
		return func(to blocks.Interface, rows []Row) error {
			values = values[:0]
			for i := range rows {
				values = append(values, field(rows[i].Envelope))
			}
			_, err := to.Append(values)
			return err
		}
	}
}

func word(field func(*schemas.Envelope) string) func() filler[Row] {
	return func() filler[Row] {
		var d dictionary
		return func(to blocks.Interface, rows []Row) error {
			for i := range rows {
				if err := to.AppendRow(d.word(field(rows[i].Envelope))); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// dictionary has one pointer for each text. The driver finds a value in its own dictionary by what it is given: a pointer
// costs it neither an allocation nor a look at the text, and nil, the empty text, not even a search.
type dictionary struct {
	known map[string]*string
	last  *string
}

func (d *dictionary) word(text string) any {
	if text == "" {
		return nil
	}
	if d.last != nil && *d.last == text { // often the value of the row before
		return d.last
	}
	known, ok := d.known[text]
	if !ok {
		if d.known == nil {
			d.known = map[string]*string{}
		}
		kept := text // text itself would be moved to the heap at each call
		known = &kept
		d.known[text] = known
	}
	d.last = known
	return known
}

// lists fills an Array column. The driver looks at a slice of slices by reflection, which costs an allocation for each
// row, and most lists are empty.
func lists[V any](field func(*schemas.Envelope) []V) func() filler[Row] {
	return func() filler[Row] {
		var none any = []V(nil)
		return func(to blocks.Interface, rows []Row) error {
			for i := range rows {
				value := none
				if list := field(rows[i].Envelope); len(list) > 0 {
					value = list
				}
				if err := to.AppendRow(value); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// fill fills all columns of a block but those that are nil, on all cores.
func fill[T any](to []blocks.Interface, columns []column[T], rows []T) error {
	var filling errgroup.Group
	cores := runtime.GOMAXPROCS(0)
	for first := range min(cores, len(columns)) {
		filling.Go(func() error {
			mine := make(map[int]filler[T])
			for i := first; i < len(columns); i += cores {
				if to[i] != nil {
					mine[i] = columns[i].filler()
				}
			}
			for part := range slices.Chunk(rows, piece) {
				for i, fill := range mine {
					if err := fill(to[i], part); err != nil {
						return fmt.Errorf("%w: column %s: %w", ErrRefused, columns[i].name, err)
					}
				}
			}
			return nil
		})
	}
	return filling.Wait()
}
