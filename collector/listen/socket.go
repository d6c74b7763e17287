package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnixPath is the room in sockaddr_un, less the zero at its end.
const maxUnixPath = 107

// answerTime is how long a socket's owner has to take a connection. Its kernel does that for it, unless its queue is full.
const answerTime = time.Second

// openTCP opens count sockets on one address, which then all have its port.
func openTCP(ctx context.Context, address string, count int) ([]net.Listener, error) {
	lc := net.ListenConfig{}
	if count > 1 {
		lc.Control = reusePort
	}
	var lns []net.Listener
	for range max(count, 1) {
		ln, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(lns)
			return nil, busyPort(err)
		}
		lns = append(lns, ln)
		address = ln.Addr().String() // port 0 has become one that the others share
	}
	return lns, nil
}

// busyPort says what to do about the errors that an operator meets.
func busyPort(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; stop the other program or choose another port", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; ports below 1024 need root, CAP_NET_BIND_SERVICE or systemd's socket activation", err)
	}
	return err
}

// reusePort lets several sockets of this user have one port.
func reusePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}

// openUnix makes a socket at path, in place of one that nobody answers at any more.
func openUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	lc := net.ListenConfig{}
	ln, err := lc.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(ctx, path); err != nil {
			return nil, err
		}
		ln, err = lc.Listen(ctx, "unix", path)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// removeStale removes the socket at path if its owner is gone. Only a refused connection proves that: any other error
// may be a lack of permission or a full queue, and what is no socket is not ours.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file of that name which is no socket; remove it or choose another path")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(errors.New("another process answers at this socket; stop it or choose another path"), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil // its owner removed it just now
	}
	return fmt.Errorf("find out whether anyone answers at the socket there: %w", err)
}
