package record

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"heed/consent"
)

func TestChainIsDeterministicUnderReplay(t *testing.T) {
	records := someRecords(40)
	whole, rows := build(t, records)
	want := checkpoint(t, whole, 0)
	random := seeded()
	for range 40 {
		// A loader that is killed at random points, continues behind its last durable row and hands in again what
		// it is not sure of.
		var durable []Row
		stored := make(map[ID]Row)
		for from := 0; from < len(records); {
			c, err := Audit{Site: "shop"}.Verify(seq(durable))
			if err != nil {
				t.Fatalf("Verify after %d rows: %v", len(durable), err)
			}
			again := random.IntN(from + 1)
			to := from + random.IntN(len(records)-from) + 1
			outcomes, err := c.Append(records[from-again:to], stored)
			if err != nil {
				t.Fatalf("Append: %v", err)
			}
			survived := random.IntN(len(outcomes) + 1) // rows are durable in order, the others die with the process
			for _, o := range outcomes[:survived] {
				if !o.Double {
					durable = append(durable, o.Row)
					stored[o.Row.id()] = o.Row
				}
			}
			from = len(durable)
		}
		if !reflect.DeepEqual(durable, rows) {
			t.Fatal("the chain differs from that of one quiet run")
		}
	}
	c, err := Audit{Site: "shop", Roots: []Checkpoint{want}}.Verify(seq(rows))
	if err != nil || c.Head() != whole.Head() {
		t.Errorf("Verify = %v, %v, want head %s", c, err, whole.Head())
	}
}

// A browser sends again what was not answered, and the collector looks at it anew.
func TestAppendAnEventThatIsSentAgain(t *testing.T) {
	c, rows := build(t, []*Record{grant(0)})
	again, withdrawn := grant(0), grant(0)
	again.TimeMS, again.ExpiresMS = again.TimeMS+60_000, again.ExpiresMS+60_000
	again.Place, again.Jurisdiction, again.Signals.SecGPC = Place{Source: NotKnown}, "unknown", true
	again.Wall = WallOff
	withdrawn.Categories = CategoryState(consent.Essential | consent.Functional)
	got, err := c.Append([]*Record{again, withdrawn}, map[ID]Row{rows[0].id(): rows[0]})
	if err != nil || !got[0].Double || got[0].Row.Hash != rows[0].Hash || !errors.Is(got[1].Err, ErrConflict) {
		t.Errorf("Append = %+v, %v; want a double of row 0, and a conflict", got, err)
	}
}

func TestAppendDoublesAndConflicts(t *testing.T) {
	c, rows := build(t, []*Record{grant(0)})
	stored := map[ID]Row{rows[0].id(): rows[0]}
	other, foreign, invalid := grant(0), grant(2), grant(3)
	other.Categories, foreign.Site, invalid.Wall = CategoryState(consent.Essential|consent.Functional), "blog", ""
	got, err := c.Append([]*Record{grant(0), other, grant(1), grant(1), foreign, invalid}, stored)
	if err != nil {
		t.Fatal(err)
	}
	f := func(i int, double, refused, conflict bool) {
		t.Helper()
		o := got[i]
		if o.Double != double || (o.Err != nil) != refused || errors.Is(o.Err, ErrConflict) != conflict {
			t.Errorf("outcome %d = double %v, %v", i, o.Double, o.Err)
		}
	}
	f(0, true, false, false)
	f(1, false, true, true)
	f(2, false, false, false)
	f(3, true, false, false) // twice in one batch
	f(4, false, true, false)
	f(5, false, true, false)
	if c.Size() != 2 || got[3].Row.Index != 1 {
		t.Errorf("the chain has %d rows, the double is row %d; want 2 and 1", c.Size(), got[3].Row.Index)
	}
}

func TestWithdrawalBeforeItsGrantIsChainedWhereItArrives(t *testing.T) {
	c, rows := build(t, []*Record{withdrawal(1, 0), grant(0)})
	if _, err := (Audit{Site: "shop", Roots: []Checkpoint{checkpoint(t, c, 0)}}).Verify(seq(rows)); err != nil {
		t.Errorf("Verify = %v", err)
	}
	r, err := Decode(rows[0].Record)
	if err != nil || r.Ends != rows[1].id() {
		t.Errorf("row 0 ends %s, %v, want %s", r.Ends, err, rows[1].id())
	}
}

func TestChainsOfTwoSitesShareNothing(t *testing.T) {
	of := func(site string) Row {
		r := grant(0)
		r.Site = site
		outcomes, err := NewChain(site, false).Append([]*Record{r}, nil)
		if err != nil || outcomes[0].Err != nil {
			t.Fatal(err, outcomes)
		}
		return outcomes[0].Row
	}
	shop, blog := of("shop"), of("blog")
	if shop.Prev == blog.Prev {
		t.Error("two sites begin with the same hash")
	}
	var b *Break
	if _, err := (Audit{Site: "shop"}).Verify(seq([]Row{blog})); !errors.As(err, &b) || b.What != PrevDiffers {
		t.Errorf("Verify of another site's rows = %v, want %s", err, PrevDiffers)
	}
	// A row made for this chain around a foreign record is no better.
	forged := Row{Prev: genesis("shop"), Record: blog.Record}
	forged.Hash = forged.expected()
	if _, err := (Audit{Site: "shop"}).Verify(seq([]Row{forged})); !errors.As(err, &b) || b.What != SiteDiffers {
		t.Errorf("Verify of a foreign record = %v, want %s", err, SiteDiffers)
	}
}

