package collector

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// aheadBytes is how much is read at once from a connection that has been idle: most requests whole.
const aheadBytes = 4 << 10

// waiter reads from a connection that is idle most of its life. net.Conn.Read wants a buffer before it begins to wait, and
// ten thousand idle connections would each hold theirs. fasthttp, when told to save memory, therefore waits for a single
// byte, which costs a second system call for each request. A waiter takes that wish as the sign that nothing is
// expected: it waits with no buffer at all, borrows one when there is something to read, and hands it out from there.
type waiter struct {
	rooms *sync.Pool // of *[aheadBytes]byte
	raw   syscall.RawConn
	try   func(fd uintptr) bool // readOnce; kept, since making it anew would allocate
	room  *[aheadBytes]byte     // borrowed while ahead is not empty
	ahead []byte                // read and not handed out
	n     int                   // what readOnce has found
	err   error
}

// newWaiter returns nil for a connection that is no plain socket, as one with TLS is not.
func newWaiter(c any, rooms *sync.Pool) *waiter {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	w := &waiter{rooms: rooms, raw: raw}
	w.try = w.readOnce
	return w
}

// wait reads into w.ahead as soon as there is something.
func (w *waiter) wait() error {
	if err := w.raw.Read(w.try); err != nil {
		return err // the deadline has passed, or the connection is closed
	}
	if w.n > 0 {
		w.ahead = w.room[:w.n]
		return nil
	}
	if w.err == nil {
		return io.EOF
	}
	return w.err
}

// readOnce tries to read without waiting. It reports false when there is nothing yet.
func (w *waiter) readOnce(fd uintptr) bool {
	w.room = w.rooms.Get().(*[aheadBytes]byte)
	for {
		w.n, w.err = syscall.Read(int(fd), w.room[:])
		if !errors.Is(w.err, syscall.EINTR) {
			break
		}
	}
	if w.n > 0 {
		return true
	}
	w.giveBack()
	return w.err != syscall.EAGAIN
}

// take hands out what was read ahead.
func (w *waiter) take(p []byte) int {
	n := copy(p, w.ahead)
	if w.ahead = w.ahead[n:]; len(w.ahead) == 0 {
		w.giveBack()
	}
	return n
}

func (w *waiter) giveBack() {
	if w.room != nil {
		w.rooms.Put(w.room)
		w.room, w.ahead = nil, nil
	}
}
