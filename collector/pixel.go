package collector

import (
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"heed/pipeline/enrich"
	"heed/schemas"
)

// What the pixel says of its event, since an image has no other way to say it.
const (
	storedHeader = "X-Heed-Stored" // 1 or 0
	reasonHeader = "X-Heed-Reason" // the code, when 0
)

// pixel is a transparent GIF of one pixel: 43 bytes.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00" +
	"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// servePixel counts a page view of a browser without JavaScript. The image is always answered: a broken one would harm
// the page. Whether the view was kept stands in the headers.
func (c *Collector) servePixel(ctx *fasthttp.RequestCtx, t target) {
	v := c.newVisit(ctx, t)
	err := c.acceptPixel(v)
	h := &ctx.Response.Header
	allowOrigin(h, t.origin)
	h.SetContentType("image/gif")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	ctx.Response.SetBodyRaw(pixel)
	if err == nil {
		h.Set(storedHeader, "1")
	} else {
		h.Set(storedHeader, "0")
		h.Set(reasonHeader, string(err.Code))
		c.metrics.pixelsLost.Inc()
	}
	c.release(v)
}

// acceptPixel takes the way of a batch with one event.
func (c *Collector) acceptPixel(v *visit) *schemas.Error {
	if v.origin.foreign {
		v.site.ledger.refuse(schemas.ForeignOrigin)
		return errForeignOrigin
	}
	if c.shedder.isOn() { // a page view is ordinary, however it comes
		v.site.ledger.refuse(schemas.Unavailable)
		return errShed
	}
	ev, err := v.pixelEvent()
	if err != nil {
		v.site.ledger.refuse(err.Code)
		return err
	}
	v.decoder.batch = schemas.Batch{Sent: ev.Created, Events: append(v.decoder.batch.Events[:0], ev)}
	v.decoder.index = append(v.decoder.index[:0], 0)
	v.decoder.rejected = v.decoder.rejected[:0]
	if v.site.quota != nil && !v.site.quota.Allow(v.address.Addr, 1, time.Now()).OK() {
		v.site.ledger.refuse(schemas.RateLimited)
		return errRateLimited
	}
	c.decide(v, claim{choice: v.choiceInCookie()}) // which can only be sealed or take away: no consent event comes with it
	v.identify("")
	c.keepEvents(v)
	h, failed := c.handOver(v)
	if failed == nil {
		failed = c.conclude(h)
	}
	if failed != nil {
		return logError(failed)
	}
	if len(v.decoder.rejected) > 0 {
		return &v.decoder.rejected[0].Error
	}
	return nil
}

// pixelEvent makes the event that no script was there to make. Its page is the parameter u, else the Referer.
func (v *visit) pixelEvent() (schemas.Event, *schemas.Error) {
	query := v.ctx.QueryArgs()
	address, referrer := string(query.Peek("u")), string(query.Peek("r"))
	if address == "" {
		address = string(v.ctx.Request.Header.Referer())
	}
	if address == "" {
		return schemas.Event{}, errNoPage
	}
	for _, text := range []string{address, referrer} {
		if !utf8.ValidString(text) || enrich.HasControl(text) || utf8.RuneCountInString(text) > maxURL {
			return schemas.Event{}, errPageURL
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return schemas.Event{}, errInternal
	}
	return schemas.Event{
		ID: id.String(), Kind: schemas.Page, Created: v.received.UnixMilli(), URL: address, Referrer: referrer,
	}, nil
}
