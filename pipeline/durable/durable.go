// Package durable writes small files that outlive a power cut.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile makes the file at path hold data: first its bytes under another name, then the name. Whenever the power
// fails, the file is the old one or the new one, whole. Only its owner may read it. Two writers of one path at a time
// need a lock.
func WriteFile(path string, data []byte) error {
	temporary := path + ".tmp"
	if err := writeSynced(temporary, data); err != nil {
		return fmt.Errorf("write %q: %w", temporary, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("name %q: %w", path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("sync folder of %q: %w", path, err)
	}
	return nil
}

// SyncDir makes durable that files in dir were made, renamed or removed.
func SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	// A file whose bytes are not all there must not be synced into its place: the first error ends it.
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
