package collector

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
	"heed/consent"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

// visit is what is known while a batch or a pixel is handled: who sent it, what is allowed, what is kept. It is pooled;
// nothing of it outlives the request.
type visit struct {
	ctx      *fasthttp.RequestCtx
	received time.Time
	target
	address address // until the place is known and the quota asked
	recall  *recall // of the connection; nil where it has none
	place   enrich.Place
	device  enrich.Client
	testimony
	ruling
	visitor []byte // as stored; empty without a performance grant
	hash    [32]byte
	id      [visitorBytes]byte           // the visitor's own, until it has been hashed
	scratch []byte                       // for the text of a cookie
	room    *[schemas.MaxBatchBytes]byte // what a compressed body was expanded into

	decoder   decoder
	statement *schemas.Envelope // the consent record, if the batch brought one
	kept      []kept
	envelopes []*schemas.Envelope
}

// serveBatch is the way of a batch: bound and decode, decide, enrich, hand over, answer.
func (c *Collector) serveBatch(ctx *fasthttp.RequestCtx, t target) {
	v := c.newVisit(ctx, t)
	if h, ok := c.takeBatch(v); ok {
		if err := c.conclude(h); err != nil {
			c.refuse(ctx, t, logError(err))
		} else {
			c.accept(v)
			c.metrics.accept(h)
		}
	}
	c.release(v) // not deferred: after a panic nobody knows who still looks at the visit
}

// takeBatch hands over what may be kept of a batch. It reports false where it has refused it.
func (c *Collector) takeBatch(v *visit) (h handed, ok bool) {
	ctx, t := v.ctx, v.target
	unread := c.read(v)
	batch := &v.decoder.batch
	if t.site.quota != nil {
		// A batch without events costs as much as one event, since it may bring a consent record; so does what is no batch.
		events := 1
		if unread == nil {
			events = max(1, len(batch.Events)+len(v.decoder.rejected))
		}
		if verdict := t.site.quota.Allow(v.address.Addr, events, time.Now()); !verdict.OK() {
			c.limited(ctx, t, verdict.RetryAfter)
			return h, false
		}
	}
	if unread != nil {
		c.refuseTarget(ctx, t, unread)
		return h, false
	}
	if err := c.judge(v); err != nil {
		c.refuseTarget(ctx, t, err)
		return h, false
	}
	v.identify(batch.Visitor)
	c.takeStock(v)
	c.keepEvents(v)
	h, err := c.handOver(v)
	if err != nil {
		c.refuse(ctx, t, logError(err))
	}
	return h, err == nil
}

// judge decides what may be kept of a batch, and makes the record of what led to it.
func (c *Collector) judge(v *visit) *schemas.Error {
	if err := c.hear(v); err != nil {
		return err
	}
	batch := &v.decoder.batch
	age, _ := consent.ParseAge(string(batch.Age)) // the decoder takes no other
	c.decide(v, claim{choice: batch.Choice, gpc: batch.GPC, dnt: batch.DNT, age: age})
	return c.testify(v)
}

// read expands the body where it is compressed, and decodes it.
func (c *Collector) read(v *visit) *schemas.Error {
	body := v.ctx.PostBody()
	if v.coding == "" {
		return v.decoder.decode(body)
	}
	room := c.rooms.Get().(*[schemas.MaxBatchBytes]byte)
	v.room = room
	body, err := c.expander.Expand(room[:0], v.coding, body, len(room))
	switch {
	case errors.Is(err, guard.ErrExpanded):
		return errTooLarge
	case errors.Is(err, guard.ErrEncoding):
		return errMediaCoding
	case errors.Is(err, guard.ErrBusy):
		return errBodyBudget
	case err != nil:
		return errCompressed
	}
	return v.decoder.decode(body)
}

func (c *Collector) newVisit(ctx *fasthttp.RequestCtx, t target) *visit {
	v := c.visits.Get().(*visit)
	v.target = t
	c.begin(v, ctx)
	return v
}

// begin notes who asks, and when.
func (c *Collector) begin(v *visit, ctx *fasthttp.RequestCtx) {
	v.ctx, v.received, v.address = ctx, c.cfg.Now(), c.addressOf(ctx)
}

// release gives the visit back, and forgets what it borrowed.
func (c *Collector) release(v *visit) {
	c.forget(v)
	c.visits.Put(v)
}

