package wal

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzRecovery puts arbitrary bytes in the place of the newest segment. Opening and reading must neither panic nor take
// memory beyond the bytes, events before them must come back, and new ones be taken and read.
func FuzzRecovery(f *testing.F) {
	dir := f.TempDir()
	closeLogAt(f, dir, 1, 0)
	before := readFile(f, segmentPath(dir, 0))
	identity := readFile(f, filepath.Join(dir, identityName))
	f.Add(before)
	f.Fuzz(func(t *testing.T, newest []byte) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, identityName), identity)
		writeFile(t, segmentPath(dir, 0), before)
		writeFile(t, segmentPath(dir, 1), newest)
		l := openLog(t, Config{Dir: dir})
		pos := appendOne(t, l, 2, 0)
		mustClose(t, l)
		if pos.Segment != 2 {
			t.Errorf("Append = %v, want a new segment", pos)
		}
		groups, memory := readRecords(t, l)
		if len(groups) < 2 || unpack(t, groups[0])[0].n != 1 || unpack(t, groups[len(groups)-1])[0].n != 2 {
			t.Errorf("read %d records, want the first and the last to be the log's own", len(groups))
		}
		if bound := uint64(8*len(newest) + 1<<20); memory > bound {
			t.Errorf("reading %d bytes took %d, want at most %d", len(newest), memory, bound)
		}
		kept, err := os.ReadFile(segmentPath(dir, 1))
		if err != nil || !bytes.Equal(kept, newest) {
			t.Errorf("the segment was changed by recovery: %v", err)
		}
	})
}

// readRecords reads all records and tells how many bytes were allocated meanwhile.
func readRecords(t *testing.T, l *Log) (all []Record, bytes uint64) {
	t.Helper()
	r, err := l.Reader(Pos{})
	if err != nil {
		t.Fatalf("Reader: %v", err)
	}
	defer r.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for {
		rec, err := r.Next(t.Context())
		if err != nil {
			runtime.ReadMemStats(&after)
			return all, after.TotalAlloc - before.TotalAlloc
		}
		all = append(all, rec)
	}
}

// FuzzDecoder reads arbitrary bytes as a segment. What a reader gets must not depend on how far the log had been durable
// when it looked, and no record may be larger than the bytes it came from.
func FuzzDecoder(f *testing.F) {
	f.Fuzz(func(t *testing.T, segment []byte, part uint16) {
		once := decoder{src: bytes.NewReader(segment)}
		twice := decoder{src: bytes.NewReader(segment)}
		end := int64(len(segment))
		for total := 0; ; {
			want, wantOK, err := once.next(end)
			if err != nil {
				t.Fatalf("next: %v", err)
			}
			got, ok, err := twice.next(min(end, int64(part)))
			if err == nil && !ok {
				got, ok, err = twice.next(end)
			}
			if err != nil || ok != wantOK || !bytes.Equal(got, want) || once.off != twice.off {
				t.Fatalf("next in two steps = %q, %v, %v, want %q, %v", got, ok, err, want, wantOK)
			}
			if total += len(want); total > len(segment) {
				t.Fatalf("%d bytes of records from %d bytes", total, len(segment))
			}
			if !ok {
				break
			}
		}
		if _, err := once.follows(once.off, end); err != nil {
			t.Fatalf("follows: %v", err)
		}
	})
}
