package wal

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"heed/schemas"
)

// TestMaxBytes fills a log to its bound. It refuses then, and works again once Trim has freed what was read.
func TestMaxBytes(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentBytes: minSegmentBytes, MaxBytes: 2 * minSegmentBytes}
	l := openLog(t, cfg)
	full := func(n uint64) bool {
		_, err := l.Append(t.Context(), []*schemas.Envelope{event(n, 5000)})
		if err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("Append(event %d) = %v, want nil or %v", n, err, ErrFull)
		}
		return err != nil
	}
	r, err := l.Reader(Pos{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	next, read := uint64(0), uint64(0)
	for range 20 {
		for !full(next) {
			next++
		}
		if have, limit := l.Size(); have > limit+2*pageSize || limit != cfg.MaxBytes {
			t.Fatalf("Size() = %d, %d, want at most %d and two pages", have, limit, cfg.MaxBytes)
		}
		var last Pos
		for ; read < next; read++ {
			rec, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := unpack(t, rec)[0].n; got != read {
				t.Fatalf("Next = event %d, want %d", got, read)
			}
			last = rec.Next
		}
		if err := l.Trim(last); err != nil {
			t.Fatalf("Trim(%v): %v", last, err)
		}
		if full(next) {
			t.Fatalf("after Trim(%v) the log is still full", last)
		}
		next++
	}
	segments, _ := listSegments(cfg.Dir)
	var onDisk int64
	for _, n := range segments {
		info, err := os.Stat(segmentPath(cfg.Dir, n))
		if err != nil {
			t.Fatal(err)
		}
		onDisk += info.Size()
	}
	if have, _ := l.Size(); have != onDisk {
		t.Errorf("Size() = %d, on disk are %d", have, onDisk)
	}
}

// TestFullDisk runs on a real disk of 256 KiB: a tmpfs in a mount namespace of a child's own.
func TestFullDisk(t *testing.T) {
	if os.Getenv("HEED_WAL_TEST_DISK") != "" {
		fullDisk(t, os.Getenv("HEED_WAL_TEST_DISK"))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
	cmd.Env = append(os.Environ(), "HEED_WAL_TEST_DISK="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("this system grants no namespaces (%v); TestFileSizeLimit covers what a full disk does", err)
	}
	if err != nil {
		t.Fatalf("on a small disk: %v\n%s", err, out)
	}
}

func fullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount %q: %v", dir, err)
	}
	ballast := filepath.Join(dir, "ballast")
	writeFile(t, ballast, make([]byte, 64<<10))
	// Several segments, so that the disk is full at different places of a page and of a segment.
	l := openLog(t, Config{Dir: filepath.Join(dir, "wal"), SegmentBytes: minSegmentBytes})
	l.seg.pause = 0 // every refused event is a full attempt
	var want []uint64
	n := uint64(0)
	refused := 0
	for refused < 50 {
		n++
		_, err := l.Append(t.Context(), []*schemas.Envelope{event(n, int(n*977%9000))})
		switch {
		case err == nil:
			want = append(want, n)
		case errors.Is(err, ErrFull):
			refused++
		default:
			t.Fatalf("Append(event %d) = %v, want nil or %v", n, err, ErrFull)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	untilAppended(t, l, 9999, 5000)
	want = append(want, 9999)
	segments, _ := listSegments(l.cfg.Dir)
	for _, n := range segments {
		if info, err := os.Stat(segmentPath(l.cfg.Dir, n)); err != nil || info.Size() == 0 {
			t.Errorf("segment %d of %d is empty (%v): a full disk leaves none behind", n, len(segments), err)
		}
	}
	mustClose(t, l)
	if got := numbers(readAll(t, l, Pos{})); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// TestFileSizeLimit forbids this process to make any file larger, as a quota does, and then allows it again.
func TestFileSizeLimit(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	appendOne(t, l, 1, 0)
	signal.Ignore(syscall.SIGXFSZ) // the write then fails with EFBIG
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit(t, syscall.Rlimit{Cur: 40, Max: before.Max})
	for range 3 {
		if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 3000)}); !errors.Is(err, ErrFull) {
			t.Errorf("Append = %v, want %v", err, ErrFull)
		}
	}
	limit(t, before)
	untilAppended(t, l, 3, 3000)
	mustClose(t, l)
	if got := numbers(readAll(t, l, Pos{})); !slices.Equal(got, []uint64{1, 3}) {
		t.Errorf("read %v, want [1 3]", got)
	}
}

func limit(t *testing.T, to syscall.Rlimit) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &to); err != nil {
		t.Fatalf("Setrlimit(%v): %v", to, err)
	}
}

