package collector

import (
	"context"
	"sync/atomic"
	"time"
)

// windowsPerTimeout is how finely deadlines are shared: each is late by at most this part of the timeout.
const windowsPerTimeout = 8

// deadlines makes the contexts that bound how long a batch waits for the log. The request's own has no deadline and ends
// only with the server, and one for each request would cost a timer and its channel. So all requests that begin within
// an eighth of the timeout share one, which ends after the timeout of the last of them.
type deadlines struct {
	timeout time.Duration
	current atomic.Pointer[window]
}

// window is a context and until when it is given out.
type window struct {
	context.Context
	cancel context.CancelFunc
	until  time.Time
}

// from returns a context that ends between timeout and 9/8 of it after now.
func (d *deadlines) from(now time.Time) context.Context {
	w := d.current.Load()
	if w != nil && now.Before(w.until) {
		return w
	}
	length := d.timeout / windowsPerTimeout
	next := &window{until: now.Add(length)}
	next.Context, next.cancel = context.WithDeadline(context.Background(), now.Add(d.timeout+length))
	if !d.current.CompareAndSwap(w, next) {
		next.cancel()
		return d.current.Load()
	}
	return next
}

// stop frees the timer of the last window. Those before it end by themselves.
func (d *deadlines) stop() {
	if w := d.current.Load(); w != nil {
		w.cancel()
	}
}
