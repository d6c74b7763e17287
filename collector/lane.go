package collector

import (
	"bytes"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
	"heed/schemas"
)

// lane is the short way of a batch that comes whole: head and body fit into the server's buffer. The server would read
// the head three times (the guard, fasthttp, linesOf) and copy all of it; here one pass does, and almost every request is
// of this kind.
//
// It takes only what it knows: a POST to a batch endpoint of a known site, that route would let through, in HTTP/1.1 with
// a length, and without lines that change how the connection goes on. All else it leaves to the server as it came,
// refusals too. What it takes is handled by the same functions as what the server reads; TestLaneAnswersAsTheServer
// compares the two.
//
// Lanes are pooled: nothing in one outlives the request. While one answers, the server believes the connection to rest.
type lane struct {
	ctx    fasthttp.RequestCtx // for a visit: its request has the body, and those lines alone that carry names
	head   guard.Head
	visit  visit
	answer []byte

	agent, host, cookie     []byte
	forwarded, forwardedFor []byte
}

// What a lane does with a connection.
const (
	idle int32 = iota
	answering
	closing // and the server has closed it meanwhile
)

// expedite answers the batches that p[:n] begins with. It returns how many bytes it leaves to the server, which it has
// moved to the beginning of p. An error ends the connection.
func (c *Collector) expedite(own *conn, p []byte, n int) (left int, err error) {
	own.busy.Store(answering)
	l := c.lanes.Get().(*lane)
	begin := 0
	for begin < n && err == nil && !c.stopping.Load() {
		size := c.readHead(l, p[begin:n])
		if size == 0 || begin+size > len(p) {
			break
		}
		if begin+size > n {
			if n = own.await(p, n, begin+size); begin+size > n {
				break
			}
		}
		err = c.answerIn(l, own, p[begin+l.head.Bytes:begin+size])
		begin += size
	}
	if err == nil { // else nobody knows who still looks at the lane
		l.forget()
		c.lanes.Put(l)
	}
	if own.busy.Swap(idle) == closing {
		_ = own.end()
		err = net.ErrClosed
	}
	if err != nil {
		return 0, err
	}
	if begin == n {
		return 0, own.SetReadDeadline(time.Now().Add(min(restLater, c.cfg.Limits.IdleTimeout)))
	}
	own.resting = false
	return copy(p, p[begin:n]), nil
}

// readHead reads the head of a request, and returns how long it is with its body. 0 leaves it to the server.
func (c *Collector) readHead(l *lane, data []byte) int {
	t := &l.visit.target
	*t = target{}
	l.agent, l.host, l.cookie, l.forwarded, l.forwardedFor = nil, nil, nil, nil, nil
	if !l.head.Read(data, c.headLimits()) || l.head.Framing.Chunked || string(l.head.Method) != fasthttp.MethodPost {
		return 0
	}
	if c.find(t, l.head.Method, l.head.Target) != nil || t.to != toBatch || !l.readLines() || c.admit(t, false) != nil {
		return 0
	}
	if l.head.Framing.Length > schemas.MaxBatchBytes {
		return 0
	}
	return l.head.Bytes + int(l.head.Framing.Length)
}

// readLines looks at the header lines. It reports false where one changes how the connection goes on, or where one stands
// twice of which the server would not take the first.
func (l *lane) readLines() bool {
	var room nameRoom
	ok := true
	for i := range l.head.Fields {
		name, value := room.lower(l.head.Fields[i].Name), l.head.Fields[i].Value
		switch string(name) {
		case "host":
			l.host = value // the guard takes one only
		case "content-type":
			ok = once(&l.visit.lines.media, value)
		case "user-agent":
			ok = once(&l.agent, value)
		case "cookie":
			ok = once(&l.cookie, value)
		case "x-forwarded-for":
			ok = once(&l.forwardedFor, value)
		case "forwarded":
			ok = once(&l.forwarded, value)
		case "connection":
			ok = bytes.EqualFold(value, keepAlive)
		case "expect", "trailer", "upgrade", shedMarkLower:
			return false
		default:
			l.visit.lines.take(name, value)
		}
		if !ok {
			return false
		}
	}
	l.visit.lines.client.UserAgent = text(l.agent)
	return true
}

// once sets a field unless it was set before, be it to nothing.
func once(field *[]byte, value []byte) bool {
	if *field != nil {
		return false
	}
	*field = value
	return true
}

// answerIn handles a batch and writes the answer. An error ends the connection.
func (c *Collector) answerIn(l *lane, own *conn, body []byte) error {
	l.fill(own, body)
	l.visit.recall = own.recall()
	c.handleIn(l)
	if c.stopping.Load() {
		l.ctx.SetConnectionClose()
	}
	l.ctx.Response.Header.SetContentLength(len(l.ctx.Response.Body()))
	l.answer = append(l.ctx.Response.Header.AppendBytes(l.answer[:0]), l.ctx.Response.Body()...)
	err := own.SetWriteDeadline(time.Now().Add(c.cfg.Limits.WriteTimeout))
	if err == nil {
		_, err = own.Conn.Write(l.answer)
	}
	if err == nil && l.ctx.Response.ConnectionClose() {
		return io.EOF
	}
	return err
}

// handleIn is the root of a request in a lane.
func (c *Collector) handleIn(l *lane) {
	defer c.finish(&l.ctx)
	c.begin(&l.visit, &l.ctx)
	c.takeBatch(&l.visit)
	c.forget(&l.visit)
}

// fill makes the request that the handler sees. A line that a visit asks for by its name has to stand here.
func (l *lane) fill(own *conn, body []byte) {
	l.ctx.Init2(own.outer, nil, false)
	l.ctx.Response.Reset()
	l.ctx.Response.Header.SetNoDefaultContentType(true)
	l.ctx.Request.SetBodyRaw(body)
	h := &l.ctx.Request.Header
	h.Reset()
	h.SetMethodBytes(l.head.Method)
	h.SetHostBytes(l.host)
	for _, line := range [...]struct{ name, value []byte }{
		{keyCookie, l.cookie}, {keyForwardedFor, l.forwardedFor}, {keyForwarded, l.forwarded},
	} {
		if line.value != nil {
			h.SetCanonical(line.name, line.value)
		}
	}
}

// forget drops what the lane views.
func (l *lane) forget() {
	l.head.Forget()
	l.ctx.Request.ResetBody()
	l.visit.target = target{}
	l.agent, l.host, l.cookie, l.forwarded, l.forwardedFor = nil, nil, nil, nil, nil
}

// The names of lines, in the form that needs no further work.
var (
	keyCookie       = []byte(fasthttp.HeaderCookie)
	keyForwardedFor = []byte(fasthttp.HeaderXForwardedFor)
	keyForwarded    = []byte(fasthttp.HeaderForwarded)
	keepAlive       = []byte("keep-alive")
)

// await reads the rest of a request of which p[:n] has come, until there are size bytes, and returns how many there are.
// If they are fewer the next Read says why.
func (c *conn) await(p []byte, n, size int) int {
	if c.broken = c.SetReadDeadline(time.Now().Add(c.c.cfg.Limits.ReadTimeout)); c.broken != nil {
		return n
	}
	for n < size {
		more, err := c.receive(p[n:])
		n += more
		if err != nil {
			c.broken = err
			break
		}
	}
	return n
}
