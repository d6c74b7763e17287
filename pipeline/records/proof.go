package records

import (
	"context"
	"errors"
	"fmt"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
)

// Errors that a caller can act on.
var (
	// ErrNoRecord means that no row holds the record: it has not come to rest yet, has expired, or never was.
	ErrNoRecord = errors.New("there is no such consent record")
	// ErrNoNotice means that the archive has no such notice.
	ErrNoNotice = errors.New("there is no such notice")
	// ErrNoRoot means that no root covers the record yet.
	ErrNoRoot = errors.New("no root covers the record yet")
)

// Proved is a record, and what shows that it is among those that were signed.
type Proved struct {
	Record *record.Record
	Proof  record.Proof
	Note   []byte // the signed root that it leads to
	Day    string // of that root
}

// Prove proves a record, of any site when site is empty, against the smallest root that covers it.
func (a Auditor) Prove(ctx context.Context, site string, id record.ID) (*Proved, error) {
	row, err := a.find(ctx, site, id)
	if err != nil {
		return nil, err
	}
	before, root, err := a.around(ctx, row)
	if err != nil {
		return nil, err
	}
	chain := record.NewChain(row.Site, true)
	if before != nil {
		if chain, err = record.ChainAt(*before, true); err != nil {
			return nil, err
		}
	}
	for next, err := range a.Store.Records(ctx, row.Site, chain.Size()) {
		if err == nil {
			err = chain.Follow(next.Row)
		}
		if err != nil {
			return nil, err
		}
		if chain.Size() == root.Size {
			break
		}
	}
	proof, err := chain.Tree().Prove(row.Row, root.Size)
	if err != nil {
		return nil, err
	}
	checkpoint, err := a.open(*root)
	if err != nil {
		return nil, err
	}
	r, err := proof.Check(checkpoint)
	if err != nil {
		return nil, err
	}
	return &Proved{r, proof, root.Note, root.Day}, nil
}

// around returns the roots on both sides of a row: the last that does not cover it, nil when there is none, and the first
// that does.
func (a Auditor) around(ctx context.Context, row clickhouse.ConsentRow) (before *record.Checkpoint, covers *clickhouse.Root, err error) {
	roots, err := a.Store.Roots(ctx, row.Site)
	if err != nil {
		return nil, nil, err
	}
	for _, root := range roots {
		if root.Size > row.Row.Index {
			return before, &root, nil
		}
		if checkpoint, err := a.open(root); err == nil {
			before = &checkpoint
		}
	}
	return nil, nil, fmt.Errorf("%w: heed makes one at the end of the UTC day, and heed consent roots --sign makes one now", ErrNoRoot)
}

// Receipt returns a record, of any site when site is empty, with the notice that was shown, nil where none was. The
// notice is, byte for byte, what the record names.
func (a Auditor) Receipt(ctx context.Context, site string, id record.ID) (*record.Record, *record.Notice, error) {
	row, err := a.find(ctx, site, id)
	if err != nil {
		return nil, nil, err
	}
	r, err := record.Decode(row.Row.Record)
	if err != nil || r.Notice == (record.NoticeRef{}) {
		return r, nil, err
	}
	_, notice, err := a.Notice(ctx, r.Site, r.Notice)
	return r, notice, err
}

// Notice returns an archived notice, of any site when site is empty, after it was found to be what ref names. Of ref only
// Shown need be known.
func (a Auditor) Notice(ctx context.Context, site string, ref record.NoticeRef) (record.Archived, *record.Notice, error) {
	stored, ok, err := a.Store.Notice(ctx, site, ref.Shown.String())
	if err != nil {
		return record.Archived{}, nil, err
	}
	if !ok {
		return record.Archived{}, nil, fmt.Errorf("%w: %s", ErrNoNotice, ref.Shown)
	}
	if ref.ID == "" {
		if ref, err = noticeRef(stored); err != nil {
			return record.Archived{}, nil, fmt.Errorf("notice %s: %w", stored.Shown, err)
		}
	}
	notice, err := record.OpenNotice(stored.Text, ref)
	return record.Archived{Ref: ref, Text: stored.Text}, notice, err
}

func (a Auditor) find(ctx context.Context, site string, id record.ID) (clickhouse.ConsentRow, error) {
	row, ok, err := a.Store.Record(ctx, site, id)
	if err == nil && !ok {
		err = ErrNoRecord
	}
	return row, err
}
