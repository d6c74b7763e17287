package collector

import (
	"bytes"
	"io"
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
// Lanes are pooled, and given back while the disk is waited for: under load most requests wait, and if each held a lane
// none would still be in a processor's cache when its turn comes. Nothing in one outlives the request. While one is
// answered, the server believes the connection to rest.
type lane struct {
	ctx   fasthttp.RequestCtx // for a visit: its request has the body, and those lines alone that carry names
	head  guard.Head
	visit visit

	agent, host, cookie     []byte
	forwarded, forwardedFor []byte
}

// expedite answers the batches that p[:n] begins with. It moves what is left to the beginning of p and returns how many
// bytes that are, and how many there will be of a batch that has not come whole; 0 leaves them to the server. An error
// ends the connection.
func (c *Collector) expedite(own *conn, p []byte, n int) (left, whole int, err error) {
	begin := 0
	for begin < n && err == nil && !c.stopping.Load() {
		l := c.lanes.Get().(*lane)
		size := c.readHead(l, p[begin:n])
		if size == 0 || size > n-begin {
			c.giveBack(l)
			if size <= len(p) {
				whole = size
			}
			break
		}
		err = c.answerIn(l, own, p[begin:begin+size])
		begin += size
	}
	return copy(p, p[begin:n]), whole, err
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
		case "expect", "trailer", "upgrade":
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

// answerIn handles a batch, whose head l has read, and writes the answer. It gives the lane back. An error ends the
// connection.
func (c *Collector) answerIn(l *lane, own *conn, request []byte) error {
	l.fill(own, request[l.head.Bytes:])
	l.visit.recall = own.recall()
	h, accepted := c.handleIn(l)
	answer := c.answers.Get().(*[]byte)
	defer c.answers.Put(answer)
	ends := c.finishIn(l, answer)
	if accepted {
		if err := c.conclude(h); err != nil {
			ends = c.refuseIn(own, request, answer, err)
		} else {
			c.metrics.accept(h)
		}
	}
	if !ends && c.stopping.Load() { // since it was put together
		*answer, ends = bytes.Replace(*answer, lineEnd, closeLine, 1), true
	}
	err := own.SetWriteDeadline(time.Now().Add(c.cfg.Limits.WriteTimeout))
	if err == nil {
		_, err = own.Conn.Write(*answer)
	}
	if err == nil && ends {
		return io.EOF
	}
	return err
}

// handleIn is the root of a request in a lane. What it answers is true once the rest of the batch has been concluded, and
// only then; accepted reports that there is such a rest.
func (c *Collector) handleIn(l *lane) (h handed, accepted bool) {
	defer c.finish(&l.ctx)
	c.begin(&l.visit, &l.ctx)
	if h, accepted = c.takeBatch(&l.visit); accepted {
		c.accept(&l.visit)
	}
	c.forget(&l.visit)
	return h, accepted
}

// finishIn puts the answer into answer and gives the lane back. It reports whether the connection ends.
func (c *Collector) finishIn(l *lane, answer *[]byte) (ends bool) {
	h := &l.ctx.Response.Header
	h.SetContentLength(len(l.ctx.Response.Body()))
	*answer = append(h.AppendBytes((*answer)[:0]), l.ctx.Response.Body()...)
	if ends = h.ConnectionClose(); !ends { // else, after a panic, nobody knows who still looks at the lane
		c.giveBack(l)
	}
	return ends
}

// refuseIn answers anew, with an error of the log.
func (c *Collector) refuseIn(own *conn, request []byte, answer *[]byte, err error) (ends bool) {
	l := c.lanes.Get().(*lane)
	c.readHead(l, request) // all but the target: under load it is not let through a second time
	l.fill(own, nil)
	c.refuse(&l.ctx, l.visit.target, logError(err))
	return c.finishIn(l, answer)
}

// giveBack drops what the lane views, and puts it back.
func (c *Collector) giveBack(l *lane) {
	l.head.Forget()
	l.ctx.Request.ResetBody()
	l.visit.target = target{}
	l.agent, l.host, l.cookie, l.forwarded, l.forwardedFor = nil, nil, nil, nil, nil
	c.lanes.Put(l)
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

// The names of lines, in the form that needs no further work.
var (
	keyCookie       = []byte(fasthttp.HeaderCookie)
	keyForwardedFor = []byte(fasthttp.HeaderXForwardedFor)
	keyForwarded    = []byte(fasthttp.HeaderForwarded)
	keepAlive       = []byte("keep-alive")
	lineEnd         = []byte("\r\n")
	closeLine       = []byte("\r\nConnection: close\r\n")
)
