package wal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"heed/schemas"
)

// TestMain turns the test binary into the process that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HEED_WAL_TEST_KILL"); dir != "" {
		fmt.Fprintln(os.Stderr, appendUntilKilled(dir, os.Getenv("HEED_WAL_TEST_ROUND")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends from several goroutines and prints each acknowledged event with its position. Segments are
// small and the log is trimmed never, so that a good part of the kills hits a change of segments. It only returns when
// something goes wrong.
func appendUntilKilled(dir, round string) error {
	var base uint64
	if _, err := fmt.Sscan(round, &base); err != nil {
		return err
	}
	l, err := Open(context.Background(), Config{Dir: dir, SegmentBytes: minSegmentBytes}, discard())
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range uint64(16) {
		go func() {
			for i := uint64(0); ; i++ {
				n := base<<40 | worker<<32 | i
				pos, err := l.Append(context.Background(), []*schemas.Envelope{event(n, int(i*131%3000))})
				if err != nil {
					failed <- err
					return
				}
				// One short write to a pipe is never torn.
				fmt.Fprintf(os.Stdout, "%d %d %d %d\n", n, pos.Segment, pos.Record, pos.Event)
			}
		}()
	}
	return <-failed
}

// TestKill kills a process with SIGKILL at random moments, again and again on the same folder. Afterwards every event
// that was acknowledged is there, once, at the position that was told, and no position names two events.
func TestKill(t *testing.T) {
	const kills = 25
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := make(map[uint64]Pos)
	for round := range uint64(kills) {
		killOnce(t, dir, round, time.Duration(random.Int64N(int64(400*time.Millisecond))), acked)
	}
	l := openLog(t, Config{Dir: dir})
	if !l.Unclean() {
		t.Errorf("Unclean() = false after a kill")
	}
	mustClose(t, l)
	read := make(map[uint64]Pos)
	at := make(map[Pos]bool)
	all := readAll(t, l, Pos{})
	for _, f := range all {
		if pos, twice := read[f.n]; twice || at[f.pos] {
			t.Errorf("event %x at %v: seen before at %v, position taken: %v", f.n, f.pos, pos, at[f.pos])
		}
		read[f.n], at[f.pos] = f.pos, true
	}
	for n, pos := range acked {
		if got, ok := read[n]; !ok || got != pos {
			t.Errorf("event %x acknowledged at %v: read %v at %v", n, pos, ok, got)
		}
	}
	if n := l.metrics.quarantined.Get(); n != 0 {
		t.Errorf("%d segments quarantined, want none: a kill damages nothing", n)
	}
	t.Logf("%d acknowledged, %d read, %d segments", len(acked), len(all), l.durable().segment+1)
	if len(acked) == 0 {
		t.Errorf("nothing was acknowledged")
	}
}

// killOnce lets a child append for so long and collects what it acknowledged.
func killOnce(t *testing.T, dir string, round uint64, after time.Duration, acked map[uint64]Pos) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HEED_WAL_TEST_KILL="+dir, fmt.Sprintf("HEED_WAL_TEST_ROUND=%d", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n uint64
		var pos Pos
		if _, err := fmt.Sscan(lines.Text(), &n, &pos.Segment, &pos.Record, &pos.Event); err != nil {
			t.Fatalf("child printed %q: %v", lines.Text(), err)
		}
		acked[n] = pos
	}
	cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("child ended by itself: %v", cmd.ProcessState)
	}
}
