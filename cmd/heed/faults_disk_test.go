package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// dataDisk is the size of a disk with ClickHouse on it, which wants 256 MiB to be free.
const dataDisk = "400m"

// ownMounts is set in the process that may mount.
const ownMounts = "HEED_TEST_MOUNTS"

// noMounts is what that process says when it may not after all.
const noMounts = "this system allows no mounts"

// inOwnMounts runs the calling test once more, in a process whose mounts are its own, and tells whether this is that
// process. What it starts sees its mounts, and they vanish with it.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	if os.Getenv(ownMounts) != "" {
		return true
	}
	asUser := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := again(t, asUser)
	if refused(out, err) && os.Getuid() == 0 {
		// Unsharing in this way also makes all mounts private.
		out, err = again(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
	}
	switch {
	case refused(out, err) && os.Getuid() == 0:
		t.Fatalf("root may not mount here (%v): allow user namespaces or give CAP_SYS_ADMIN, as with docker run --privileged\n%s", err, out)
	case refused(out, err):
		t.Skipf("this user may not mount here (%v): allow user namespaces or run as root", err)
	case err != nil:
		t.Fatalf("in mounts of its own: %v\n%s", err, out)
	}
	t.Logf("in mounts of its own:\n%s", out)
	return false
}

func again(t *testing.T, how *syscall.SysProcAttr) ([]byte, error) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.SysProcAttr = how
	return cmd.CombinedOutput()
}

func refused(out []byte, err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) ||
		bytes.Contains(out, []byte(noMounts))
}

// smallDisk is a file system in memory of a given size, as 4m.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mount(t, "tmpfs", dir, "tmpfs", 0, "size="+size)
	return dir
}

// mount mounts until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("%s: mount %s on %s: %v", noMounts, source, target, err)
	}
	if flags&syscall.MS_REMOUNT == 0 {
		t.Cleanup(func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) }) // the test may have done so
	}
}

// fill takes the room there is on the disk, but for the bytes to leave.
func fill(t *testing.T, disk string, leave int64) {
	t.Helper()
	file, err := os.OpenFile(ballast(disk), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 256<<10); len(block) > 0 && room(t, disk) > leave; {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2] // the last bytes too
		} else if err != nil {
			t.Fatalf("fill the disk: %v", err)
		}
	}
}

// room is how many bytes are free on the disk.
func room(t *testing.T, disk string) int64 {
	t.Helper()
	var info syscall.Statfs_t
	if err := syscall.Statfs(disk, &info); err != nil {
		t.Fatalf("measure the disk: %v", err)
	}
	return int64(info.Bavail) * info.Bsize
}

// makeRoom gives back what fill has taken.
func makeRoom(t *testing.T, disk string) {
	t.Helper()
	if err := os.Remove(ballast(disk)); err != nil {
		t.Fatal(err)
	}
}

func ballast(disk string) string { return filepath.Join(disk, "ballast") }

// TestLogDiskFull fills the log's disk again and again under a running process. It refuses, loses nothing, and works
// again as soon as there is room.
func TestLogDiskFull(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disk := smallDisk(t, "4m")
	o := newOrdeal(t, t.TempDir())
	heed := startHeed(t, o.data, o.settings("--wal.dir", filepath.Join(disk, "wal"), "--wal.segment_bytes", "64KiB")...)
	o.send()
	for range 3 {
		o.awaitMore(heed, 200)
		o.awaitRefused(heed, 50, func() { fill(t, disk, 0) })
		makeRoom(t, disk)
		o.awaitLoaded(heed)
	}
	o.finish(heed)
}

// TestDataDiskFull fills the disk that everything is on. ClickHouse stores nothing any more before the log is full, and
// what the log has taken waits there until there is room.
func TestDataDiskFull(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disk := smallDisk(t, dataDisk)
	o := newOrdeal(t, disk)
	heed := startHeed(t, o.data, o.settings("--wal.segment_bytes", "64KiB")...)
	o.send()
	for range 2 {
		o.awaitMore(heed, 200)
		o.awaitRefused(heed, 50, func() { fill(t, disk, 0) })
		makeRoom(t, disk)
		o.awaitLoaded(heed)
	}
	o.finish(heed)
}

// TestStoreDiskFull fills the disk that ClickHouse is on, at first not quite: libchdb takes a failed write for a good
// one, so it has to stop before. Events go on being accepted, since the log is elsewhere, and are loaded later.
func TestStoreDiskFull(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disk := smallDisk(t, dataDisk)
	o := newOrdeal(t, disk)
	heed := startHeed(t, o.data, o.settings("--wal.dir", filepath.Join(t.TempDir(), "wal"), "--wal.segment_bytes", "64KiB")...)
	o.send()
	o.awaitMore(heed, 200)
	for _, left := range []int64{64 << 20, 0} {
		before := o.metric(heed, "heed_load_store_errors_total")
		o.await(heed, "inserts that are refused for want of room", func() bool {
			fill(t, disk, left)
			return o.metric(heed, "heed_load_store_errors_total") > before
		})
		if left > 0 { // with none the consent records' own log, which is here, takes nothing either
			o.awaitMore(heed, 200)
		}
	}
	makeRoom(t, disk)
	o.awaitLoaded(heed)
	o.finish(heed)
}

// TestIdleDiskFull fills the disk while nothing arrives. The loader writes down, after a second, that it has nothing to
// do; that it cannot is no reason to do nothing later.
func TestIdleDiskFull(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disk := smallDisk(t, dataDisk)
	o := newOrdeal(t, disk)
	heed := startHeed(t, o.data, o.settings()...)
	o.send()
	o.awaitMore(heed, 50)
	o.pauseClients()
	until := time.Now().Add(2 * time.Second) // the loader is idle after one
	o.await(heed, "the end of the fault", func() bool {
		fill(t, disk, 0)
		return time.Now().After(until)
	})
	makeRoom(t, disk)
	o.send()
	o.awaitLoaded(heed)
	o.finish(heed)
}

// TestLogReadOnly takes away, under a running process, the right to make or change anything in the log's folder. What
// is open for writing keeps a file system from becoming read-only, so another mount is put over the folder: the
// process notices with its next segment.
func TestLogReadOnly(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disk := smallDisk(t, "64m")
	o := newOrdeal(t, t.TempDir())
	log := filepath.Join(disk, "wal")
	settings := []string{"--wal.dir", log, "--wal.segment_bytes", "64KiB"}
	heed := startHeed(t, o.data, o.settings(settings...)...)
	o.send()
	o.awaitMore(heed, 200)
	mount(t, log, log, "", syscall.MS_BIND, "")
	mount(t, "", log, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
	o.awaitRefused(heed, 50, func() {})
	if err := syscall.Unmount(log, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	o.awaitLoaded(heed)
	o.finish(heed)
}
