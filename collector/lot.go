package collector

import (
	"net"
	"sync"
	"time"
)

// restAfter is how long a connection may be silent after a request before it is parked. Browsers that send several
// batches in a row do it faster than this.
const restAfter = 10 * time.Millisecond

// restLater is the same for one that has sent a request after another: it goes on, it seems, and then would be parked and
// woken for nothing.
const restLater = 50 * time.Millisecond

// lot is where connections wait between requests. A server's goroutine has a stack that has grown with the requests it
// has handled, and buffers; ten thousand idle connections would each hold theirs. So when one has been silent for
// restAfter, its server ends as if the client had gone, and the connection is left to one goroutine that watches all of
// them and holds nothing for each. The next request begins with a goroutine of its own.
type lot struct {
	serve   func(net.Conn) error // handles requests until the connection rests again, or has ended
	idle    time.Duration        // for which a connection may be parked
	serving sync.WaitGroup       // the watcher, and every connection that it has woken

	mu     sync.Mutex
	closed bool
	poller *poller // nil until the first connection is parked, and where nothing can be
	parked map[int]*conn
	oldest *conn // the list goes on by next; all have the same time, so the first to be parked is the first to go
	newest *conn
}

func newLot(serve func(net.Conn) error, idle time.Duration) *lot {
	return &lot{serve: serve, idle: idle, parked: map[int]*conn{}}
}

// place is a parked connection's place in the lot.
type place struct {
	prev, next *conn
	fd         int
	since      time.Time
}

// park takes over a connection that its server has let go of. It reports false when it does not.
func (l *lot) park(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.isWatchingLocked() {
		return false
	}
	fd := 0 // good until the connection is closed
	if c.raw.Control(func(number uintptr) { fd = int(number) }) != nil || l.poller.add(fd) != nil {
		return false
	}
	c.place = place{prev: l.newest, fd: fd, since: time.Now()}
	if l.newest == nil {
		l.oldest = c
	} else {
		l.newest.next = c
	}
	l.newest, l.parked[fd] = c, c
	return true
}

// isWatchingLocked starts the watcher with the first connection.
func (l *lot) isWatchingLocked() bool {
	if l.poller != nil {
		return true
	}
	p, err := newPoller()
	if err != nil {
		return false
	}
	l.poller = p
	l.serving.Go(func() { l.watch(p) })
	return true
}

// watch has every connection served that has something to read, and ends those that were silent for too long.
func (l *lot) watch(p *poller) {
	for {
		ready, err := p.wait(time.Now().Add(max(l.idle/16, restAfter)))
		if err != nil {
			return // closed
		}
		for _, fd := range ready {
			if c := l.wake(fd); c != nil {
				l.serving.Go(func() { _ = l.serve(c.outer) }) // it tells the client what went wrong, and closes
			}
		}
		for l.endOldest(l.idle) {
		}
	}
}

// wake takes a connection out of the lot, or nothing when it has left.
func (l *lot) wake(fd int) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.parked[fd]
	if c != nil {
		l.leaveLocked(c)
	}
	return c
}

// endOldest ends the connection that has been parked the longest, if that is for at least so long. It reports whether
// there was one.
func (l *lot) endOldest(parked time.Duration) bool {
	c := l.takeOldest(parked)
	if c != nil {
		_ = c.end()
	}
	return c != nil
}

func (l *lot) takeOldest(parked time.Duration) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.oldest
	if c == nil || time.Since(c.since) < parked {
		return nil
	}
	l.leaveLocked(c)
	return c
}

func (l *lot) leaveLocked(c *conn) {
	l.poller.remove(c.fd)
	delete(l.parked, c.fd)
	if c.prev == nil {
		l.oldest = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.newest = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.place = place{}
}

// size is how many connections are parked.
func (l *lot) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.parked)
}

// close ends the connections that are parked, and the watcher. Nothing can be parked any more.
func (l *lot) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.parked {
		l.leaveLocked(c)
		_ = c.end()
	}
	if l.poller != nil {
		l.poller.stop()
	}
}

// canPark reports whether a connection can be watched by its descriptor. Through TLS and PROXY headers bytes may have
// been read that nobody has asked for.
func canPark(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
