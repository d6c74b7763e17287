package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the Merkle tree (RFC 6962, RFC 9162) over the row hashes of a chain: leaves are SHA-256(0x00 ‖ row hash), nodes
// SHA-256(0x01 ‖ left ‖ right). A Tree that is kept whole makes proofs and holds two hashes per row; any other holds only
// its right edge, at most one hash per bit of its size.
type Tree struct {
	size   int64
	whole  bool
	hashes map[int64]tlog.Hash // by tlog's storage index; of a Tree that is not whole also some no longer needed
}

// edgeSlack is how many hashes a Tree that is not whole holds at most before it drops those no longer needed.
const edgeSlack = 512

// NewTree returns an empty Tree. Only a whole one makes proofs.
func NewTree(whole bool) *Tree {
	return &Tree{whole: whole, hashes: make(map[int64]tlog.Hash)}
}

// treeAt returns the Tree of a given size of which only the right edge is known. It can prove what comes after it.
func treeAt(size uint64, edge []Hash, whole bool) (*Tree, error) {
	t := NewTree(whole)
	t.size = int64(size)
	_, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		if len(indexes) != len(edge) {
			return nil, fmt.Errorf("an edge of %d hashes for %d rows, want %d", len(edge), size, len(indexes))
		}
		for i, index := range indexes {
			t.hashes[index] = tlog.Hash(edge[i])
		}
		return t.ReadHashes(indexes)
	}))
	if size == 0 && len(edge) > 0 {
		err = fmt.Errorf("an edge of %d hashes for no rows", len(edge))
	}
	return t, err
}

// Size is the number of rows.
func (t *Tree) Size() uint64 { return uint64(t.size) }

// Append adds the hash of the next row.
func (t *Tree) Append(row Hash) error {
	stored, err := tlog.StoredHashesForRecordHash(t.size, tlog.RecordHash(row[:]), t)
	if err != nil {
		return fmt.Errorf("add row %d to the tree: %w", t.size, err)
	}
	first := tlog.StoredHashIndex(0, t.size)
	for i, hash := range stored {
		t.hashes[first+int64(i)] = hash
	}
	t.size++
	if !t.whole && len(t.hashes) > edgeSlack {
		return t.forget()
	}
	return nil
}

// Root returns the root hash of all rows.
func (t *Tree) Root() (Hash, error) {
	root, err := tlog.TreeHash(t.size, t)
	return Hash(root), err
}

// Edge returns the roots of the complete subtrees, from left to right: all that is needed to go on.
func (t *Tree) Edge() ([]Hash, error) {
	var edge []Hash
	_, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes, err := t.ReadHashes(indexes)
		for _, hash := range hashes {
			edge = append(edge, Hash(hash))
		}
		return hashes, err
	}))
	return edge, err
}

// ReadHashes implements tlog.HashReader.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hash, known := t.hashes[index]
		if !known {
			level, n := tlog.SplitStoredHashIndex(index)
			return nil, fmt.Errorf("the subtree of rows %d to %d is not at hand", n<<level, (n+1)<<level-1)
		}
		hashes[i] = hash
	}
	return hashes, nil
}

// forget drops what is not on the right edge.
func (t *Tree) forget() error {
	edge, err := t.Edge()
	if err != nil {
		return err
	}
	bare, err := treeAt(t.Size(), edge, false)
	if err != nil {
		return err
	}
	t.hashes = bare.hashes
	return nil
}

// proveRow returns the path from row index to the root of the first size rows.
func (t *Tree) proveRow(index, size uint64) ([]Hash, error) {
	if index >= size || size > t.Size() {
		return nil, fmt.Errorf("prove row %d in %d rows: the tree has %d", index, size, t.size)
	}
	path, err := tlog.ProveRecord(int64(size), int64(index), t)
	if err != nil {
		return nil, fmt.Errorf("prove row %d in %d rows: %w", index, size, err)
	}
	return convert[Hash](path), nil
}

// ProveGrowth returns the path that shows that the first older rows are the beginning of the first newer rows
// (RFC 9162, consistency proof). CheckGrowth checks it.
func (t *Tree) ProveGrowth(older, newer uint64) ([]Hash, error) {
	if older == 0 || older > newer || newer > t.Size() {
		return nil, fmt.Errorf("prove that %d rows grew to %d: want 0 < older ≤ newer ≤ %d", older, newer, t.size)
	}
	path, err := tlog.ProveTree(int64(newer), int64(older), t)
	if err != nil {
		return nil, fmt.Errorf("prove that %d rows grew to %d: %w", older, newer, err)
	}
	return convert[Hash](path), nil
}

// convert changes the type of hashes: tlog's do not leave this package.
func convert[To, From ~[32]byte](list []From) []To {
	out := make([]To, len(list))
	for i, hash := range list {
		out[i] = To(hash)
	}
	return out
}
