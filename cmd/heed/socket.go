package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketFile is where the process that holds the data folder answers other commands on the same machine.
const socketFile = "heed.sock"

// maxSocketPath is what the kernel takes as the name of a socket, without its final zero byte.
const maxSocketPath = 107

// errNotRunning: no process answers on the data folder's socket.
var errNotRunning = errors.New("heed serve is not running on this data folder")

// listenSocket listens on the data folder's socket. A socket file of a process that was killed is removed: the caller
// holds the folder's lock, so no living process can own it.
func listenSocket(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	name, done, err := socketName(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	// The folder is 0700, so nobody else can connect between listen and chmod.
	listener, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // by then the short name may mean another folder
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("restrict socket: %w", err)
	}
	return &socketListener{Listener: listener, path: path}, nil
}

// socketListener removes its file when it closes.
type socketListener struct {
	net.Listener
	path string
}

func (l *socketListener) Close() error {
	err := l.Listener.Close()
	os.Remove(l.path) // a second Close finds nothing
	return err
}

// socketName is a name of the socket that the kernel takes: a long path is reached through an open folder.
func socketName(dir string) (name string, done func(), err error) {
	path := filepath.Join(dir, socketFile)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("open data folder: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketFile), func() { folder.Close() }, nil
}

// socketClient talks to the process that runs on the data folder. Its requests fail with errNotRunning when none does.
func socketClient(dir string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		name, done, err := socketName(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		conn, err := new(net.Dialer).DialContext(ctx, "unix", name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, errNotRunning
		}
		return conn, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: time.Minute}
}
