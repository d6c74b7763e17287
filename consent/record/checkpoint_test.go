package record

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestCheckpointSurvivesItsNote(t *testing.T) {
	s := signer(t)
	for _, size := range []int{0, 1, 2, 3, 7, 8, 9, 100} {
		c, _ := build(t, someRecords(size))
		cp := checkpoint(t, c, 3)
		signed, err := s.Sign(cp)
		if err != nil {
			t.Fatalf("Sign of %d rows: %v", size, err)
		}
		got, err := OpenCheckpoint(signed, s.PublicKey())
		if err != nil || !reflect.DeepEqual(got, cp) {
			t.Errorf("OpenCheckpoint(%s) = %+v, %v, want %+v", signed, got, err, cp)
		}
		if site := SiteOf(signed); site != cp.Site {
			t.Errorf("SiteOf(%s) = %q, want %q", signed, site, cp.Site)
		}
	}
	for _, text := range []string{"", "shop", "heed/", "heed/sh op\n", "heed/shop/7\n", "heed/" + strings.Repeat("x", 1000)} {
		if site := SiteOf([]byte(text)); site != "" {
			t.Errorf("SiteOf(%q) = %q, want none", text, site)
		}
	}
}

func TestOpenCheckpointNamesEveryChangedByte(t *testing.T) {
	s := signer(t)
	c, _ := build(t, someRecords(7))
	signed, err := s.Sign(checkpoint(t, c, 0))
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for _, flip := range []byte{0x01, 0x20} {
			changed := bytes.Clone(signed)
			changed[i] ^= flip
			if _, err := OpenCheckpoint(changed, s.PublicKey()); err == nil {
				t.Fatalf("OpenCheckpoint with byte %d as %q: want an error", i, changed[i])
			}
		}
	}
	for name, text := range map[string]string{
		"cut":              string(signed[:len(signed)-1]),
		"longer":           string(signed) + "\n",
		"signed twice":     string(signed) + string(signed[bytes.LastIndex(signed, []byte("—")):]),
		"nothing":          "",
		"longer than ever": string(signed) + strings.Repeat("\n", maxCheckpointBytes),
	} {
		if _, err := OpenCheckpoint([]byte(text), s.PublicKey()); err == nil {
			t.Errorf("OpenCheckpoint, %s: want an error", name)
		}
	}
}

