package clickhouse

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// believeBytes is the room that must be left on the disk behind an insert for its success to be believed. Between the
// engine's look at the disk and its last write others write too, our own log among them.
const believeBytes = keepFreeBytes / 2

// room returns an error when the embedded engine's disk has less than least bytes free.
func (s *Store) room(least uint64) error {
	if s.transport == nil {
		return nil // a server looks after its own disk
	}
	free, err := s.freeBytes(s.cfg.Path)
	if err != nil {
		return fmt.Errorf("measure the disk of %q: %w", s.cfg.Path, err)
	}
	if free < least {
		return fmt.Errorf("the disk of %q has %d MiB free and the engine wants %d: make room; events wait in the log meanwhile",
			s.cfg.Path, free>>20, keepFreeBytes>>20)
	}
	return nil
}

// freeBytes is what a process without privileges may still write on the disk of path.
func freeBytes(path string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