func (c *Collector) forget(v *visit) {
	if v.room != nil {
		c.rooms.Put(v.room)
		v.room = nil
	}
	v.decoder.forget()
	clear(v.kept)
	clear(v.envelopes)
	v.address = address{}
	v.recall = nil
	v.ctx, v.target, v.place, v.device = nil, target{}, enrich.Place{}, enrich.Client{}
	v.testimony, v.ruling, v.statement = testimony{}, ruling{}, nil
	v.visitor, v.kept, v.envelopes = nil, v.kept[:0], v.envelopes[:0]
}

// handed is what is left to do of a batch that was handed over: to wait, and to count it. Nothing of the request is in it.
type handed struct {
	ledger  *ledger
	events  int
	sealed  bool // its answer brings a sealed choice
	begun   time.Time
	pending wal.Pending // nil where nothing has to be waited for
	err     error       // without having waited
}

// handOver gives the logs what is kept, the consent record, which is durable then, before the events that it allows.
func (c *Collector) handOver(v *visit) (handed, error) {
	h := handed{ledger: v.site.ledger, events: len(v.envelopes), sealed: v.sealed != ""}
	if err := c.handOverStatement(v); err != nil {
		h.ledger.settle(h.events, v.decoder.rejected, false)
		return h, err
	}
	h.ledger.settle(0, v.decoder.rejected, true)
	if h.events == 0 {
		return h, nil
	}
	h.begun = time.Now()
	if starter, ok := c.logs.Events.(Starter); ok {
		h.pending, h.err = starter.Start(v.envelopes)
	} else {
		_, h.err = c.logs.Events.Append(c.deadlines.from(h.begun), v.envelopes)
	}
	return h, nil
}

// conclude waits until the events are durable, and enters them into the site's ledger.
func (c *Collector) conclude(h handed) error {
	if h.events == 0 {
		return nil
	}
	err := h.err
	if err == nil && h.pending != nil {
		err = h.pending.Wait(c.deadlines.from(h.begun))
	}
	c.metrics.appendSeconds.UpdateDuration(h.begun)
	if err == nil || !c.settleLater(h, err) {
		h.ledger.settle(h.events, nil, err == nil)
	}
	if err != nil && c.warnings.append.due() {
		c.logger.Warn("events not made durable, clients are told to come back", "err", err)
	}
	return err
}

// handOverStatement makes the consent record durable. Where nobody knows yet whether it is, the client sends it again, and
// the chain takes the same id once.
func (c *Collector) handOverStatement(v *visit) error {
	if v.statement == nil {
		return nil
	}
	if c.logs.Consent == nil {
		return errNoConsentLog
	}
	start := time.Now()
	_, err := c.logs.Consent.Append(c.deadlines.from(start), []*schemas.Envelope{v.statement})
	c.metrics.appendSeconds.UpdateDuration(start)
	if err == nil {
		c.metrics.consentRecords.Inc()
	} else if c.warnings.consent.due() {
		c.logger.Warn("consent record not made durable, clients are told to come back", "err", err)
	}
	return err
}

// errNoConsentLog means that whoever made the collector gave it no log for consent records.
var errNoConsentLog = errors.New("there is no log for consent records")

// settleLater enters events into the ledger once the log knows what became of them, when err says that it does not know
// yet: counted as rejected now they would be counted twice once they are durable.
func (c *Collector) settleLater(h handed, err error) bool {
	var later undecided
	if !errors.As(err, &later) {
		return false
	}
	c.settling.Go(func() { h.ledger.settle(h.events, nil, later.Outcome() == nil) })
	return true
}

// undecided is the error of a Log that may still make the events durable: Outcome waits until that is known, and returns
// nil when they are.
type undecided interface {
	error
	Outcome() error
}

// quietTime is how long a warning of the same cause is not repeated.
const quietTime = 30 * time.Second

// quiet lets one warning in each quietTime through. Its zero value is from before the machine was started, so that no
// step of the wall clock silences a warning.
type quiet struct{ last atomic.Pointer[time.Time] }

func (q *quiet) due() bool {
	now, last := time.Now(), q.last.Load()
	return (last == nil || now.Sub(*last) >= quietTime) && q.last.CompareAndSwap(last, &now)
}