// TestVerifyNamesEveryChangedByte changes each byte of a row in the middle, once upwards and once to another case.
func TestVerifyNamesEveryChangedByte(t *testing.T) {
	c, rows := build(t, someRecords(9))
	audit := Audit{Site: "shop", Roots: []Checkpoint{checkpoint(t, c, 0)}}
	text, err := rows[4].Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for _, flip := range []byte{0x01, 0x20} {
			changed := bytes.Clone(text)
			changed[i] ^= flip
			row, err := DecodeRow(changed)
			if err != nil {
				continue // named by the reader, which knows the line
			}
			tampered := slices.Clone(rows)
			tampered[4] = row
			var b *Break
			_, err = audit.Verify(seq(tampered))
			if !errors.As(err, &b) || b.Index != row.Index || row.Index == 4 && b.ID != row.id() {
				t.Fatalf("Verify with byte %d as %q = %v, want a break at row 4", i, changed[i], err)
			}
		}
	}
}

func TestVerifyNamesWhatDiffers(t *testing.T) {
	c, rows := build(t, someRecords(9))
	audit := Audit{Site: "shop", Roots: []Checkpoint{checkpoint(t, c, 0)}}
	f := func(what Difference, index uint64, change func(rows []Row) []Row) {
		t.Helper()
		var b *Break
		_, err := audit.Verify(seq(change(slices.Clone(rows))))
		if !errors.As(err, &b) || b.What != what || b.Index != index {
			t.Errorf("Verify = %v, want %s at row %d", err, what, index)
		}
	}
	f(RowMissing, 4, func(r []Row) []Row { return slices.Delete(r, 3, 4) })
	f(RowMisplaced, 3, func(r []Row) []Row { return slices.Insert(r, 4, r[3]) })
	f(RowMissing, 4, func(r []Row) []Row { r[3], r[4] = r[4], r[3]; return r })
	f(PrevDiffers, 3, func(r []Row) []Row { r[3].Prev[0]++; return r })
	f(HashDiffers, 3, func(r []Row) []Row { r[3].Hash[0]++; return r })
	f(HashDiffers, 3, func(r []Row) []Row { r[3].Record = r[4].Record; return r })
	f(PrevDiffers, 4, func(r []Row) []Row { r[3].Record = r[5].Record; r[3].Hash = r[3].expected(); return r })
	f(RecordUnreadable, 3, func(r []Row) []Row { r[3].Record = []byte("{"); r[3].Hash = r[3].expected(); return r })
	f(EndMissing, 7, func(r []Row) []Row { return r[:8] })
	f(EndMissing, 0, func(r []Row) []Row { return nil })
	// Made anew from row 3 on by someone with the store in hand: consistent, but not what was signed.
	f(RootDiffers, 8, func(r []Row) []Row {
		records := someRecords(9)
		records[3].Categories = CategoryState(consent.All)
		_, forged := build(t, records)
		return forged
	})
}

// TestVerifyFindsEveryReorderDropAndDouble is the property behind the cases above.
func TestVerifyFindsEveryReorderDropAndDouble(t *testing.T) {
	c, rows := build(t, someRecords(24))
	audit := Audit{Site: "shop", Roots: []Checkpoint{checkpoint(t, c, 0)}}
	random := seeded()
	for range 1000 {
		changed := slices.Clone(rows)
		i, j := random.IntN(len(rows)), random.IntN(len(rows))
		switch random.IntN(3) {
		case 0:
			changed[i], changed[j] = changed[j], changed[i]
		case 1:
			changed = slices.Delete(changed, min(i, j), max(i, j)+1)
		case 2:
			changed = slices.Insert(changed, j, rows[i])
		}
		same := slices.EqualFunc(changed, rows, func(a, b Row) bool { return a.Hash == b.Hash })
		var b *Break
		if _, err := audit.Verify(seq(changed)); same != (err == nil) || err != nil && !errors.As(err, &b) {
			t.Fatalf("Verify of %d rows after %d, %d = %v, want an error: %v", len(changed), i, j, err, !same)
		}
	}
}

func TestVerifyPassesOnErrorsOfTheStore(t *testing.T) {
	_, rows := build(t, someRecords(2))
	gone := errors.New("gone")
	_, err := Audit{Site: "shop"}.Verify(func(yield func(Row, error) bool) {
		_ = yield(rows[0], nil) && yield(Row{}, gone)
	})
	if !errors.Is(err, gone) {
		t.Errorf("Verify = %v, want %v", err, gone)
	}
}

func FuzzDecodeRow(f *testing.F) {
	_, rows := build(f, someRecords(3))
	for _, row := range rows {
		text, err := row.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		row, err := DecodeRow(text)
		if err != nil {
			return
		}
		again, err := row.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("Encode(DecodeRow(%q)) = %q, %v", text, again, err)
		}
	})
}
