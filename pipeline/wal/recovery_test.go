package wal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// crashed returns a copy of a folder as SIGKILL leaves it: two segments, the newest not padded. It holds the returned
// events.
func crashed(t *testing.T, events uint64, pad int) (dir string, held []found) {
	t.Helper()
	from := t.TempDir()
	closeLogAt(t, from, 1000, pad)
	l := openLog(t, Config{Dir: from})
	for n := range events {
		appendOne(t, l, n, pad)
	}
	dir = t.TempDir()
	copyFolder(t, dir, from)
	mustClose(t, l)
	return dir, readAll(t, l, Pos{})
}

// closeLogAt opens a log, appends one event and closes it.
func closeLogAt(t testing.TB, dir string, n uint64, pad int) Pos {
	t.Helper()
	l := openLog(t, Config{Dir: dir})
	pos := appendOne(t, l, n, pad)
	mustClose(t, l)
	return pos
}

func copyFolder(t testing.TB, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestTornTail ends the newest segment at every byte of its last few hundred, as a power cut may: cut off, or with
// zeros or noise where the rest should be. What lies whole before the cut comes back, nothing counts as damage, and
// no old position is given again.
func TestTornTail(t *testing.T) {
	dir, held := crashed(t, 6, 20)
	newest := newestSegment(t, dir)
	whole := readFile(t, newest)
	noise := rand.NewChaCha8([32]byte{1})
	for cut := len(whole); cut >= max(0, len(whole)-300); cut-- {
		rest := make([]byte, len(whole)-cut)
		for name, tail := range map[string]func() []byte{
			"cut":   func() []byte { return nil },
			"zeros": func() []byte { return rest },
			"noise": func() []byte { b := bytes.Clone(rest); noise.Read(b); return b },
		} {
			if name != "cut" && cut%7 != 0 {
				continue // the plain cut is the common one; the others take as long each
			}
			checkTail(t, dir, held, append(bytes.Clone(whole[:cut]), tail()...), wholeRecords(t, whole[:cut]))
			if t.Failed() {
				t.Fatalf("%s at byte %d of %d", name, cut, len(whole))
			}
		}
	}
}

// wholeRecords counts with wlog's own reader.
func wholeRecords(t *testing.T, segment []byte) int {
	t.Helper()
	n := 0
	for r := wlog.NewReader(bytes.NewReader(segment)); r.Next(); {
		n++
	}
	return n
}

// checkTail opens a copy of the folder whose newest segment is replaced, and expects the first event, then those of
// so many records, then one that is appended.
func checkTail(t *testing.T, from string, held []found, newest []byte, records int) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	copyFolder(t, dir, from)
	writeFile(t, newestSegment(t, dir), newest)
	l, err := Open(t.Context(), Config{Dir: dir}, discard())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if !l.Unclean() {
		t.Errorf("Unclean() = false, want true")
	}
	pos := appendOne(t, l, 77, 20)
	mustClose(t, l)
	want := append(slices.Clone(held[:1+records]), found{pos, 77})
	if got := readAll(t, l, Pos{}); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	for _, old := range held {
		if old.pos == pos {
			t.Errorf("Append = %v, which had been given before", pos)
		}
	}
	if n := l.metrics.quarantined.Get(); n != 0 {
		t.Errorf("%d segments quarantined, want none: a torn tail is no damage", n)
	}
	os.RemoveAll(dir)
}

// TestDamage changes bytes in the middle of a sealed segment. The records before come back, the rest of the segment is
// skipped, the next segment is read, and the file is kept when it is trimmed.
func TestDamage(t *testing.T) {
	const events, pad = 40, 2000 // over two pages
	zero := func(b []byte, from, to int) { clear(b[from:to]) }
	for name, damage := range map[string]func([]byte){
		"type":      func(b []byte) { b[0] = 9 },
		"no type":   func(b []byte) { b[0] = 0 },
		"length":    func(b []byte) { b[1] = 0x7f },
		"crc":       func(b []byte) { b[3] ^= 1 },
		"content":   func(b []byte) { b[100] ^= 0x10 },
		"a sector":  func(b []byte) { zero(b, 512, 1024) },
		"one page":  func(b []byte) { zero(b, 0, pageSize) },
		"last page": func(b []byte) { b[pageSize+9] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			dir, held := crashed(t, events, pad)
			path := newestSegment(t, dir)
			b := readFile(t, path)
			damage(b)
			writeFile(t, path, b)
			sound := wholeRecords(t, b) // wlog's reader passes over a page of zeros: none is sound there
			if name == "no type" || name == "one page" {
				sound = 0
			}
			checkDamage(t, dir, held, sound)
		})
	}
}

