package collector

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// What is still taken from a client that was refused before its body was read.
const (
	lingerBytes = 256 << 10
	lingerTime  = time.Second
)

// lingeringListener hands out connections that can end without losing the last answer.
type lingeringListener struct{ net.Listener }

func (l lingeringListener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingeringConn{Conn: inner}, nil
}

// lingeringConn closes gently when told to. A socket that is closed with unread bytes sends a reset, which may overtake
// the answer and destroy it in the client's buffer: a browser that sends a long body would see a network error instead
// of 413. So the sending half is closed first, and what still comes is read, within bounds, and thrown away.
type lingeringConn struct {
	net.Conn
	linger atomic.Bool
}

// Close implements net.Conn.
func (c *lingeringConn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.linger.Swap(false) && half.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}

// lingerThenClose ends the connection behind the answer, gently where the server is ours.
func lingerThenClose(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if conn, ok := ctx.Conn().(*lingeringConn); ok {
		conn.linger.Store(true)
	}
}
