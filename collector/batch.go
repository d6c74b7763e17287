package collector

import (
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"heed/pipeline/enrich"
	"heed/schemas"
)

// pooledBodyBytes is up to which body a visit is used again. The parser keeps room for as many values as it ever saw;
// this keeps one body of brackets from occupying that room for good.
const pooledBodyBytes = 16 << 10

// visit is what is known while a batch or a pixel is handled: who sent it, what is allowed, what is kept. It is pooled;
// nothing of it outlives the request.
type visit struct {
	ctx      *fasthttp.RequestCtx
	received time.Time
	target
	place  enrich.Place
	device enrich.Client
	ruling
	visitor []byte // as stored; empty without a performance grant
	hash    [32]byte
	scratch []byte // for the text of a cookie

	decoder   decoder
	kept      []kept
	envelopes []*schemas.Envelope
}

// serveBatch is the way of a batch: bound and decode, decide, enrich, hand over, answer.
func (c *Collector) serveBatch(ctx *fasthttp.RequestCtx, t target) {
	v := c.newVisit(ctx, t)
	body, batch := ctx.PostBody(), &v.decoder.batch
	if err := v.decoder.decode(body); err != nil {
		c.refuseTarget(ctx, t, err)
		c.release(v, len(body))
		return
	}
	c.decide(v, claim{choice: batch.Choice, gpc: batch.GPC, dnt: batch.DNT, mayGrant: true})
	v.identify(batch.Visitor)
	c.keepEvents(v)
	if err := c.handOver(v); err != nil {
		c.unavailable(ctx, t, err)
	} else {
		c.accept(v)
	}
	c.release(v, len(body))
}

func (c *Collector) newVisit(ctx *fasthttp.RequestCtx, t target) *visit {
	v := c.visits.Get().(*visit)
	v.ctx, v.received, v.target = ctx, c.cfg.Now(), t
	return v
}

// release gives the visit back. A panic skips it, and the visit is then left to the garbage collector.
func (c *Collector) release(v *visit, bodyBytes int) {
	if bodyBytes > pooledBodyBytes {
		return
	}
	v.ctx, v.target, v.place, v.device, v.ruling = nil, target{}, enrich.Place{}, enrich.Client{}, ruling{}
	v.visitor, v.kept, v.envelopes = nil, v.kept[:0], v.envelopes[:0]
	c.visits.Put(v)
}

// handOver makes the kept events durable and enters the batch into the site's ledger.
func (c *Collector) handOver(v *visit) error {
	var err error
	if len(v.envelopes) > 0 {
		start := time.Now()
		_, err = c.log.Append(c.deadlines.from(start), v.envelopes)
		c.metrics.appendSeconds.UpdateDuration(start)
	}
	v.site.ledger.settle(len(v.envelopes), v.decoder.rejected, err == nil)
	if err != nil && c.warnings.due(v.received) {
		c.logger.Warn("events not made durable, clients are told to come back", "err", err)
	}
	return err
}

// quietTime is how long a warning of the same cause is not repeated.
const quietTime = 30 * time.Second

// limiter lets one in each quietTime through.
type limiter struct{ nextMs atomic.Int64 }

func (l *limiter) due(now time.Time) bool {
	next := l.nextMs.Load()
	return now.UnixMilli() >= next && l.nextMs.CompareAndSwap(next, now.Add(quietTime).UnixMilli())
}