func checkDamage(t *testing.T, dir string, held []found, sound int) {
	t.Helper()
	path := newestSegment(t, dir)
	damaged := readFile(t, path)
	l := openLog(t, Config{Dir: dir})
	pos := appendOne(t, l, 77, 0)
	mustClose(t, l)
	want := append(slices.Clone(held[:1+sound]), found{pos, 77})
	for range 2 { // a second reader counts nothing again
		if got := readAll(t, l, Pos{}); !slices.Equal(got, want) {
			t.Fatalf("read %v, want %v", got, want)
		}
	}
	if n := l.metrics.quarantined.Get(); n != 1 {
		t.Errorf("%d segments quarantined, want 1", n)
	}
	// A later process, which has not read the segment itself, trims it.
	l = openLog(t, Config{Dir: dir})
	if err := l.Trim(pos); err != nil {
		t.Fatalf("Trim(%v): %v", pos, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Trim: stat %q: %v, want it gone", path, err)
	}
	if got := readFile(t, path+".quarantine"); !bytes.Equal(got, damaged) {
		t.Errorf("after Trim: the quarantined file is not the damaged one")
	}
}

// TestLiveDamage damages the segment that is being written. Events appended later must not be put behind the damage,
// where no reader looks.
func TestLiveDamage(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	appendOne(t, l, 0, 0)
	pos := appendOne(t, l, 1, 0)
	path := newestSegment(t, l.cfg.Dir)
	b := readFile(t, path)
	b[len(b)-1] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	r, err := l.Reader(Pos{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rec, err := r.Next(t.Context()); err != nil || rec.Next != pos {
		t.Fatalf("Next = %v, %v, want the record before %v", rec.Pos, err, pos)
	}
	if _, err := r.step(); !errors.Is(err, errWait) {
		t.Fatalf("step = %v, want %v", err, errWait)
	}
	want := appendOne(t, l, 2, 0)
	if rec, err := r.Next(t.Context()); err != nil || rec.Pos != want || want.Segment == pos.Segment {
		t.Errorf("Next = %v, %v, want %v in a segment after %v", rec.Pos, err, want, pos)
	}
}

// TestGap: a segment that somebody removed costs its own events, not those before and after it.
func TestGap(t *testing.T) {
	dir := t.TempDir()
	for n := range uint64(3) {
		closeLogAt(t, dir, n, 0)
	}
	if err := os.Remove(segmentPath(dir, 1)); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, Config{Dir: dir})
	mustClose(t, l)
	if got := numbers(readAll(t, l, Pos{})); !slices.Equal(got, []uint64{0, 2}) {
		t.Errorf("read %v, want [0 2]", got)
	}
}

// TestDecoderAgrees holds our decoder against wlog's writer and reader, with records of every awkward size.
func TestDecoderAgrees(t *testing.T) {
	dir := t.TempDir()
	w, err := wlog.NewSize(nil, nil, dir, outOfReach, compression.None)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		// Around a page's end, where headers just fit or just do not, and across several pages.
		size := 1 + random.IntN(300)
		switch i % 4 {
		case 0:
			size = pageSize - headerSize - random.IntN(40)
		case 1:
			size = random.IntN(3*pageSize) + 1
		}
		rec := make([]byte, size)
		for j := range rec {
			rec[j] = byte(random.Uint32())
		}
		if err := w.Log(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	segment := readFile(t, segmentPath(dir, 0))
	d := decoder{src: bytes.NewReader(segment)}
	n := 0
	for r := wlog.NewReader(bytes.NewReader(segment)); r.Next(); n++ {
		rec, ok, err := d.next(int64(len(segment)))
		if !ok || err != nil || !bytes.Equal(rec, r.Record()) {
			t.Fatalf("record %d: next = %d bytes, %v, %v, want %d bytes", n, len(rec), ok, err, len(r.Record()))
		}
	}
	if _, ok, _ := d.next(int64(len(segment))); ok || n != 400 {
		t.Errorf("%d records and another (%v), want 400 and no other", n, ok)
	}
}

func TestOpenFailure(t *testing.T) {
	f := func(name string, want error, text string, prepare func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		closeLogAt(t, dir, 1, 0)
		prepare(dir)
		l, err := Open(t.Context(), Config{Dir: dir}, discard())
		if err == nil {
			mustClose(t, l)
			t.Fatalf("%s: Open: want error", name)
		}
		if want != nil && !errors.Is(err, want) {
			t.Errorf("%s: Open = %v, want %v", name, err, want)
		}
		if !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: Open = %q, want it to name %q and say %q", name, err, dir, text)
		}
	}
	identity := func(text string) func(string) {
		return func(dir string) { writeFile(t, filepath.Join(dir, identityName), []byte(text)) }
	}
	f("newer", ErrTooNew, "start the newer heed", identity(`{"id":"x","version":2}`))
	f("torn identity", nil, "put it back", identity(`{"id":"0011`))
	f("short id", nil, "put it back", identity(`{"id":"0011","version":1}`))
	f("no version", nil, "put it back", identity(`{"id":"00112233445566778899aabbccddeeff"}`))
	f("no identity", nil, "put it back", func(dir string) { os.Remove(filepath.Join(dir, identityName)) })
	f("locked", ErrLocked, "a second heed is running", func(dir string) { openLog(t, Config{Dir: dir}) })
	f("foreign name", nil, "move it away", func(dir string) { writeFile(t, filepath.Join(dir, "7"), nil) })
	f("large gap", nil, "put them back", func(dir string) { writeFile(t, segmentPath(dir, 99999), nil) })
	f("lock is a folder", nil, "open lock file", func(dir string) {
		os.Remove(filepath.Join(dir, "lock"))
		os.Mkdir(filepath.Join(dir, "lock"), 0o700)
	})
}

// TestOpenFailureFolder: a path that cannot become a folder.
func TestOpenFailureFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	if _, err := Open(t.Context(), Config{Dir: file}, discard()); err == nil || !strings.Contains(err.Error(), "create log folder") {
		t.Errorf("Open(%q) = %v, want an error that says what could not be done", file, err)
	}
}

// TestIdentity: the id stays with the segments. Without them positions begin anew, so the id must not be the old one.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	id := func() string {
		l := openLog(t, Config{Dir: dir})
		mustClose(t, l)
		return l.ID()
	}
	first := id()
	if len(first) != 32 {
		t.Errorf("ID() = %q, want 32 hex digits", first)
	}
	if again := id(); again != first {
		t.Errorf("ID() = %q after reopening, want %q", again, first)
	}
	var have identity
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, identityName)), &have); err != nil || have.ID != first {
		t.Errorf("%s holds %v, %v, want %q", identityName, have, err, first)
	}
	os.Remove(segmentPath(dir, 0))
	os.Remove(segmentPath(dir, 1))
	if again := id(); again == first {
		t.Errorf("ID() = %q again for a log without segments", again)
	}
}

