package collector

import (
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"heed/pipeline/wal"
)

// When the collector begins to shed load: while either holds, ordinary batches are refused by their request line, images
// are answered without counting, and urgent batches are taken until the log itself refuses them.
const (
	shedFill    = 0.9         // of the log's bound
	shedWaiting = time.Second // the oldest event's wait for the disk
)

// maxFollowing is how many ordinary events an urgent batch may bring under load, behind the choice that permits them.
const maxFollowing = 10

// shedEvery is how old the answer to "is there too much?" may be.
const shedEvery = 50 * time.Millisecond

// Gauge is what a Log may also tell: how full it is and how long events wait. Without it load is shed only when Append
// fails.
type Gauge interface {
	Size() (bytes, limit int64)
	Waiting() time.Duration
}

var _ Gauge = (*wal.Log)(nil)

// shedder decides whether there is too much load. It looks at the log at most every shedEvery, so that refusing costs
// next to nothing when it matters.
type shedder struct {
	log   Gauge // may be nil
	start time.Time
	next  atomic.Int64 // time since start from which to look again
	on    atomic.Bool
}

func newShedder(log Log) *shedder {
	gauge, _ := log.(Gauge)
	return &shedder{log: gauge, start: time.Now()}
}

// isOn reports whether load is being shed.
func (s *shedder) isOn() bool {
	if s.log == nil {
		return false
	}
	now, next := int64(time.Since(s.start)), s.next.Load()
	if now >= next && s.next.CompareAndSwap(next, now+int64(shedEvery)) {
		bytes, limit := s.log.Size()
		s.on.Store(float64(bytes) > shedFill*float64(limit) || s.log.Waiting() > shedWaiting)
	}
	return s.on.Load()
}

// shedMark is a header that is never sent: it carries a refusal from the moment before the body is read, when the body
// was made to look absent, to the handler, which might find the load gone. What a client sends under this name is dropped
// by headerReceived, which runs behind listeners of our own alone.
const shedMark = "Heed-Shed"

// isMarkedShed reports whether a batch was refused before its body was read.
func isMarkedShed(ctx *fasthttp.RequestCtx) bool {
	return ours(ctx) != nil && len(ctx.Request.Header.Peek(shedMark)) > 0
}
