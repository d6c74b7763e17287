package collector

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller tells which of many sockets have something to read. It is an epoll (epoll(7)) of its own, which the runtime in
// turn watches like any other file, so that waiting costs no thread.
type poller struct {
	file   *os.File
	raw    syscall.RawConn
	events [64]unix.EpollEvent
	ready  [64]int
}

// rawSocket returns the socket of a connection for readSocket, or nil where there is none.
func rawSocket(c syscall.Conn) syscall.RawConn {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// errNothing means that nothing has come yet.
var errNothing error = syscall.EAGAIN

// readSocket reads what there is, and returns io.EOF at the end.
func readSocket(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// add begins to watch a socket. It is told of once; so is that the client has gone.
func (p *poller) add(fd int) error {
	return p.control(unix.EPOLL_CTL_ADD, fd)
}

// remove ends watching a socket that has not been closed.
func (p *poller) remove(fd int) { _ = p.control(unix.EPOLL_CTL_DEL, fd) }

func (p *poller) control(op, fd int) error {
	var err error
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
	closed := p.raw.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), op, fd, &event) })
	return errors.Join(closed, err)
}

// wait returns the sockets that have something to read, at the latest at until, then none. They are good until the next
// call. An error means that the poller was stopped.
func (p *poller) wait(until time.Time) ([]int, error) {
	if err := p.file.SetReadDeadline(until); err != nil {
		return nil, err
	}
	n := 0
	err := p.raw.Read(func(epoll uintptr) bool {
		var err error
		n, err = unix.EpollWait(int(epoll), p.events[:], 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, err
	}
	for i := range max(n, 0) {
		p.ready[i] = int(p.events[i].Fd)
	}
	return p.ready[:max(n, 0)], nil
}

// stop makes wait return an error, and later calls too.
func (p *poller) stop() { _ = p.file.Close() }
