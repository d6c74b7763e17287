package record

import (
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
		if got, err := Expirable(seq(rows[first:]), uint64(first), before); err != nil || got != want {
			t.Errorf("Expirable(%d, %s) = %d, %v, want %d", first, before, got, err, want)
		}
	}
	f(0, time.UnixMilli(epoch), 0)
	f(0, records[2].EndsAt().Add(time.Hour), 0) // row 0 lasts, so all behind it stay
	f(0, records[1].EndsAt(), 1)
	f(0, records[1].EndsAt().Add(time.Millisecond), 3)
	f(2, records[1].EndsAt().Add(time.Millisecond), 3)
	f(0, records[5].EndsAt().AddDate(5, 0, 0), 6)
	if _, err := Expirable(seq(rows[1:]), 0, time.UnixMilli(epoch)); err == nil {
		t.Error("Expirable without row 0: want an error")
	}
}
