package collector

import (
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// restAfter is how long a connection may be silent after a request before it is parked. Browsers that send several
// batches in a row do it faster than this.
const restAfter = 200 * time.Millisecond

// lot is where connections wait between requests. A server's goroutine has a stack that has grown with the requests it
// has handled, and buffers; ten thousand idle connections would each hold theirs. So when one has been silent for
// restAfter, its server ends as if the client had gone, and what waits for the next request is a goroutine that has done
// nothing yet and holds nothing.
type lot struct {
	serve func(net.Conn) error // handles requests until the connection rests again, or has ended
	idle  time.Duration        // for which a connection may be parked

	waiting sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	parked  map[*conn]struct{}
}

func newLot(serve func(net.Conn) error, idle time.Duration) *lot {
	return &lot{serve: serve, idle: idle, parked: map[*conn]struct{}{}}
}

// park takes over a connection that its server has let go of. It reports false when the lot is closed.
func (l *lot) park(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.parked[c] = struct{}{}
	l.waiting.Go(func() { l.keep(c) })
	return true
}

// keep waits for the next request and has it served.
func (l *lot) keep(c *conn) {
	awake := c.awaitByte(time.Now().Add(l.idle))
	if l.leave(c) && awake {
		_ = l.serve(c.outer) // it tells the client what went wrong, and closes
		return
	}
	_ = c.end()
}

// leave reports false when the lot has been closed meanwhile.
func (l *lot) leave(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.parked, c)
	return !l.closed
}

// size is how many connections are parked.
func (l *lot) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.parked)
}

// close ends the connections that are parked. No other can be parked any more.
func (l *lot) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.parked {
		_ = c.end()
	}
}

// canPark reports whether a connection can be waited for without reading from it. Through TLS and PROXY headers bytes may
// have been read that nobody has asked for.
func canPark(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// awaitByte returns true as soon as reading would not block, be it because the client has gone.
func (c *conn) awaitByte(until time.Time) bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil || c.Conn.SetReadDeadline(until) != nil {
		return false
	}
	return raw.Read(hasInput) == nil
}

// hasInput asks without waiting.
func hasInput(fd uintptr) bool {
	asked := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(asked[:], 0)
		if err != unix.EINTR {
			return n > 0 || err != nil
		}
	}
}
