package wal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heed/schemas"
)

// gated is a real writer whose Sync waits until the test lets it go on.
type gated struct {
	writer
	gate  chan struct{}
	syncs *int
}

func (g gated) Sync() error {
	<-g.gate
	*g.syncs++
	return g.writer.Sync()
}

// openGated opens a log in a synctest bubble. Each token in the gate lets one fsync pass; closing it lets all.
func openGated(t *testing.T, cfg Config) (l *Log, gate chan struct{}, syncs *int) {
	t.Helper()
	gate, syncs = make(chan struct{}), new(int)
	cfg.Dir = t.TempDir()
	l = openWith(t, cfg, func(dir string) (writer, error) {
		w, err := newWriter(dir)
		return gated{w, gate, syncs}, err
	})
	return l, gate, syncs
}

// goAppend appends in a goroutine. It returns after the event waits for its fsync or has been refused.
func goAppend(t *testing.T, ctx context.Context, l *Log, ev *schemas.Envelope) <-chan result {
	t.Helper()
	c := make(chan result, 1)
	go func() {
		pos, err := l.Append(ctx, []*schemas.Envelope{ev})
		c <- result{pos, err}
	}()
	synctest.Wait()
	return c
}

type result struct {
	pos Pos
	err error
}

// TestGroupCommit: a lone event costs one fsync; all that arrive during it share the next.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, syncs := openGated(t, Config{})
		lone := goAppend(t, t.Context(), l, event(0, 0))
		var others []<-chan result
		for n := range uint64(10) {
			others = append(others, goAppend(t, t.Context(), l, event(1+n, 0)))
		}
		r, err := l.Reader(Pos{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.step(); !errors.Is(err, errWait) {
			t.Errorf("step = %v before the fsync, want %v: the record is written but not durable", err, errWait)
		}
		select {
		case got := <-lone:
			t.Fatalf("Append = %v before its fsync", got)
		default:
		}
		gate <- struct{}{}
		if got := <-lone; got.err != nil || got.pos != (Pos{}) {
			t.Errorf("Append = %v, want %v", got, Pos{})
		}
		close(gate)
		for i, c := range others {
			if got, want := <-c, (Pos{Record: 1, Event: uint32(i)}); got.err != nil || got.pos != want {
				t.Errorf("Append = %v, want %v", got, want)
			}
		}
		if *syncs != 2 {
			t.Errorf("%d fsyncs, want 2", *syncs)
		}
	})
}

// TestGroupsGather: behind a group of many appends the next one gathers for twice as long as that took; else nobody waits.
func TestGroupsGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, syncs := openGated(t, Config{})
		const took = maxDelay / 4
		n := uint64(0)
		add := func() <-chan result { n++; return goAppend(t, t.Context(), l, event(n, 0)) }
		commit := func() {
			time.Sleep(took)
			gate <- struct{}{}
			synctest.Wait()
		}

		add()
		for range minSiblings {
			add()
		}
		commit() // the first, which was alone
		add()    // behind the many
		commit() // the many
		time.Sleep(2*took - 1)
		last := add() // just in time
		time.Sleep(time.Nanosecond)
		commit()
		close(gate)
		if got, want := (<-last).pos, (Pos{Record: 2, Event: 1}); got != want || *syncs != 3 {
			t.Errorf("an event that comes while a group gathers is at %v after %d fsyncs, want %v after 3", got, *syncs, want)
		}

		start := time.Now()
		if got := <-add(); got.err != nil || time.Since(start) != 0 {
			t.Errorf("behind a small group an event waits %v (%v), want 0", time.Since(start), got.err)
		}
	})
}

// TestGroupBytes: a full group is left alone and the next one begun.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, _ := openGated(t, Config{})
		f := func(want time.Duration) {
			t.Helper()
			if got := l.Waiting(); got != want {
				t.Errorf("Waiting() = %v, want %v", got, want)
			}
		}
		f(0)
		goAppend(t, t.Context(), l, event(0, 0))
		time.Sleep(2 * time.Second)
		goAppend(t, t.Context(), l, event(1, 0)) // into the next group
		time.Sleep(time.Second)
		f(3 * time.Second)
		gate <- struct{}{}
		synctest.Wait()
		f(time.Second)
		close(gate)
		synctest.Wait()
		f(0)
	})
}

func TestGroupBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, _ := openGated(t, Config{SegmentBytes: minSegmentBytes})
		goAppend(t, t.Context(), l, event(0, 0))
		a := goAppend(t, t.Context(), l, event(1, l.groupBytes()*2/3))
		b := goAppend(t, t.Context(), l, event(2, l.groupBytes()*2/3))
		close(gate)
		if a, b := <-a, <-b; a.pos != (Pos{Record: 1}) || b.pos != (Pos{Record: 2}) {
			t.Errorf("Append = %v and %v, want records 1 and 2", a, b)
		}
		if _, err := l.Append(t.Context(), []*schemas.Envelope{event(3, l.groupBytes())}); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("Append of more than a group = %v, want an error that no waiting mends", err)
		}
	})
}

