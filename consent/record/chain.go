package record

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
)

// Chain is the end of a site's chain of records: what is needed to add rows, and to check those that follow. It is not
// for use by several goroutines at once.
type Chain struct {
	site string
	head Hash
	tree *Tree
}

// NewChain returns the empty chain of a site. With whole, its Tree can prove rows.
func NewChain(site string, whole bool) *Chain {
	return &Chain{site: site, head: genesis(site), tree: NewTree(whole)}
}

// ChainAt returns the chain as it was when cp was made. The rows before it need not exist any more. With whole, its Tree
// can prove the rows from there on.
func ChainAt(cp Checkpoint, whole bool) (*Chain, error) {
	tree, err := cp.tree(whole)
	if err != nil {
		return nil, err
	}
	return &Chain{site: cp.Site, head: cp.Head, tree: tree}, nil
}

// Site returns the id of the chain's site.
func (c *Chain) Site() string { return c.site }

// Size is the number of rows, expired ones included; the next row has this index.
func (c *Chain) Size() uint64 { return c.tree.Size() }

// Head is the hash of the last row.
func (c *Chain) Head() Hash { return c.head }

// Tree returns the tree over all rows so far. It must not be changed.
func (c *Chain) Tree() *Tree { return c.tree }

// Outcome is what became of one record.
type Outcome struct {
	Row    Row   // the row that holds it, unless Err is set
	Double bool  // the row was there before: nothing is to be stored
	Err    error // it can never become a row: ErrConflict, or what Validate says
}

// Append adds records in the order given, which must be that of the site's log, and says of each what became of it.
//
// stored holds the rows of this chain that have one of the records' ids; to look them up is all that replay needs: the
// loader continues the chain behind its last durable row and hands in again whatever it is not sure of. Doubles within
// records are recognised as well. Rows are only returned: after an error of the store, the chain is to be opened anew.
func (c *Chain) Append(records []*Record, stored map[ID]Row) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(records))
	added := make(map[ID]Row, len(records))
	for _, r := range records {
		known, chained := stored[r.ID]
		if !chained {
			known, chained = added[r.ID]
		}
		text, err := c.encode(r)
		switch {
		case err != nil:
			outcomes = append(outcomes, Outcome{Err: err})
		case chained && (bytes.Equal(known.Record, text) || r.repeats(known)):
			outcomes = append(outcomes, Outcome{Row: known, Double: true})
		case chained:
			outcomes = append(outcomes, Outcome{Err: fmt.Errorf("row %d: %w", known.Index, ErrConflict)})
		default:
			row, err := c.add(text)
			if err != nil {
				return nil, err
			}
			added[r.ID] = row
			outcomes = append(outcomes, Outcome{Row: row})
		}
	}
	return outcomes, nil
}

// repeats reports whether row holds r as it arrived the first time: what the visitor did is the same, and only what is
// added on the way differs: when it came, from where and from which page, and what rules and signals were found then.
func (r *Record) repeats(row Row) bool {
	first, err := Decode(row.Record)
	if err != nil {
		return false
	}
	again := *r
	again.TimeMS, again.ExpiresMS, again.Place, again.Signals = first.TimeMS, first.ExpiresMS, first.Place, first.Signals
	again.Jurisdiction, again.MatrixVersion, again.Reasons = first.Jurisdiction, first.MatrixVersion, first.Reasons
	again.Assertions, again.OptOut = first.Assertions, first.OptOut
	again.Wall = first.Wall // of the page that told it
	again.Browser, again.Build, again.Declaration, again.Emitted = first.Browser, first.Build, first.Declaration, first.Emitted
	return reflect.DeepEqual(again, *first)
}

func (c *Chain) encode(r *Record) ([]byte, error) {
	if r.Site != c.site {
		return nil, errors.New("a record of another site than the chain")
	}
	return r.Encode()
}

func (c *Chain) add(text []byte) (Row, error) {
	row := Row{Index: c.Size(), Prev: c.head, Record: text}
	row.Hash = row.expected()
	if err := c.tree.Append(row.Hash); err != nil {
		return Row{}, err
	}
	c.head = row.Hash
	return row, nil
}

// Follow checks that row is the next of the chain and goes on behind it. Its error is a *Break.
func (c *Chain) Follow(row Row) error {
	if what, detail := c.differs(row); what != "" {
		return &Break{Site: c.site, Index: row.Index, ID: row.id(), What: what, Detail: detail}
	}
	if err := c.tree.Append(row.Hash); err != nil {
		return err
	}
	c.head = row.Hash
	return nil
}

// misplaced says how a row is not the one that should come.
func misplaced(index, want uint64) (what Difference, detail string) {
	switch {
	case index > want:
		what = RowMissing
	case index < want:
		what = RowMisplaced
	default:
		return "", ""
	}
	return what, fmt.Sprintf("row %d should come here", want)
}

func (c *Chain) differs(row Row) (what Difference, detail string) {
	if what, detail := misplaced(row.Index, c.Size()); what != "" {
		return what, detail
	}
	if row.Prev != c.head {
		return PrevDiffers, fmt.Sprintf("it names %s, the row before has %s", row.Prev, c.head)
	}
	if want := row.expected(); row.Hash != want {
		return HashDiffers, fmt.Sprintf("it says %s, its bytes give %s", row.Hash, want)
	}
	head, err := row.head()
	if err != nil {
		return RecordUnreadable, "its bytes are no record"
	}
	if head.Site != c.site {
		return SiteDiffers, "its record is of another site"
	}
	return "", ""
}