func TestUnclean(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	if l.Unclean() {
		t.Errorf("Unclean() = true for a new log")
	}
	crashedDir := t.TempDir()
	copyFolder(t, crashedDir, dir)
	mustClose(t, l)
	for path, want := range map[string]bool{dir: false, crashedDir: true} {
		l := openLog(t, Config{Dir: path})
		var text strings.Builder
		l.WriteMetrics(&text)
		metric := strings.Contains(text.String(), "heed_wal_unclean_shutdowns_total 1\n")
		if l.Unclean() != want || metric != want {
			t.Errorf("Unclean() = %v, metric %v, want %v", l.Unclean(), metric, want)
		}
	}
}

// TestReaderWaitsForDescriptors: a process that has none to spare for a moment goes on where it was; other errors are told.
func TestReaderWaitsForDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, Config{Dir: t.TempDir()})
		pos := appendOne(t, l, 7, 0)
		errDisk := errors.New("input/output error")
		failures := []error{syscall.EMFILE, syscall.ENFILE, errDisk}
		l.openFile = func(path string) (*os.File, error) {
			if len(failures) == 0 {
				return os.Open(path)
			}
			err := failures[0]
			failures = failures[1:]
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		r, err := l.Reader(Pos{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.Next(t.Context()); !errors.Is(err, errDisk) || len(failures) > 0 {
			t.Errorf("Next = %v with %d failures to come, want %v behind the others", err, len(failures), errDisk)
		}
		failures = []error{syscall.EMFILE, syscall.EMFILE}
		ctx, cancel := context.WithTimeout(t.Context(), firstPause)
		defer cancel()
		if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next in a shorter time than it needs = %v, want %v", err, context.DeadlineExceeded)
		}
		if rec, err := r.Next(t.Context()); err != nil || rec.Pos != pos {
			t.Errorf("Next = %v, %v, want the event at %v", rec, err, pos)
		}
	})
}
