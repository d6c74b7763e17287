package collector

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
)

// What is still taken from a client that was refused before its body was read.
const (
	lingerBytes = 256 << 10
	lingerTime  = time.Second
)

// How long accepting pauses after an error that passes, such as too many open files: twice as long each time.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// freeBytes is what one request may bring without being charged: most need less, and then never touch what all
// connections share.
const freeBytes = 8 << 10

// errBodies is what reading meets while too many bytes of requests are in memory.
var errBodies = errors.New("too many bytes of unfinished requests are in memory")

// boundListener hands out at most limit connections at once, over all listeners of a collector. For one beyond, the one
// that has been parked the longest ends: whoever holds many and says nothing keeps nobody out. Where none is parked it is
// answered at once and closed: a client that waits in a queue it cannot see would rather try again.
type boundListener struct {
	net.Listener
	c    *Collector
	busy []byte // the whole answer to one too many
}

// bound puts the limits of connections, and closing gently, onto ln.
func (c *Collector) bound(ln net.Listener) net.Listener {
	body, err := json.Marshal(errBusy)
	if err != nil {
		panic(err)
	}
	return introducer{guard.NewListener(&boundListener{
		Listener: ln,
		c:        c,
		busy: fmt.Appendf(nil, "HTTP/1.1 %d Service Unavailable\r\nConnection: close\r\nRetry-After: %s\r\n"+
			"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status(errBusy.Code), retrySoonSeconds, jsonType, len(body), body),
	}, c.headLimits())}
}

// headLimits bound a request's head.
func (c *Collector) headLimits() guard.Limits {
	return guard.Limits{HeadBytes: c.cfg.Limits.HeaderBytes, Fields: maxHeaderLines}
}

// introducer tells each connection what the server knows it by.
type introducer struct{ net.Listener }

// Accept implements net.Listener.
func (l introducer) Accept() (net.Conn, error) {
	outer, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	ownOf(outer).outer = outer
	return outer, nil
}

// Accept implements net.Listener. Errors that pass by themselves are waited out, since fasthttp would end the server.
func (l *boundListener) Accept() (net.Conn, error) {
	for pause := minAcceptPause; ; {
		inner, err := l.Listener.Accept()
		switch {
		case err != nil && passes(err):
			l.c.metrics.acceptErrors.Inc()
			if l.c.warnings.accept.due() {
				l.c.logger.Warn("connections cannot be accepted, trying again", "err", err)
			}
			time.Sleep(pause)
			pause = min(2*pause, maxAcceptPause)
		case err != nil:
			return nil, err
		case l.c.open.Add(1) <= int64(l.c.cfg.Limits.Connections) || l.c.lot.endOldest(0):
			return newConn(inner, l.c), nil
		default:
			l.c.open.Add(-1)
			l.c.metrics.refuse(errBusy.Code)
			l.turnAway(inner)
			pause = minAcceptPause
		}
	}
}

// turnAway says why, where that cannot block: the answer fits into the empty buffer of a new socket, but through TLS or a
// PROXY header it would wait for the client. It closes without gentleness, since whoever accepts must not wait either.
func (l *boundListener) turnAway(inner net.Conn) {
	switch inner.(type) {
	case *net.TCPConn, *net.UnixConn:
		_, _ = inner.Write(l.busy)
	}
	_ = inner.Close()
}

// passes reports whether accepting may work again without anybody's help.
func passes(err error) bool {
	for _, passing := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// conn charges what it reads to a budget that all connections share, and closes gently when told to. A socket that is
// closed with unread bytes sends a reset, which may overtake the answer and destroy it in the client's buffer: a browser
// that sends a long body would see a network error instead of 413. So the sending half is closed first, and what still
// comes is read, within bounds, and thrown away.
//
// Between two requests it rests, and looks at what comes before the server does: batches that come whole are answered
// here (lane.go). The server's idle timeout is the short one after which it is parked (lot.go).
type conn struct {
	net.Conn
	c       *Collector
	outer   net.Conn        // this one, as the server knows it
	raw     syscall.RawConn // of a plain socket that can be read directly; else nil
	parks   bool
	resting bool         // nothing has been read since the last request was handled; the server's goroutine alone asks
	rested  atomic.Bool  // nothing came for the time of rest: Close parks
	ended   atomic.Bool  // closed
	linger  atomic.Bool  // close gently
	busy    atomic.Int32 // with a batch (watch.go), which the server takes for rest
	charged atomic.Int64 // bytes read since the last settle
	readBy  time.Time    // the deadline of reading that the server wants
	armed   time.Time    // that of the socket, never later
	broken  error        // what the next Read returns
	writeBy time.Time    // the deadline of writing that was set last
	memory  *recall      // nil at rest, and before the lane was used
	place                // in the lot, whose lock guards it
}

// secureConn shows fasthttp that there is TLS.
type secureConn struct {
	*conn
	handshaker
}

type handshaker interface {
	Handshake() error
	ConnectionState() tls.ConnectionState
}

func newConn(inner net.Conn, owner *Collector) net.Conn {
	c := &conn{Conn: inner, c: owner}
	if canPark(inner) {
		c.raw = rawSocket(inner.(syscall.Conn))
		c.parks = c.raw != nil
	}
	if secure, ok := inner.(handshaker); ok {
		return secureConn{c, secure}
	}
	return c
}

// Read implements net.Conn. What ends a connection at rest ends it without a word: no request has begun.
func (c *conn) Read(p []byte) (int, error) {
	if !c.resting || !guard.Between(c.outer) {
		return c.receive(p)
	}
	return c.c.watch(c, p)
}

// rest notes that nothing has come.
func (c *conn) rest(err error) error {
	if errors.Is(err, errBodies) {
		return err
	}
	c.rested.Store(c.parks && errors.Is(err, os.ErrDeadlineExceeded))
	c.armed = time.Time{}
	if c.memory != nil {
		c.memory.forget()
		c.c.recalls.Put(c.memory)
		c.memory = nil
	}
	return io.EOF
}

// recall returns what the connection remembers.
func (c *conn) recall() *recall {
	if c.memory == nil {
		c.memory = c.c.recalls.Get().(*recall)
	}
	return c.memory
}

// receive reads from the socket, until readBy, and charges what it has read.
func (c *conn) receive(p []byte) (n int, err error) {
	if c.broken != nil {
		return 0, c.broken
	}
	n, err = c.Conn.Read(p)
	for n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.readBy) {
		if err = c.arm(c.readBy); err != nil {
			return 0, err
		}
		n, err = c.Conn.Read(p)
	}
	if c.charge(n) != nil {
		return 0, errBodies // and not what was read: with bytes in hand fasthttp would pass over the error
	}
	return n, err
}

// charge notes how much has been read.
func (c *conn) charge(n int) error {
	after := c.charged.Add(int64(n))
	before := max(after-int64(n), freeBytes)
	if after > before && c.c.bodies.Add(after-before) > c.c.cfg.Limits.BodyBytes {
		return errBodies
	}
	return nil
}

// SetReadDeadline implements net.Conn. Setting the socket's deadline costs more than reading from it, and the server sets
// two for each request. So one that comes too early is left as it is, and put right if it comes. A connection that cannot
// be parked rests where it is, for the whole idle timeout.
func (c *conn) SetReadDeadline(t time.Time) error {
	if c.resting && !c.parks && guard.Between(c.outer) {
		t = t.Add(c.c.lot.idle)
	}
	c.readBy = t
	if !c.armed.IsZero() && !t.IsZero() && !c.armed.After(t) {
		return nil
	}
	return c.arm(t)
}

func (c *conn) arm(t time.Time) error {
	c.armed = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn. A write may take up to twice as long as it should: setting a deadline costs more
// than most answers, and this way one does for many.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !t.After(c.writeBy) {
		return nil
	}
	c.writeBy = t.Add(c.c.cfg.Limits.WriteTimeout)
	return c.Conn.SetWriteDeadline(c.writeBy)
}

