package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// errDataLocked: another process works on the data folder.
var errDataLocked = errors.New("data folder is in use")

// lockData makes the data folder, when it is missing, and locks it for this process. The kernel lets go of the lock
// when the process ends, however it ends. release is idempotent.
func lockData(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w (name a folder that can be written with --data.dir)", err)
	}
	path := filepath.Join(dir, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w (name a folder that can be written with --data.dir)", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is held by%s (stop it, or name another folder with --data.dir)",
				errDataLocked, dir, holder(file))
		}
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	if err := writeHolder(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return func() { file.Close() }, nil
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that holds the lock, when it has written its number already.
func holder(file *os.File) string {
	text := make([]byte, 20)
	n, _ := file.ReadAt(text, 0) // io.EOF: the number is shorter
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil {
		return " process " + strconv.Itoa(pid)
	}
	return " another process"
}
