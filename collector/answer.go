package collector

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"heed/schemas"
)

const jsonType = "application/json"

// accept answers that the batch is durable: 202, with a body only when there is something to say.
func (c *Collector) accept(v *visit) {
	v.ctx.SetStatusCode(fasthttp.StatusAccepted)
	v.ctx.Response.Header.SetCanonical(keyCacheControl, valueNoStore)
	allowOrigin(&v.ctx.Response.Header, v.origin)
	v.renewChoice()
	rejected := v.decoder.rejected
	if len(rejected) == 0 && v.sealed == "" {
		return
	}
	slices.SortFunc(rejected, func(a, b schemas.Rejection) int { return cmp.Compare(a.Index, b.Index) })
	writeJSON(v.ctx, schemas.Answer{Accepted: len(v.envelopes), Rejected: rejected, Choice: v.sealed})
}

// refuse answers with an error.
func (c *Collector) refuse(ctx *fasthttp.RequestCtx, t target, err *schemas.Error) {
	c.metrics.refuse(err.Code)
	ctx.Response.ResetBody()
	ctx.Response.Header.DelAllCookies() // nothing was kept under a name that they would give
	ctx.SetStatusCode(status(err.Code))
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	allowOrigin(&ctx.Response.Header, t.origin)
	switch err.Code {
	case schemas.Unavailable:
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retryAfter(err))
	case schemas.MethodNotAllowed:
		ctx.Response.Header.Set(fasthttp.HeaderAllow, allowed(t))
	}
	writeJSON(ctx, err)
}

// limited refuses a batch that is one too many from there, and says when it is not any more.
func (c *Collector) limited(ctx *fasthttp.RequestCtx, t target, wait time.Duration) {
	c.refuseTarget(ctx, t, errRateLimited)
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
}

// allowed lists the methods that a target takes.
func allowed(t target) string {
	switch t.to {
	case toBatch:
		return "POST, OPTIONS"
	case toPixel:
		return "GET"
	}
	return "GET, HEAD"
}

// writeJSON answers with value, whose types always have a JSON form.
func writeJSON(ctx *fasthttp.RequestCtx, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	ctx.SetContentType(jsonType)
	ctx.SetBody(body)
}
