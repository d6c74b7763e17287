package collector

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"heed/consent"
)

// What browsers look for under /.well-known/ of the site's own origin, whose server sends such requests on to here.
const (
	gpcName = "gpc.json" // /.well-known/gpc.json: Global Privacy Control, W3C
	dntName = "dnt"      // /.well-known/dnt/: Tracking Preference Expression, W3C, section 6.4
)

const (
	trackingStatusType = "application/tracking-status+json"
	gpcCache           = "public, max-age=3600"
)

// serveGPC says whether the site honours Global Privacy Control, and since when that is so.
func (c *Collector) serveGPC(ctx *fasthttp.RequestCtx, s *site) {
	honoured := s.GPC && s.offNow(c.cfg.Now()) == nil
	body := append([]byte(`{"gpc":`), strconv.FormatBool(honoured)...)
	if !s.GPCSince.IsZero() {
		body = s.GPCSince.UTC().AppendFormat(append(body, `,"lastUpdate":"`...), time.DateOnly+`"`)
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderCacheControl, gpcCache)
	ctx.SetContentType(jsonType)
	ctx.SetBody(append(body, '}'))
}

// serveDNT says whether the visitor who asks is tracked, as an event of theirs would be decided: not (N), by their consent
// (C), or where silence allows it (T).
func (c *Collector) serveDNT(ctx *fasthttp.RequestCtx, t target) {
	t.lines = linesOf(&ctx.Request.Header)
	v := c.newVisit(ctx, t)
	c.decide(v, claim{choice: v.choiceInCookie()})
	status := "N"
	switch {
	case v.measured() && v.Reasons.Has(consent.ChoiceMade) && v.choice.Grants():
		status = "C"
	case v.measured():
		status = "T"
	}
	c.release(v)
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetContentType(trackingStatusType)
	ctx.SetBodyString(`{"tracking":"` + status + `"}`)
}
