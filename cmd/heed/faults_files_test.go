package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTooManyOpenFiles takes the process's last file descriptors away, under load, by connections that send nothing.
// It lives on, and works again when they are gone.
func TestTooManyOpenFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	heed := startHeed(t, o.data, o.settings("--wal.segment_bytes", "64KiB")...)
	o.send()
	o.awaitMore(heed, 200)
	const spare = 40
	limit := openFiles(t, heed, 0) + spare
	var before unix.Rlimit
	if err := unix.Prlimit(heed.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	limitFiles(t, heed, unix.Rlimit{Cur: uint64(limit), Max: before.Max})
	idle := occupy(t, o.address, 2*spare)
	o.await(heed, "a process without free descriptors", func() bool { return openFiles(t, heed, limit) >= limit })
	pause(2 * time.Second) // the log begins segments, the loader writes plans, the engine makes parts: all want files
	for _, c := range idle {
		c.Close()
	}
	o.awaitMore(heed, 200)
	limitFiles(t, heed, before)
	o.awaitLoaded(heed)
	o.finish(heed)
}

// openFiles counts the process's descriptors. One that has ended has all it may.
func openFiles(t *testing.T, heed *process, atEnd int) int {
	t.Helper()
	names, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(heed.cmd.Process.Pid), "fd"))
	if err != nil {
		return atEnd
	}
	return len(names)
}

func limitFiles(t *testing.T, heed *process, to unix.Rlimit) {
	t.Helper()
	if err := unix.Prlimit(heed.cmd.Process.Pid, unix.RLIMIT_NOFILE, &to, nil); err != nil {
		t.Fatalf("limit open files to %d: %v", to.Cur, err)
	}
}

// occupy opens up to n connections that send nothing, as many as are taken.
func occupy(t *testing.T, address string, n int) (idle []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			break
		}
		t.Cleanup(func() { c.Close() })
		idle = append(idle, c)
	}
	return idle
}