// settle gives back what was charged, when a request has been handled.
func (c *conn) settle() {
	c.resting = true
	c.refund()
}

func (c *conn) refund() {
	if was := c.charged.Swap(0); was > freeBytes {
		c.c.bodies.Add(freeBytes - was)
	}
}

// Close implements net.Conn. While the lane answers only a server that shuts down can call it, and the answer goes first.
func (c *conn) Close() error {
	if c.busy.CompareAndSwap(answering, closing) {
		return nil
	}
	if c.rested.Swap(false) && c.c.lot.park(c) {
		return nil
	}
	return c.end()
}

// end closes for good.
func (c *conn) end() error {
	if c.ended.Swap(true) {
		return nil
	}
	defer c.c.open.Add(-1)
	c.refund()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.linger.Swap(false) && half.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}

// ours returns the connection that Serve has made of the client's, or nil behind a listener of somebody else's.
func ours(ctx *fasthttp.RequestCtx) *conn { return ownOf(ctx.Conn()) }

func ownOf(outer net.Conn) *conn {
	switch c := guard.Inner(outer).(type) {
	case *conn:
		return c
	case secureConn:
		return c.conn
	}
	return nil
}

// lingerThenClose ends the connection behind the answer, gently where the listener is ours.
func lingerThenClose(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if c := ours(ctx); c != nil {
		c.linger.Store(true)
	}
}
