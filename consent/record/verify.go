package record

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Difference says in a word what is wrong with a chain. The set is closed.
type Difference string

// The differences.
const (
	RowMissing       Difference = "row_missing"       // rows before this one are gone
	RowMisplaced     Difference = "row_misplaced"     // a row stands twice, or in another place
	PrevDiffers      Difference = "prev_differs"      // the hash of the row before is not the one named
	HashDiffers      Difference = "hash_differs"      // index, record or hash were changed
	RecordUnreadable Difference = "record_unreadable" // hashed as it is, but not JSON
	SiteDiffers      Difference = "site_differs"      // a record of another site
	RootDiffers      Difference = "root_differs"      // the rows hold together, but are not those that were signed
	EndMissing       Difference = "end_missing"       // fewer rows than were signed
)

// Break is the first place where a chain is not what it was.
type Break struct {
	Site   string
	Index  uint64     // of the first broken row; with RootDiffers and EndMissing of the last row at hand
	ID     ID         // of its record, as far as it can be read
	What   Difference // what differs
	Detail string     // with both values, for a person; no personal data
}

// Error implements error.
func (b *Break) Error() string {
	return fmt.Sprintf("chain of %s breaks at row %d, record %s: %s: %s", b.Site, b.Index, b.ID, b.What, b.Detail)
}

// Audit is what a chain is held against.
type Audit struct {
	Site string
	// From is the checkpoint behind which rows have expired; nil when the chain begins with row 0. It must come from a
	// signed note: Verify believes it.
	From *Checkpoint
	// Roots are the checkpoints of signed notes, in any order. What they do not cover is only found to be consistent. Those
	// of fewer rows than From have nothing to be held against and are passed over.
	Roots []Checkpoint
	// Whole keeps what the returned chain needs to prove rows: 64 bytes and more per row.
	Whole bool
}

// Verify reads the rows in the order of their index, from the first or from a.From, and holds them against each other and
// against the signed roots. It keeps one row at a time. It returns the chain behind the last row, ready to go on, or the
// first *Break, or the first error of rows.
//
// The hash vouches for a row's bytes; of the record in it Verify reads no more than its site, so that a chain with records
// of a newer version still verifies. That no record stands in two rows is the store's to keep (Chain.Append): Verify does
// not remember ids.
func (a Audit) Verify(rows iter.Seq2[Row, error]) (*Chain, error) {
	chain := NewChain(a.Site, a.Whole)
	if a.From != nil {
		var err error
		if chain, err = ChainAt(*a.From, a.Whole); err != nil {
			return nil, err
		}
	}
	roots, err := a.rootsFrom(chain.Size())
	if err != nil {
		return nil, err
	}
	var last Row
	for row, err := range rows {
		if err != nil {
			return nil, fmt.Errorf("read row %d of %s: %w", chain.Size(), a.Site, err)
		}
		if roots, err = chain.pass(roots, last); err != nil {
			return nil, err
		}
		if err := chain.Follow(row); err != nil {
			return nil, err
		}
		last = row
	}
	if roots, err = chain.pass(roots, last); err != nil {
		return nil, err
	}
	if len(roots) > 0 {
		return nil, chain.breaks(last, EndMissing, fmt.Sprintf("on %s there were %d rows", roots[0].Day, roots[0].Size))
	}
	return chain, nil
}

// rootsFrom returns the roots that the rows from size on can be held against, the smallest first.
func (a Audit) rootsFrom(size uint64) ([]Checkpoint, error) {
	var roots []Checkpoint
	for _, root := range append(slices.Clone(a.Roots), a.from()...) {
		if root.Site != a.Site {
			return nil, fmt.Errorf("verify %s: the root of %s is of another site", a.Site, root.Day)
		}
		if root.Size >= size {
			roots = append(roots, root)
		}
	}
	slices.SortStableFunc(roots, func(x, y Checkpoint) int { return cmp.Compare(x.Size, y.Size) })
	return roots, nil
}

func (a Audit) from() []Checkpoint {
	if a.From == nil {
		return nil
	}
	return []Checkpoint{*a.From}
}

// pass compares the chain with the roots of its size and returns those of larger sizes.
func (c *Chain) pass(roots []Checkpoint, last Row) ([]Checkpoint, error) {
	for len(roots) > 0 && roots[0].Size == c.Size() {
		root, err := c.tree.Root()
		if err != nil {
			return nil, err
		}
		if root != roots[0].Root || c.head != roots[0].Head {
			return nil, c.breaks(last, RootDiffers, fmt.Sprintf("signed on %s: root %s, head %s; the rows give root %s, head %s",
				roots[0].Day, roots[0].Root, roots[0].Head, root, c.head))
		}
		roots = roots[1:]
	}
	return roots, nil
}

func (c *Chain) breaks(last Row, what Difference, detail string) error {
	return &Break{Site: c.site, Index: max(c.Size(), 1) - 1, ID: last.id(), What: what, Detail: detail}
}
