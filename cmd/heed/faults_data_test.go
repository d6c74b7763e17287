package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

// away is a ClickHouse server that does not answer, so that all events stay in the log.
func away(t *testing.T) []string {
	t.Helper()
	return []string{"--clickhouse.dsn", "clickhouse://" + freeAddress(t) + "/heed?dial_timeout=200ms"}
}

// fillLog has heed accept n events into a log of small segments, kills it, and returns the segments' paths.
func (o *ordeal) fillLog(n int) []string {
	o.t.Helper()
	heed := launchHeed(o.t, o.data, o.settings(append(away(o.t), "--wal.segment_bytes", "64KiB")...)...)
	heed.awaitAddresses()
	o.send()
	o.awaitMore(heed, n)
	o.pauseClients()
	heed.kill()
	segments, err := filepath.Glob(filepath.Join(o.data, "wal", "0*"))
	if err != nil || len(segments) == 0 {
		o.t.Fatalf("find segments: %v, %v", segments, err)
	}
	slices.Sort(segments)
	return segments
}

// TestTornLog puts garbage behind the log's last record, as a power cut does. All that was acknowledged is before it.
func TestTornLog(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	random := rand.New(rand.NewPCG(o.seed, 0))
	segments := o.fillLog(500)
	garbage := make([]byte, 1+random.IntN(5000))
	for i := range garbage {
		garbage[i] = byte(random.Uint32())
	}
	file, err := os.OpenFile(segments[len(segments)-1], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(garbage); err != nil {
		t.Fatal(err)
	}
	heed := startHeed(t, o.data, o.settings()...)
	o.send()
	o.finish(heed)
}

// TestDamagedLog changes bytes in the middle of the log. Heed says so, keeps the damaged file, and goes on behind it.
func TestDamagedLog(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	segments := o.fillLog(2000)
	if len(segments) < 3 {
		t.Fatalf("2000 events are in %d segments, want 3", len(segments))
	}
	file, err := os.OpenFile(segments[1], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("damage"), 20_000); err != nil {
		t.Fatal(err)
	}
	heed := startHeed(t, o.data, o.settings()...)
	heed.awaitOutput("segment is damaged, the rest of it is skipped and kept")
	heed.awaitOutput(segments[1] + ".quarantine")
	o.send()
	o.awaitMore(heed, 50)
	o.pauseClients()
	o.awaitLoaded(heed)
	heed.stop()
	if _, err := os.Stat(segments[1] + ".quarantine"); err != nil {
		t.Errorf("the damaged segment is not kept: %v", err)
	}
}

// TestNewerSchema starts on data that a newer version has migrated.
func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	store, err := clickhouse.Open(t.Context(), clickhouse.Config{
		Path: filepath.Join(dir, "clickhouse"), Library: libraryPath(t),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	if _, _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(t.Context(), "INSERT INTO schema_migrations (version, name) VALUES (999, 'future')"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, launchHeed(t, dir, "--demo"), "the schema is newer than this program: it has version 999, this program knows up to ")
}

// TestStartOnBadDisk starts where nothing can be written, and where there is no room.
func TestStartOnBadDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	full := smallDisk(t, "1m")
	fill(t, full, 0)
	wantRefusal(t, launchHeed(t, t.TempDir(), "--demo", "--wal.dir", filepath.Join(full, "wal")), "no space left on device")
	wantRefusal(t, launchHeed(t, filepath.Join(full, "data"), "--demo"), "no space left on device")

	solid := smallDisk(t, "1m")
	mount(t, "", solid, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	wantRefusal(t, launchHeed(t, t.TempDir(), "--demo", "--wal.dir", filepath.Join(solid, "wal")), "read-only file system")
	wantRefusal(t, launchHeed(t, filepath.Join(solid, "data"), "--demo"), "read-only file system")
}

// wantRefusal waits until heed has refused to start, in one line that holds text.
func wantRefusal(t *testing.T, heed *process, text string) {
	t.Helper()
	<-heed.done
	printed := strings.TrimSpace(heed.output.String())
	last := printed[strings.LastIndexByte(printed, '\n')+1:]
	if code := heed.cmd.ProcessState.ExitCode(); code != exitError || !strings.HasPrefix(last, "heed: ") || !strings.Contains(last, text) {
		t.Errorf("heed serve ended with status %d and printed:\n%s\nwant status %d and a last line with %q", code, printed, exitError, text)
	}
	t.Log(last)
}
