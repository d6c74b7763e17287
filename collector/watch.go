package collector

import (
	"errors"
	"io"
	"os"
	"time"
)

// watch waits for what comes on a connection at rest, and sends batches through the lane, until something comes that is the
// server's or nothing comes any more. Watches are pooled.
type watch struct {
	own   *conn
	p     []byte
	have  int // bytes in p that are of a batch that has not come whole
	whole int // how many that one has
	err   error
	ready func(fd uintptr) bool // isReady
}

// What a watch does with a connection.
const (
	idle int32 = iota
	answering
	closing // and the server has closed it meanwhile
)

// watch returns as Read does. It ends the connection where the server, in vain, has closed it; with bytes in hand it leaves that to
// the server, which answers them first. What ends in a lane ends for the server as if the client had gone: it has been answered.
func (c *Collector) watch(own *conn, p []byte) (n int, err error) {
	w := c.watches.Get().(*watch)
	w.own, w.p = own, p
	if own.raw == nil {
		for !w.take(own.receive(p[w.have:])) {
		}
	} else {
		w.read()
	}
	n, err = w.have, w.err
	if own.busy.Swap(idle) == closing && n == 0 {
		_ = own.end()
		err = io.EOF
	}
	w.own, w.p, w.have, w.whole, w.err = nil, nil, 0, 0, nil
	c.watches.Put(w)
	return n, err
}

// read reads from the socket itself. net.Conn would ask it for more after each request, and be told each time that there is
// nothing yet; a socket that has given less than was asked for is known to be empty (epoll(7), question 9), and the runtime
// says when it is not. That it was closed, too, may be learnt only when the time of rest has passed.
func (w *watch) read() {
	own := w.own
	for {
		err := own.broken
		if err == nil {
			err = own.raw.Read(w.ready)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(own.readBy) {
			if err = own.arm(own.readBy); err == nil {
				continue
			}
		}
		if err != nil {
			w.take(0, err)
		}
		return
	}
}

// isReady reads and handles what there is. It reports false until the watch ends.
func (w *watch) isReady(fd uintptr) bool {
	for {
		room := w.p[w.have:]
		n, err := readSocket(fd, room)
		if err == errNothing {
			return false
		}
		if err == nil {
			err = w.own.charge(n)
		}
		if err != nil {
			n = 0
		}
		if w.take(n, err) {
			return true
		}
		if n < len(room) && w.have == 0 { // of a batch in pieces the end may have come with the last one
			return false
		}
	}
}

// take handles n more bytes, or learns that none will come. It reports whether the watch ends.
func (w *watch) take(n int, err error) (ends bool) {
	own := w.own
	switch {
	case n > 0:
	case w.have > 0:
		own.broken = err // the server sees the bytes first
		return true
	default:
		w.err = own.rest(err)
		return true
	}
	own.resting = false
	if w.have += n; w.have < w.whole {
		return false
	}
	own.busy.CompareAndSwap(idle, answering)
	limits := &own.c.cfg.Limits
	w.have, w.whole, w.err = own.c.expedite(own, w.p, w.have)
	switch {
	case w.err != nil:
		w.have, w.err = 0, io.EOF
		return true
	case w.whole > 0:
		own.resting = false
		own.broken = own.SetReadDeadline(time.Now().Add(limits.ReadTimeout))
		return own.broken != nil
	case w.have > 0:
		own.resting = false
		return true
	case !own.busy.CompareAndSwap(answering, idle):
		return true // the server has closed it
	}
	if own.SetReadDeadline(time.Now().Add(min(restLater, limits.IdleTimeout))) != nil {
		w.err = io.EOF
	}
	return w.err != nil
}
