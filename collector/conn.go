package collector

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// What is still taken from a client that was refused before its body was read.
const (
	lingerBytes = 256 << 10
	lingerTime  = time.Second
)

// boundListener hands out at most limit connections at once. What comes beyond is answered at once and closed: a client
// that waits in a queue it cannot see would rather try again.
type boundListener struct {
	net.Listener
	limit  int64
	open   atomic.Int64
	busy   []byte // the whole answer to one too many
	refuse func()
}

// bound puts the limit of connections, and closing gently, onto ln.
func (c *Collector) bound(ln net.Listener) *boundListener {
	body, err := json.Marshal(errBusy)
	if err != nil {
		panic(err)
	}
	return &boundListener{
		Listener: ln,
		limit:    int64(c.cfg.Limits.Connections),
		busy: fmt.Appendf(nil, "HTTP/1.1 %d Service Unavailable\r\nConnection: close\r\nRetry-After: %s\r\n"+
			"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status(errBusy.Code), retrySoonSeconds, jsonType, len(body), body),
		refuse: func() { c.metrics.refuse(errBusy.Code) },
	}
}

// Accept implements net.Listener.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return &conn{Conn: inner, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		l.refuse()
		_, _ = inner.Write(l.busy) // fits into the empty buffer of a new connection: it does not block
		_ = inner.Close()          // not gently: whoever accepts must not wait for one client
	}
}

// conn closes gently when told to. A socket that is closed with unread bytes sends a reset, which may overtake the
// answer and destroy it in the client's buffer: a browser that sends a long body would see a network error instead of
// 413. So the sending half is closed first, and what still comes is read, within bounds, and thrown away.
type conn struct {
	net.Conn
	linger atomic.Bool
	closed func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.closed()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.linger.Swap(false) && half.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}

// lingerThenClose ends the connection behind the answer, gently where the listener is ours.
func lingerThenClose(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if c, ok := ctx.Conn().(*conn); ok {
		c.linger.Store(true)
	}
}
