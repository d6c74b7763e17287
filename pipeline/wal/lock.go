package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// folderLock is the folder's lock file. Holding it is an flock, which the kernel lets go with the process. Its text is
// the holder's process id and is emptied by a clean shutdown: text under a free lock means that the last holder died.
type folderLock struct {
	f       *os.File
	unclean bool
}

// lockFolder takes the lock or says who has it.
func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file %q: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := readText(f)
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock log folder %q: %w (process %s): a second heed is running on the same data; "+
				"stop it or give this one a folder of its own", dir, ErrLocked, holder)
		}
		return nil, fmt.Errorf("lock log folder %q: %w", dir, err)
	}
	l := &folderLock{f: f, unclean: readText(f) != ""}
	if err := l.write(strconv.Itoa(os.Getpid())); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

func readText(f *os.File) string {
	text, _ := io.ReadAll(io.NewSectionReader(f, 0, 20))
	return string(text)
}

// write replaces the text. It is synced, so that a power cut is noticed as well. There is text at every moment in between:
// a process that dies here has not forgotten that the one before it died, too.
func (l *folderLock) write(text string) error {
	_, err := l.f.WriteAt([]byte(text), 0)
	if err == nil {
		err = l.f.Truncate(int64(len(text)))
	}
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write lock file %q: %w", l.f.Name(), err)
	}
	return nil
}

// clean notes that everything was closed in order.
func (l *folderLock) clean() error { return l.write("") }

func (l *folderLock) release() error { return l.f.Close() }