func TestOpenCheckpointOfAnotherKey(t *testing.T) {
	c, _ := build(t, someRecords(2))
	key := make([]byte, 64)
	key[0] = 1
	other, err := NewSigner("consent.example", key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := other.Sign(checkpoint(t, c, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(signed, signer(t).PublicKey()); err == nil {
		t.Error("OpenCheckpoint signed by another key: want an error")
	}
}

func TestSignFailure(t *testing.T) {
	c, _ := build(t, someRecords(3))
	f := func(name string, change func(cp *Checkpoint)) {
		t.Helper()
		cp := checkpoint(t, c, 0)
		change(&cp)
		if _, err := signer(t).Sign(cp); err == nil {
			t.Errorf("Sign, %s: want an error", name)
		}
	}
	f("another root", func(cp *Checkpoint) { cp.Root[0]++ })
	f("another edge", func(cp *Checkpoint) { cp.Edge[1][0]++ })
	f("too short an edge", func(cp *Checkpoint) { cp.Edge = cp.Edge[1:] })
	f("another size", func(cp *Checkpoint) { cp.Size++ })
	f("no day", func(cp *Checkpoint) { cp.Day = "yesterday" })
	f("no site", func(cp *Checkpoint) { cp.Site = "" })
	f("a path for a site", func(cp *Checkpoint) { cp.Site = "a/b" })
	f("a line in the site", func(cp *Checkpoint) { cp.Site = "a\nb" })
}

// TestParseCheckpointFailure tries texts that say the same in another form: whoever has the key must not be able to sign
// two texts of one checkpoint.
func TestParseCheckpointFailure(t *testing.T) {
	c, _ := build(t, someRecords(3))
	text := checkpoint(t, c, 0).text("consent.example")
	if _, err := parseCheckpoint(text, "consent.example"); err != nil {
		t.Fatalf("parseCheckpoint(%q) = %v", text, err)
	}
	f := func(old, new string) {
		t.Helper()
		changed := strings.Replace(text, old, new, 1)
		if changed == text {
			t.Fatalf("%q is not in %q", old, text)
		}
		if _, err := parseCheckpoint(changed, "consent.example"); err == nil {
			t.Errorf("parseCheckpoint with %q for %q: want an error", new, old)
		}
	}
	f("consent.example/", "")
	f("\n3\n", "\n03\n")
	f("\n3\n", "\n-3\n")
	f("day ", "")
	f("day 2026-11-01", "day 2026-11-31")
	f("head ", "Head ")
	f("edge ", "")
	f("edge ", "edge \n")
	f(checkpointMark, "heed.consent.checkpoint.v2")
	f("\nhead", "\n\nhead")
}

func TestNewSignerFailure(t *testing.T) {
	f := func(name string, key []byte) {
		t.Helper()
		if _, err := NewSigner(name, key); err == nil {
			t.Errorf("NewSigner(%q, %d bytes): want an error", name, len(key))
		}
	}
	f("", make([]byte, 64))
	f("a b", make([]byte, 64))
	f("a+b", make([]byte, 64))
	f("a", make([]byte, 32))
}

// TestRowsExpireBehindACheckpoint drops what a checkpoint covers, and goes on as if nothing had happened.
func TestRowsExpireBehindACheckpoint(t *testing.T) {
	records := someRecords(35)
	full, rows := build(t, records)
	end := checkpoint(t, full, 2)
	for cut := 0; cut <= len(rows); cut++ {
		before, _ := build(t, records[:cut])
		from := checkpoint(t, before, 1)
		c, err := Audit{Site: "shop", From: &from, Roots: []Checkpoint{from, end}, Whole: true}.Verify(seq(rows[cut:]))
		if err != nil {
			t.Fatalf("Verify of the rows from %d on = %v", cut, err)
		}
		if got := checkpoint(t, c, 2); !reflect.DeepEqual(got, end) {
			t.Fatalf("behind %d expired rows the checkpoint is %+v, want %+v", cut, got, end)
		}
		for _, row := range rows[cut:] {
			checkProof(t, c.Tree(), row, end)
		}
		if cut > 0 {
			path, err := c.Tree().ProveGrowth(from.Size, end.Size)
			if err != nil || CheckGrowth(from, end, path) != nil {
				t.Fatalf("growth from %d rows: %v, %v", cut, err, CheckGrowth(from, end, path))
			}
		}
	}
}

func TestVerifyFromACheckpointFailure(t *testing.T) {
	full, rows := build(t, someRecords(10))
	before, _ := build(t, someRecords(4))
	end, from := checkpoint(t, full, 1), checkpoint(t, before, 0)
	f := func(name string, audit Audit, rows []Row, what Difference) {
		t.Helper()
		_, err := audit.Verify(seq(rows))
		var b *Break
		if err == nil || what != "" && (!errors.As(err, &b) || b.What != what) {
			t.Errorf("Verify, %s = %v, want %s", name, err, what)
		}
	}
	roots := []Checkpoint{end}
	f("a row too few", Audit{Site: "shop", From: &from, Roots: roots}, rows[5:], RowMissing)
	f("a row too many", Audit{Site: "shop", From: &from, Roots: roots}, rows[3:], RowMisplaced)
	wrong := from
	wrong.Head[0]++
	f("another head", Audit{Site: "shop", From: &wrong, Roots: roots}, rows[4:], PrevDiffers)
	wrong = from
	wrong.Root[0]++
	f("another root", Audit{Site: "shop", From: &wrong, Roots: roots}, rows[4:], "")
	f("another root of that day", Audit{Site: "shop", From: &from, Roots: []Checkpoint{wrong}}, rows[4:], RootDiffers)
	foreign := end
	foreign.Site = "blog"
	f("another site's root", Audit{Site: "shop", From: &from, Roots: []Checkpoint{foreign}}, rows[4:], "")
}

// TestTreeIsThatOfTheLibrary holds a pruned tree against tlog's own over many more rows than it keeps.
func TestTreeIsThatOfTheLibrary(t *testing.T) {
	var all []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			list[i] = all[index]
		}
		return list, nil
	})
	pruned := NewTree(false)
	for n := range int64(3000) {
		row := Hash{byte(n), byte(n >> 8)}
		stored, err := tlog.StoredHashes(n, row[:], reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stored...)
		if err := pruned.Append(row); err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(n+1, reader)
		if got, err2 := pruned.Root(); err != nil || err2 != nil || got != Hash(want) {
			t.Fatalf("Root of %d rows = %s, %v, want %s, %v", n+1, got, err2, Hash(want), err)
		}
	}
	if len(pruned.hashes) > edgeSlack+64 {
		t.Errorf("a pruned tree of 3000 rows holds %d hashes", len(pruned.hashes))
	}
	if _, err := pruned.Prove(Row{Index: 5}, 3000); err == nil {
		t.Error("Prove of a row that is not at hand: want an error")
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	s := signer(f)
	c, _ := build(f, someRecords(7))
	signed, err := s.Sign(checkpoint(f, c, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(signed))
	f.Add("consent.example/shop\n0\n\nheed.consent.checkpoint.v1\nday \nhead \n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := OpenCheckpoint([]byte(text), s.PublicKey()); err == nil && text != string(signed) {
			t.Errorf("OpenCheckpoint(%q): want an error", text)
		}
		if cp, err := parseCheckpoint(text, "consent.example"); err == nil && cp.text("consent.example") != text {
			t.Errorf("parseCheckpoint(%q) reads %+v", text, cp)
		}
	})
}
