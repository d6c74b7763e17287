package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// load is what the generator sends over its connections for a time, each connection one request after the other.
type load struct {
	target
	connections int
	events      int     // per request
	rate        float64 // requests a second, all connections together; 0: as fast as the answers come
	duration    time.Duration
	seed        uint64
	acked       func([]uuid.UUID) // told of the events of each 2xx, by any connection; may be nil
	latency     *histogram        // filled; nil for one of the load's own
	refused     *atomic.Int64     // counts 429 and 503, after which the request is sent again; nil: they are errors
}

// outcome is what came back.
type outcome struct {
	requests int64
	elapsed  time.Duration
	latency  *histogram
}

// perSecond is how many events a second went through.
func (o outcome) perSecond(events int) float64 {
	return float64(o.requests) * float64(events) / o.elapsed.Seconds()
}

// send sends the load and waits for every answer. Any answer other than an empty 2xx, or an image, is an error.
func (l load) send(ctx context.Context) (outcome, error) {
	if l.latency == nil {
		l.latency = &histogram{}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var requests atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for i := range l.connections {
		wg.Go(func() {
			n, err := l.connection(ctx, start, i)
			requests.Add(n)
			if err != nil {
				stop(err) // the first one is the cause
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return outcome{}, fmt.Errorf("send load: %w", err)
	}
	return outcome{requests: requests.Load(), elapsed: time.Since(start), latency: l.latency}, nil
}

// connection sends one connection's share and returns how many requests that was. At a rate, the moment of each
// request is fixed beforehand and its time is counted from then, whether or not the answer before it was late: a slow
// server cannot hide by being asked less.
func (l load) connection(ctx context.Context, start time.Time, index int) (n int64, err error) {
	c, err := dial(l.address, "")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	m := newMaker(l.target, l.events, l.seed, uint64(index))
	for ctx.Err() == nil {
		m.next()
		begin := time.Now()
		if l.rate > 0 {
			turn := float64(index) + float64(n)*float64(l.connections)
			begin = start.Add(time.Duration(turn / l.rate * float64(time.Second)))
		}
		if begin.Sub(start) >= l.duration {
			break
		}
		sleepUntil(begin)
		if err := l.deliver(ctx, c, m); err != nil {
			return n, err
		}
		l.latency.add(time.Since(begin))
		if l.acked != nil {
			l.acked(m.ids)
		}
		n++
	}
	return n, nil
}

// deliver sends the maker's request, again while it is refused and that is no error.
func (l load) deliver(ctx context.Context, c *client, m *maker) error {
	err := c.exchange(m.raw)
	for ; errors.Is(err, errRefused) && l.refused != nil && ctx.Err() == nil; err = c.exchange(m.again()) {
		l.refused.Add(1)
		sleepUntil(time.Now().Add(retryAfter))
		c.Close() // a refusal may have ended the connection
		fresh, err := dial(l.address, "")
		if err != nil {
			return err
		}
		*c = *fresh
	}
	return err
}

// sleepUntil sleeps in the kernel, to 0.1 ms: Go's timers may be a whole millisecond late in a process that is idle.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		pause := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&pause, nil) // interrupted early, it sleeps again
	}
}

// client is a keep-alive connection that knows just enough of HTTP.
type client struct {
	net.Conn
	reader *bufio.Reader
}

// dial connects from the source address, or any when it is empty.
func dial(address, source string) (*client, error) {
	var d net.Dialer
	if source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &client{Conn: conn, reader: bufio.NewReaderSize(conn, 1024)}, nil
}

var (
	statusStart  = []byte("HTTP/1.1 2")
	lengthHeader = []byte("Content-Length:")
	imageStart   = []byte("GIF8")
)

// errRefused is an answer that asks to send the same again later.
var errRefused = errors.New("refused")

// retryAfter is how long a refused request waits.
const retryAfter = time.Second

// exchange sends a request and reads its answer, which must be an empty 2xx or an image.
func (c *client) exchange(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	status, err := c.reader.ReadBytes('\n')
	if err != nil {
		return err
	}
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if len(line) > len(lengthHeader) && bytes.EqualFold(line[:len(lengthHeader)], lengthHeader) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthHeader):]))); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
		}
	}
	body, err := c.reader.Peek(min(length, c.reader.Size()))
	if err != nil {
		return err
	}
	if bytes.Contains(status, []byte(" 503 ")) || bytes.Contains(status, []byte(" 429 ")) {
		return fmt.Errorf("%w: %s %s", errRefused, bytes.TrimSpace(status), body)
	}
	if !bytes.HasPrefix(status, statusStart) || length > 0 && !bytes.HasPrefix(body, imageStart) {
		return fmt.Errorf("want an empty 2xx or an image, got %s %s", bytes.TrimSpace(status), body)
	}
	if _, err := c.reader.Discard(length); err != nil {
		return errors.Join(errors.New("read body"), err)
	}
	return nil
}
