package collector

import "github.com/valyala/fasthttp"

// preflightSeconds is how long a browser may remember the answer to a preflight.
const preflightSeconds = "86400"

// allowOrigin lets the page that asked read the answer. Only an origin of the site's own list is ever named.
func allowOrigin(h *fasthttp.ResponseHeader, from origin) {
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if !from.byCORS {
		return
	}
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, from.value)
	h.Set(fasthttp.HeaderAccessControlAllowCredentials, "true") // the visitor cookie
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, fasthttp.HeaderRetryAfter)
}

// answerPreflight answers the question that a browser asks before it sends application/json across origins.
func answerPreflight(ctx *fasthttp.RequestCtx, t target) {
	h := &ctx.Response.Header
	allowOrigin(h, t.origin)
	h.Set(fasthttp.HeaderAccessControlAllowMethods, fasthttp.MethodPost)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, fasthttp.HeaderContentType)
	h.Set(fasthttp.HeaderAccessControlMaxAge, preflightSeconds)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
