package wal

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func segmentsOf(t *testing.T, l *Log) []uint32 {
	t.Helper()
	segments, err := listSegments(l.cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return segments
}

// What was let go of leaves the disk although no event comes any more.
func TestOldSegmentsLeaveTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, Config{Dir: dir, SegmentAge: time.Minute})
		appendOne(t, l, 1, 0)
		last := appendOne(t, l, 2, 0)
		reader, err := l.Reader(Pos{})
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if rec, err := reader.Next(t.Context()); err != nil || rec.Pos.Record != 0 {
			t.Fatalf("Next = %v, %v; want the first record", rec.Pos, err)
		}
		done := Pos{Segment: last.Segment, Record: last.Record + 1}
		if err := l.Trim(done); err != nil {
			t.Fatalf("Trim(%v) = %v, want no error", done, err)
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if got := segmentsOf(t, l); !slices.Equal(got, []uint32{last.Segment}) {
			t.Errorf("segments before they are old = %v, want %v", got, last.Segment)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := segmentsOf(t, l); !slices.Equal(got, []uint32{last.Segment + 1}) {
			t.Errorf("segments once they are old = %v, want %v", got, last.Segment+1)
		}
		next := appendOne(t, l, 3, 0)
		for { // the one who was behind goes on with what is there
			rec, err := reader.Next(t.Context())
			if err != nil {
				t.Fatalf("Next = %v, want the event behind", err)
			}
			if rec.Pos == next {
				break
			}
		}
	})
}

// An old segment of which something has still to be read stays, also after another opening, until Trim says otherwise.
func TestOldSegmentsStayUntilTrimmed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, Config{Dir: dir, SegmentAge: time.Minute})
		first := appendOne(t, l, 1, 0)
		last := appendOne(t, l, 2, 0)
		if err := l.Trim(last); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := []uint32{first.Segment, first.Segment + 1}
		if got := segmentsOf(t, l); !slices.Equal(got, want) {
			t.Errorf("segments = %v, want %v: the second event was not let go of", got, want)
		}
		mustClose(t, l)
		l = openLog(t, Config{Dir: dir, SegmentAge: time.Minute})
		if err := l.Trim(Pos{Segment: 1 << 30}); err != nil { // not what comes later
			t.Fatal(err)
		}
		next := appendOne(t, l, 3, 0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := segmentsOf(t, l); got[0] != next.Segment {
			t.Errorf("oldest segment = %v, want %v, the one of the new event", got[0], next.Segment)
		}
		done := Pos{Segment: next.Segment, Record: next.Record + 1}
		if err := l.Trim(done); err != nil {
			t.Fatal(err)
		}
		if got := segmentsOf(t, l); got[0] != next.Segment+1 {
			t.Errorf("oldest segment after Trim(%v) = %v, want %v", done, got[0], next.Segment+1)
		}
	})
}

func TestSegmentAgeFailure(t *testing.T) {
	if err := (Config{Dir: "x", SegmentAge: time.Millisecond}).Validate(); err == nil {
		t.Error("Validate with a segment age of 1ms: want an error")
	}
	if err := (Config{Dir: "x"}).Validate(); err != nil {
		t.Errorf("Validate without a segment age = %v, want no error", err)
	}
}
