package record

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxPath bounds the hashes of a proof: one per bit of the largest tree, and one more.
const maxPath = 64

// Proof shows that a row is among those that a checkpoint covers, without any other row.
type Proof struct {
	// Version of this format: 1.
	Version int `json:"v"`
	// Row that is proved.
	Row Row `json:"row"`
	// Size of the chain at the checkpoint that it is proved against.
	Size uint64 `json:"size"`
	// Path of sibling hashes, from the leaf to the root (RFC 9162, inclusion proof).
	Path []Hash `json:"path"`
}

// Prove returns the proof that row is among the first size rows of t, which must be whole from before row on.
func (t *Tree) Prove(row Row, size uint64) (Proof, error) {
	path, err := t.proveRow(row.Index, size)
	if err != nil {
		return Proof{}, err
	}
	return Proof{Version, row, size, path}, nil
}

// Encode returns the canonical text of p.
func (p Proof) Encode() ([]byte, error) { return canonical(p) }

// DecodeProof reads what Proof.Encode writes. It checks the form alone.
func DecodeProof(text []byte) (Proof, error) {
	var p Proof
	if err := readCanonical(text, MaxRowBytes+maxPath*80, &p); err != nil {
		return Proof{}, fmt.Errorf("decode proof: %w", err)
	}
	if p.Version != Version {
		return Proof{}, errors.New("decode proof: v: want 1")
	}
	return p, nil
}

// Check returns the record that p proves to be covered by cp, a checkpoint of a signed note.
func (p Proof) Check(cp Checkpoint) (*Record, error) {
	r, err := Decode(p.Row.Record)
	switch {
	case err != nil:
		return nil, fmt.Errorf("check proof of row %d: %w", p.Row.Index, err)
	case r.Site != cp.Site:
		return nil, fmt.Errorf("check proof of row %d: the checkpoint is of another site", p.Row.Index)
	case p.Size != cp.Size:
		return nil, fmt.Errorf("check proof of row %d: made for %d rows, the checkpoint of %s has %d", p.Row.Index, p.Size, cp.Day, cp.Size)
	case p.Row.Hash != p.Row.expected():
		return nil, fmt.Errorf("check proof of row %d: its bytes give another hash than it says", p.Row.Index)
	case p.Row.Index >= cp.Size || cp.Size > maxSafeInteger || len(p.Path) > maxPath:
		return nil, fmt.Errorf("check proof of row %d: the checkpoint of %s has %d rows", p.Row.Index, cp.Day, cp.Size)
	}
	leaf := tlog.RecordHash(p.Row.Hash[:])
	err = tlog.CheckRecord(convert[tlog.Hash](p.Path), int64(cp.Size), tlog.Hash(cp.Root), int64(p.Row.Index), leaf)
	if err != nil {
		return nil, fmt.Errorf("check proof of row %d: it does not lead to the root of %s", p.Row.Index, cp.Day)
	}
	return r, nil
}

// CheckGrowth reports as nil that all rows which older covers are the first of those that newer covers, by the path that
// Tree.ProveGrowth gave for their sizes. It needs no row.
func CheckGrowth(older, newer Checkpoint, path []Hash) error {
	switch {
	case older.Site != newer.Site:
		return errors.New("check growth: checkpoints of two sites")
	case older.Size == 0 || older.Size > newer.Size || newer.Size > maxSafeInteger || len(path) > maxPath:
		return fmt.Errorf("check growth: from %d to %d rows", older.Size, newer.Size)
	}
	err := tlog.CheckTree(convert[tlog.Hash](path), int64(newer.Size), tlog.Hash(newer.Root), int64(older.Size), tlog.Hash(older.Root))
	if err != nil {
		return fmt.Errorf("check growth: the rows of %s are not all among those of %s", older.Day, newer.Day)
	}
	return nil
}
