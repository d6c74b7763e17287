package wal

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heed/schemas"
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

// A disk that fails right after the log has let go of everything must not make it begin at 0 again: positions would be given
// twice, and what was taken would go as if it had been read.
func TestFailureWithNothingLeftToRead(t *testing.T) {
	for _, step := range []string{"log", "sync"} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			d := &disk{fail: map[string]error{}}
			l := openWith(t, Config{Dir: dir, SegmentAge: time.Minute}, d.open)
			reader, err := l.Reader(Pos{})
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			read := func(want uint64) {
				t.Helper()
				rec, err := reader.Next(t.Context())
				if err != nil || unpack(t, rec)[0].n != want {
					t.Fatalf("%s fails: Next = %v, %v; want event %d", step, rec.Pos, err, want)
				}
			}
			first := appendOne(t, l, 1, 0)
			read(1)
			if err := l.Trim(Pos{Segment: first.Segment, Record: first.Record + 1}); err != nil {
				t.Fatal(err)
			}
			rest := func() {
				time.Sleep(2 * time.Minute)
				synctest.Wait()
			}
			rest()
			if got := segmentsOf(t, l); !slices.Equal(got, []uint32{first.Segment + 1}) {
				t.Fatalf("segments = %v, want one that is empty", got)
			}
			for range 3 {
				d.fail[step] = syscall.ENOSPC
				if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)}); !errors.Is(err, ErrFull) {
					t.Fatalf("%s fails: Append = %v, want %v", step, err, ErrFull)
				}
				time.Sleep(reopenEvery)
			}
			if got := segmentsOf(t, l); len(got) > 2 {
				t.Errorf("%s fails: segments = %v; a full disk must not collect them", step, got)
			}
			third := appendOne(t, l, 3, 0)
			if !first.Before(third) || third.Segment == first.Segment {
				t.Errorf("%s fails: position %v behind %v", step, third, first)
			}
			rest()
			read(3)
			id := l.ID()
			mustClose(t, l)
			l = openLog(t, Config{Dir: dir})
			if l.ID() != id {
				t.Errorf("%s fails: another log after the next opening", step)
			}
			if again := appendOne(t, l, 4, 0); !third.Before(again) {
				t.Errorf("%s fails: position %v behind %v", step, again, third)
			}
		})
	}
}
