package guard

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
)

// Limits bound a request's head.
type Limits struct {
	HeadBytes int // request line and header lines
	Fields    int // header lines
}

// Listener puts a Conn around every connection of another listener.
type Listener struct {
	net.Listener
	limits Limits
	heads  sync.Pool // of *[]byte, for heads that come in pieces
}

// NewListener returns a listener whose connections let only requests through that can be read in one way.
func NewListener(ln net.Listener, limits Limits) *Listener {
	return &Listener{Listener: ln, limits: limits}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: inner, listener: l}
	if secure, ok := inner.(handshaker); ok {
		return &secureConn{Conn: c, handshaker: secure}, nil
	}
	return c, nil
}

// handshaker is what fasthttp knows a TLS connection by.
type handshaker interface {
	Handshake() error
	ConnectionState() tls.ConnectionState
}

// secureConn is a Conn around a TLS connection.
type secureConn struct {
	*Conn
	handshaker
}

// Inner returns the connection that a Listener of this package put its own around, or c itself if it is none of these.
func Inner(c net.Conn) net.Conn {
	switch c := c.(type) {
	case *Conn:
		return c.Conn
	case *secureConn:
		return c.Conn.Conn
	}
	return c
}

// Between reports whether c, as a Listener of this package has made it, stands between two requests: none has begun that
// has not been given away whole. It may not be called during Read.
func Between(c net.Conn) bool {
	if secure, ok := c.(*secureConn); ok {
		c = secure.Conn
	}
	own, ok := c.(*Conn)
	return ok && own.pieces == nil && !own.body.isOpen()
}

// HeadOf returns the head of the request that c, as a Listener of this package has made it, was read for last, where it
// came without the whole of its body; else nil. It is good until the next Read.
func HeadOf(c net.Conn) []byte {
	if secure, ok := c.(*secureConn); ok {
		c = secure.Conn
	}
	if own, ok := c.(*Conn); ok && own.head != nil {
		return *own.head
	}
	return nil
}

// Conn reads requests along with the server behind it. It follows the stream from head to body to the next head, and
// gives the last byte of a head away only after Check has seen the whole; a *Fault takes its place. Bodies pass
// unchanged. Nothing is copied unless a head comes in pieces or ahead of its body, and nothing is held between requests.
//
// As with any connection, one goroutine at a time may call Read.
type Conn struct {
	net.Conn
	listener  *Listener
	pieces    *[]byte // of a head that has not come in whole
	lineBytes int     // how many of them are of a line without its end
	head      *[]byte // whole, for HeadOf
	body      body
	fault     *Fault
}

// Read implements net.Conn. After a *Fault it returns nothing else.
func (c *Conn) Read(p []byte) (int, error) {
	if c.fault != nil {
		return 0, c.fault
	}
	if !c.body.isOpen() {
		c.giveBack(&c.head)
	}
	n, err := c.Conn.Read(p)
	good := c.follow(p[:n])
	if c.fault != nil || err != nil {
		c.release()
	}
	if c.fault == nil {
		return n, err
	}
	if good == 0 {
		return 0, c.fault
	}
	return good, nil
}

// follow reads data as the server will, and returns how much of it may be given away. Of a bad head all but its end is:
// a server answers a request that has begun, and only closes the connection if none has.
func (c *Conn) follow(data []byte) (good int) {
	for good < len(data) && c.fault == nil {
		var n int
		if c.body.isOpen() {
			n, c.fault = c.body.pass(data[good:])
		} else {
			n, c.fault = c.passHead(data[good:])
		}
		good += n
	}
	return good
}

// passHead takes as much of data as belongs to the head.
func (c *Conn) passHead(data []byte) (n int, fault *Fault) {
	c.giveBack(&c.head)
	n, complete, fault := c.headEnd(data)
	if room := c.listener.limits.HeadBytes - len(c.partial()); n > room {
		return room, faultBytes
	}
	if fault != nil {
		return n, fault
	}
	if !complete {
		c.keep(data[:n])
		return n, nil
	}
	head := data[:n]
	if c.pieces != nil {
		c.keep(head)
		head = *c.pieces
	}
	framing, fault := check(head, c.listener.limits.Fields)
	if fault == nil && (framing.Chunked || framing.Length > int64(len(data)-n)) {
		if c.pieces == nil {
			c.keep(head)
		}
		c.head, c.pieces = c.pieces, nil
	}
	c.release()
	if fault != nil {
		return n - 1, fault
	}
	c.body = bodyOf(framing)
	return n, nil
}

// headEnd returns how many bytes of data belong to the head whose pieces are kept, and whether it ends there: with the
// first empty line that follows another line. At a bare line feed, which the server might take for that, it stops before.
func (c *Conn) headEnd(data []byte) (n int, complete bool, fault *Fault) {
	partial := c.partial()
	seenLine := len(partial)-c.lineBytes > len("\r\n") // more than the one empty line that may come first
	for {
		i := bytes.IndexByte(data[n:], '\n')
		if i < 0 {
			c.lineBytes += len(data) - n
			return len(data), false, nil
		}
		end := n + i
		if end > 0 && data[end-1] != '\r' || end == 0 && !bytes.HasSuffix(partial, []byte("\r")) {
			return end, false, faultLineEnd
		}
		isEmpty := c.lineBytes+i == len("\r")
		n, c.lineBytes = end+1, 0
		if isEmpty && seenLine {
			return n, true, nil
		}
		seenLine = !isEmpty || len(partial)+n > len("\r\n")
	}
}

// partial returns the pieces of the head that are kept.
func (c *Conn) partial() []byte {
	if c.pieces == nil {
		return nil
	}
	return *c.pieces
}

// keep adds a piece. It has been bounded before.
func (c *Conn) keep(piece []byte) {
	if c.pieces == nil {
		pooled, ok := c.listener.heads.Get().(*[]byte)
		if !ok {
			pooled = new([]byte)
		}
		*pooled = (*pooled)[:0]
		c.pieces = pooled
	}
	*c.pieces = append(*c.pieces, piece...)
}

// release gives the pieces back.
func (c *Conn) release() {
	c.giveBack(&c.pieces)
	c.lineBytes = 0
}

// giveBack puts what is kept of a head into the pool.
func (c *Conn) giveBack(kept **[]byte) {
	if *kept != nil {
		c.listener.heads.Put(*kept)
		*kept = nil
	}
}
