package collector

import "github.com/valyala/fasthttp"

// preflightSeconds is how long a browser may remember the answer to a preflight.
const preflightSeconds = "86400"

// The headers of every answer, in the form that needs no further work.
var (
	keyCacheControl     = []byte(fasthttp.HeaderCacheControl)
	keySetCookie        = []byte(fasthttp.HeaderSetCookie)
	keyTk               = []byte("Tk")
	keyVary             = []byte(fasthttp.HeaderVary)
	keyAllowOrigin      = []byte(fasthttp.HeaderAccessControlAllowOrigin)
	keyAllowCredentials = []byte(fasthttp.HeaderAccessControlAllowCredentials)
	keyExposeHeaders    = []byte(fasthttp.HeaderAccessControlExposeHeaders)

	valueNoStore    = []byte("no-store")
	valueN          = []byte("N")
	valueOrigin     = []byte(fasthttp.HeaderOrigin)
	valueTrue       = []byte("true")
	valueRetryAfter = []byte(fasthttp.HeaderRetryAfter)
)

// allowOrigin lets the page that asked read the answer. Only an origin of the site's own list is ever named.
func allowOrigin(h *fasthttp.ResponseHeader, from origin) {
	h.SetCanonical(keyVary, valueOrigin)
	if !from.byCORS {
		return
	}
	h.SetCanonical(keyAllowOrigin, bytesOf(from.value))
	h.SetCanonical(keyAllowCredentials, valueTrue) // the visitor cookie
	h.SetCanonical(keyExposeHeaders, valueRetryAfter)
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
