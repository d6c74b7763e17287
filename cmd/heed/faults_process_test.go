package main

import (
	"syscall"
	"testing"
)

// TestLogAtItsBound: ClickHouse is away until the log holds all it may. Batches are refused then, and the next
// process, which has its own engine, brings what was accepted into it.
func TestLogAtItsBound(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	log := []string{"--wal.segment_bytes", "64KiB", "--wal.max_bytes", "1MiB"}
	heed := launchHeed(t, o.data, o.settings(append(away(t), append(log, "--drain_timeout", "100ms")...)...)...)
	heed.awaitAddresses()
	o.send()
	o.awaitRefused(heed, 50, func() {})
	heed.stop()
	heed = startHeed(t, o.data, o.settings(log...)...)
	o.awaitLoaded(heed)
	o.finish(heed)
}

// TestStalled stops the whole process, as a disk that answers nothing does, for longer than clients wait. The outcome
// of what was under way is unknown to them, so they send it again.
func TestStalled(t *testing.T) {
	if testing.Short() {
		t.Skip("a fault of the whole process takes seconds")
	}
	o := newOrdeal(t, t.TempDir())
	heed := startHeed(t, o.data, o.settings()...)
	o.send()
	tell := func(signal syscall.Signal) {
		if err := heed.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		o.awaitMore(heed, 200)
		tell(syscall.SIGSTOP)
		pause(2 * faultPatience)
		tell(syscall.SIGCONT)
	}
	o.finish(heed)
}
