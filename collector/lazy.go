package collector

import (
	"errors"
	"net"
	"os"
	"time"
)

// lazy is one deadline of a connection. fasthttp sets three for each request, each later than the one of its kind before,
// and each set costs a timer of the runtime. So a later one is only noted: when the earlier one strikes, whoever was
// reading or writing finds that it was not meant, and sets the one that is. An earlier one is set at once.
type lazy struct {
	set   func(time.Time) error
	armed time.Time // what the connection knows; zero is none
	meant time.Time
}

// mean notes t as the deadline.
func (l *lazy) mean(t time.Time) error {
	l.meant = t
	if !t.IsZero() && !l.armed.IsZero() && !t.Before(l.armed) {
		return nil
	}
	l.armed = t
	return l.set(t)
}

// early reports whether err is a deadline that was not meant. Then the one that is has been set.
func (l *lazy) early(err error) bool {
	if err == nil || l.meant.Equal(l.armed) || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	l.armed = l.meant
	return l.set(l.meant) == nil
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.isSocket() {
		return c.Conn.SetReadDeadline(t)
	}
	return c.reading.mean(t)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.isSocket() {
		return c.Conn.SetWriteDeadline(t)
	}
	return c.writing.mean(t)
}

// isSocket reports whether reading and writing go on where a deadline has cut them. With TLS they do not.
func (c *conn) isSocket() bool { return c.waiter != nil }

// Write implements net.Conn.
func (c *conn) Write(p []byte) (written int, err error) {
	for {
		n, err := c.Conn.Write(p[written:])
		written += n
		if !c.writing.early(err) {
			return written, err
		}
	}
}

var _ net.Conn = (*conn)(nil)
