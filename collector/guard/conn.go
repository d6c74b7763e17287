package guard

import (
	"bytes"
	"net"
	"sync"
)

// Limits bound a request's head.
type Limits struct {
	HeadBytes int // request line and header lines; at least what the server's own buffer takes
	Fields    int // header lines
}

// Listener puts a Conn around every connection of another listener.
type Listener struct {
	net.Listener
	limits Limits
	heads  sync.Pool // of *[]byte, for heads that come in pieces
}

// NewListener returns a listener whose connections let through only requests with one reading.
func NewListener(ln net.Listener, limits Limits) *Listener {
	return &Listener{Listener: ln, limits: limits}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: inner, listener: l}, nil
}

// Conn reads requests along with the server behind it. It follows the stream from head to body to the next head, and
// gives the last byte of a head away only after Check has seen the whole; a *Fault takes its place. Bodies pass
// unchanged. It holds memory only while a head has come in part.
//
// Read must be called by one goroutine at a time, as a server does.
type Conn struct {
	net.Conn
	listener *Listener
	head     *[]byte // what came of a head, when it did not come at once
	body     body
	fault    *Fault
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if c.fault != nil {
		return 0, c.fault
	}
	n, err := c.Conn.Read(p)
	if good := c.follow(p[:n]); c.fault != nil {
		c.release()
		if good == 0 {
			return 0, c.fault
		}
		return good, nil
	}
	if err != nil {
		c.release()
	}
	return n, err
}

// follow reads data as the server will, and returns how much of it may be given away.
func (c *Conn) follow(data []byte) (good int) {
	rest := data
	for len(rest) > 0 && c.fault == nil {
		var n int
		if c.body.open() {
			n, c.fault = c.body.pass(rest)
		} else {
			n, c.fault = c.passHead(rest)
		}
		rest = rest[n:]
	}
	return len(data) - len(rest)
}

// passHead takes as much of rest as belongs to a head. Where a head is bad its end is not taken.
func (c *Conn) passHead(rest []byte) (n int, fault *Fault) {
	n, complete := headEnd(c.partial(), rest)
	if len(c.partial())+n > c.listener.limits.HeadBytes {
		return 0, faultBytes
	}
	if !complete {
		c.keep(rest)
		return n, nil
	}
	head := rest[:n]
	if c.head != nil {
		c.keep(head)
		head = *c.head
	}
	framing, err := Check(head, c.listener.limits.Fields)
	c.release()
	if err != nil {
		return 0, err.(*Fault)
	}
	c.body.begin(framing)
	return n, nil
}

// headEnd returns how many bytes of rest belong to the head that began with partial, and whether it ends there: with the
// first line that is empty when bare line feeds count, as the kindest server would see it.
func headEnd(partial, rest []byte) (n int, complete bool) {
	lineBytes, seenLine := 0, false // of the line that rest continues; whether a line that is not empty came before it
	if len(partial) > 0 {
		lineBytes = len(partial) - 1 - bytes.LastIndexByte(partial, '\n')
		seenLine = bytes.Trim(partial[:len(partial)-lineBytes], "\r\n") != nil
	}
	for {
		end := bytes.IndexByte(rest[n:], '\n')
		if end < 0 {
			return len(rest), false
		}
		lineBytes += end
		n += end + 1
		isEmpty := lineBytes == 0 || lineBytes == 1 && lastOf(partial, rest[:n-1]) == '\r'
		if isEmpty && seenLine {
			return n, true
		}
		seenLine = seenLine || !isEmpty
		lineBytes = 0
	}
}