// TestWaitingBytes: while the disk hangs, memory stays bounded and further events are refused.
func TestWaitingBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, _ := openGated(t, Config{})
		var waiting []<-chan result
		for range maxWaitingBytes >> 20 {
			waiting = append(waiting, goAppend(t, t.Context(), l, event(1, 1<<20-100)))
		}
		if got := <-goAppend(t, t.Context(), l, event(2, 1<<20)); !errors.Is(got.err, ErrFull) {
			t.Errorf("Append = %v, want %v", got, ErrFull)
		}
		close(gate)
		for _, c := range waiting {
			if got := <-c; got.err != nil {
				t.Errorf("Append = %v, want a position", got)
			}
		}
		appendOne(t, l, 3, 1<<20)
	})
}

// TestContextEndsWhileWaiting: the caller gets its error at once, the event may still become durable, and the position
// is given to no other.
func TestContextEndsWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, _ := openGated(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		c := goAppend(t, ctx, l, event(1, 0))
		cancel()
		if got := <-c; !errors.Is(got.err, context.Canceled) {
			t.Errorf("Append = %v, want %v", got, context.Canceled)
		}
		close(gate)
		if pos := appendOne(t, l, 2, 0); pos == (Pos{}) {
			t.Errorf("Append = %v, which the first event has", pos)
		}
	})
}

// TestCloseWhileDiskHangs: Close returns with its ctx, finishes behind it, and a second Close waits for that.
func TestCloseWhileDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, gate, _ := openGated(t, Config{})
		c := goAppend(t, t.Context(), l, event(1, 0))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close = %v, want %v", err, context.Canceled)
		}
		if _, err := l.Append(t.Context(), []*schemas.Envelope{event(2, 0)}); !errors.Is(err, ErrClosed) {
			t.Errorf("Append = %v, want %v", err, ErrClosed)
		}
		close(gate)
		if got := <-c; got.err != nil {
			t.Errorf("Append = %v, want a position: it was taken before Close", got)
		}
		mustClose(t, l)
	})
}

func TestAppendNothing(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	if pos, err := l.Append(t.Context(), nil); err != nil || pos != (Pos{}) {
		t.Errorf("Append(nil) = %v, %v, want the zero position", pos, err)
	}
	if n := l.metrics.groups.Get(); n != 0 {
		t.Errorf("%d groups written for nothing", n)
	}
}

func TestReaderFailure(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	end := appendOne(t, l, 1, 0)
	end.Record++
	for _, from := range []Pos{{Segment: end.Segment + 1}, {Segment: end.Segment, Record: end.Record + 1}} {
		if r, err := l.Reader(from); err == nil {
			r.Close()
			t.Errorf("Reader(%v): want error, the log ends at %v", from, end)
		}
	}
}

// TestReaderTrimmed: a position in a trimmed segment reads on at the oldest one that is left.
func TestReaderTrimmed(t *testing.T) {
	dir := t.TempDir()
	var last Pos
	for n := range uint64(5) {
		last = closeLogAt(t, dir, n, 0)
	}
	l := openLog(t, Config{Dir: dir})
	mustClose(t, l)
	if err := l.Trim(Pos{Segment: last.Segment - 1}); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	for _, from := range []Pos{{}, {Segment: 1, Record: 1}} {
		if got := numbers(readAll(t, l, from)); len(got) != 2 || got[0] != 3 {
			t.Errorf("from %v: read %v, want [3 4]", from, got)
		}
	}
	if err := l.Trim(Pos{Segment: 1 << 30}); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	if segments, _ := listSegments(dir); len(segments) != 1 {
		t.Errorf("segments %v are left, want the newest alone", segments)
	}
}

func TestConfigValidateFailure(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		err := cfg.Validate()
		if err == nil {
			t.Fatalf("Validate(%+v): want error", cfg)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("Validate(%+v) = %q, want it to name %q", cfg, err, w)
			}
		}
	}
	f(Config{}, "wal dir")
	f(Config{Dir: "x", SegmentBytes: 1}, "wal segment bytes")
	f(Config{Dir: "x", SegmentBytes: maxSegmentBytes + 1}, "wal segment bytes")
	f(Config{Dir: "x", MaxBytes: defaultSegmentBytes}, "wal max bytes")
	f(Config{MaxBytes: -3, SegmentBytes: -1}, "wal dir", "wal segment bytes", "wal max bytes") // all at once
}

// TestOpenFailureForbidden opens a folder that this user may not write, in a child that is nobody when we are root.
func TestOpenFailureForbidden(t *testing.T) {
	const variable = "HEED_WAL_TEST_FORBIDDEN"
	if dir := os.Getenv(variable); dir != "" {
		l, err := Open(t.Context(), Config{Dir: dir}, discard())
		if err == nil {
			mustClose(t, l)
		}
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "open lock file") {
			t.Errorf("Open(%q) = %v, want an error that names what is forbidden", dir, err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "heed-wal-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	// The binary goes in by descriptor, since its folder may be closed to nobody.
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd := exec.Command("/proc/self/fd/3", "-test.run=^TestOpenFailureForbidden$")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), variable+"="+dir)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("in a folder without permission: %v\n%s", err, out)
	}
}