// failing is a real writer of which single steps fail on command.
type failing struct {
	writer
	disk *disk
}

// disk holds what is to fail next: the error by step, given once.
type disk struct{ fail map[string]error }

func (d *disk) open(dir string) (writer, error) {
	if err := d.take("open"); err != nil {
		return nil, err
	}
	w, err := newWriter(dir)
	return failing{w, d}, err
}

func (d *disk) take(step string) error {
	err := d.fail[step]
	delete(d.fail, step)
	return err
}

// Log writes the record even if it then says otherwise: what failed may well be on the disk.
func (f failing) Log(records ...[]byte) error {
	return errors.Join(f.writer.Log(records...), f.disk.take("log"))
}

func (f failing) Sync() error { return errors.Join(f.disk.take("sync"), f.writer.Sync()) }

func (f failing) Close() error {
	if err := f.disk.take("close"); err != nil {
		return err
	}
	return f.writer.Close()
}

func (f failing) NextSegmentSync() (int, error) {
	if err := f.disk.take("rotate"); err != nil {
		return 0, err
	}
	return f.writer.NextSegmentSync()
}

// TestFailingDisk: whichever step fails, the event is refused and never read, and a later one is taken under a position
// that no other event has had.
func TestFailingDisk(t *testing.T) {
	f := func(want error, steps ...string) {
		t.Helper()
		d := &disk{fail: map[string]error{}}
		l := openWith(t, Config{Dir: t.TempDir()}, d.open)
		first := appendOne(t, l, 1, 0)
		for _, s := range steps {
			d.fail[s] = want
		}
		_, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)})
		if !errors.Is(err, want) || errors.Is(err, ErrFull) != (want == syscall.ENOSPC) {
			t.Errorf("%v fails: Append = %v, want %v", steps, err, want)
		}
		third := untilAppended(t, l, 3, 0)
		mustClose(t, l)
		kept := []found{{first, 1}, {third, 3}}
		if got := readAll(t, l, Pos{}); !slices.Equal(got, kept) || third.Segment == first.Segment {
			t.Errorf("%v fails: read %v, want %v in two segments", steps, got, kept)
		}
		if l.metrics.errors.Get() == 0 {
			t.Errorf("%v fails: nothing counted", steps)
		}
	}
	f(syscall.EIO, "log")
	f(syscall.EIO, "sync")
	f(syscall.ENOSPC, "log")
	f(syscall.ENOSPC, "log", "close")
	f(syscall.EIO, "sync", "close", "open")
}

// TestFailedSegmentChange: the group that filled the segment is durable, and the next one finds a new segment.
func TestFailedSegmentChange(t *testing.T) {
	d := &disk{fail: map[string]error{"rotate": syscall.ENOSPC}}
	l := openWith(t, Config{Dir: t.TempDir(), SegmentBytes: minSegmentBytes}, d.open)
	var want []found
	for n := range uint64(20) {
		want = append(want, found{untilAppended(t, l, n, 8000), n})
	}
	mustClose(t, l)
	if len(d.fail) > 0 {
		t.Fatalf("no segment change was tried")
	}
	if got := readAll(t, l, Pos{}); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// TestReaderDuringFailure: a reader that follows live sees neither the refused event nor a gap.
func TestReaderDuringFailure(t *testing.T) {
	d := &disk{fail: map[string]error{}}
	l := openWith(t, Config{Dir: t.TempDir()}, d.open)
	r, err := l.Reader(Pos{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range uint64(10) {
		d.fail["sync"] = syscall.EIO
		if _, err := l.Append(t.Context(), []*schemas.Envelope{event(1000+n, 0)}); err == nil {
			t.Fatalf("Append: want error")
		}
		pos := untilAppended(t, l, n, 0)
		rec, err := r.Next(t.Context())
		if err != nil || rec.Pos != pos {
			t.Fatalf("Next = %v, %v, want %v", rec.Pos, err, pos)
		}
	}
}

// TestRemovedSegment: somebody deletes the segment that is being written. The log goes on in another one and gives no
// position twice.
func TestRemovedSegment(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	first := appendOne(t, l, 1, 0)
	if err := os.Remove(newestSegment(t, l.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)}); err == nil || !strings.Contains(err.Error(), "measure segment") {
		t.Errorf("Append = %v, want an error that names the segment", err)
	}
	if pos := untilAppended(t, l, 3, 0); pos.Segment <= first.Segment {
		t.Errorf("Append = %v, want a segment after %v", pos, first)
	}
}
