package record

import (
	"errors"
	"testing"
	"time"
)

func TestExpirable(t *testing.T) {
	records := someRecords(6)
	records[2] = refusal(2) // shown and gone, in the midst of choices that last
	records[2].Event, records[2].Method, records[2].Control, records[2].ExpiresMS = Shown, ByItself, "", 0
	_, rows := build(t, records)
	f := func(first int, before time.Time, want uint64) {
		t.Helper()
		if got, err := Expirable("shop", seq(rows[first:]), uint64(first), before); err != nil || got != want {
			t.Errorf("Expirable(%d, %s) = %d, %v, want %d", first, before, got, err, want)
		}
	}
	f(0, time.UnixMilli(epoch), 0)
	f(0, records[2].EndsAt().Add(time.Hour), 0) // row 0 lasts, so all behind it stay
	f(0, records[1].EndsAt(), 1)
	f(0, records[1].EndsAt().Add(time.Millisecond), 3)
	f(2, records[1].EndsAt().Add(time.Millisecond), 3)
	f(0, records[5].EndsAt().AddDate(5, 0, 0), 6)
}

// What is wrong with a chain is a Break, so that it is told and counted as one; what a newer program wrote is not wrong.
func TestExpirableFailure(t *testing.T) {
	_, rows := build(t, someRecords(3))
	f := func(what Difference, index uint64, list ...Row) {
		t.Helper()
		var found *Break
		_, err := Expirable("shop", seq(list), 0, time.UnixMilli(epoch).AddDate(50, 0, 0))
		if errors.As(err, &found); found == nil && what != "" || found != nil && (found.What != what || found.Index != index || found.Site != "shop") || err == nil {
			t.Errorf("Expirable = %v, want %q at row %d", err, what, index)
		}
	}
	f(RowMissing, 1, rows[1:]...)
	f(RowMisplaced, 0, rows[0], rows[0])
	unreadable := rows[1]
	unreadable.Record = []byte(`{}`)
	f(RecordUnreadable, 1, rows[0], unreadable)
	unreadable.Record = []byte(`{"v":2}`)
	f("", 0, rows[0], unreadable)
}
