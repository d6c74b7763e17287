package record

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func checkProof(t *testing.T, tree *Tree, row Row, cp Checkpoint) Proof {
	t.Helper()
	p, err := tree.Prove(row, cp.Size)
	if err != nil {
		t.Fatalf("Prove(row %d, %d): %v", row.Index, cp.Size, err)
	}
	if r, err := p.Check(cp); err != nil || r.ID != row.id() {
		t.Fatalf("Check of row %d in %d = %v, %v", row.Index, cp.Size, r, err)
	}
	return p
}

func TestEveryRowIsProvedAgainstEveryLaterCheckpoint(t *testing.T) {
	records := someRecords(20)
	full, rows := build(t, records)
	for size := 1; size <= len(rows); size++ {
		c, _ := build(t, records[:size])
		cp := checkpoint(t, c, 0)
		for _, row := range rows[:size] {
			checkProof(t, full.Tree(), row, cp)
		}
	}
}

// TestCheckNamesEveryChangedByte changes each byte of a proof in hand.
func TestCheckNamesEveryChangedByte(t *testing.T) {
	c, rows := build(t, someRecords(11))
	cp := checkpoint(t, c, 0)
	text, err := checkProof(t, c.Tree(), rows[5], cp).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for _, flip := range []byte{0x01, 0x20} {
			changed := bytes.Clone(text)
			changed[i] ^= flip
			p, err := DecodeProof(changed)
			if err == nil {
				_, err = p.Check(cp)
			}
			if err == nil {
				t.Fatalf("Check with byte %d as %q: want an error", i, changed[i])
			}
		}
	}
}

func TestCheckFailure(t *testing.T) {
	records := someRecords(11)
	c, rows := build(t, records)
	cp := checkpoint(t, c, 0)
	good := checkProof(t, c.Tree(), rows[5], cp)
	f := func(name string, change func(p *Proof, cp *Checkpoint)) {
		t.Helper()
		p, cp := good, cp
		p.Path = slices.Clone(p.Path)
		change(&p, &cp)
		if _, err := p.Check(cp); err == nil {
			t.Errorf("Check, %s: want an error", name)
		}
	}
	f("another row", func(p *Proof, _ *Checkpoint) { p.Row = rows[6] })
	f("another place", func(p *Proof, _ *Checkpoint) { p.Row.Index = 6; p.Row.Hash = p.Row.expected() })
	f("a row that is not there", func(p *Proof, _ *Checkpoint) { p.Row.Index = 11; p.Row.Hash = p.Row.expected() })
	f("a shorter path", func(p *Proof, _ *Checkpoint) { p.Path = p.Path[1:] })
	f("a longer path", func(p *Proof, _ *Checkpoint) { p.Path = make([]Hash, maxPath+1) })
	f("another site", func(_ *Proof, cp *Checkpoint) { cp.Site = "blog" })
	f("another size", func(_ *Proof, cp *Checkpoint) { cp.Size = 12 })
	f("no rows", func(p *Proof, cp *Checkpoint) { p.Size, cp.Size = 0, 0 })
	f("another root", func(_ *Proof, cp *Checkpoint) { cp.Root[31]++ })
}

func TestGrowth(t *testing.T) {
	records := someRecords(20)
	full, _ := build(t, records)
	end := checkpoint(t, full, 1)
	for size := 1; size <= 20; size++ {
		c, _ := build(t, records[:size])
		older := checkpoint(t, c, 0)
		path, err := full.Tree().ProveGrowth(older.Size, end.Size)
		if err != nil {
			t.Fatalf("ProveGrowth(%d, 20): %v", size, err)
		}
		if err := CheckGrowth(older, end, path); err != nil {
			t.Errorf("CheckGrowth from %d = %v", size, err)
		}
		older.Root[0]++
		if err := CheckGrowth(older, end, path); err == nil {
			t.Errorf("CheckGrowth from another history of %d: want an error", size)
		}
	}
	none := checkpoint(t, NewChain("shop", true), 0)
	if _, err := full.Tree().ProveGrowth(0, 20); err == nil {
		t.Error("ProveGrowth from nothing: want an error")
	}
	if err := CheckGrowth(none, end, nil); err == nil {
		t.Error("CheckGrowth from nothing: want an error")
	}
}

func FuzzDecodeProof(f *testing.F) {
	c, rows := build(f, someRecords(5))
	cp, err := c.Checkpoint(time.UnixMilli(epoch))
	if err != nil {
		f.Fatal(err)
	}
	p, err := c.Tree().Prove(rows[2], 5)
	if err != nil {
		f.Fatal(err)
	}
	text, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := DecodeProof(text)
		if err != nil {
			return
		}
		if r, err := p.Check(cp); err == nil && !bytes.Equal(p.Row.Record, rows[p.Row.Index].Record) {
			t.Errorf("Check(%q) = %v", text, r)
		}
	})
}
