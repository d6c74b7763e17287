package collector

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// serveAsset answers with a file that was compressed once, when the site was built. Any page may read it: it holds
// nothing of a visitor, and Subresource Integrity needs to read it.
func serveAsset(ctx *fasthttp.RequestCtx, asset *Asset) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderCacheControl, asset.CacheControl)
	if asset.ETag != "" {
		h.Set(fasthttp.HeaderETag, asset.ETag)
		if matches(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch), asset.ETag) {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
	}
	h.SetContentType(asset.ContentType)
	body, coding := asset.pick(ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))
	if coding != "" {
		h.Set(fasthttp.HeaderContentEncoding, coding)
	}
	ctx.Response.SetBodyRaw(body)
}

// pick returns the smallest form of the file that the client takes, and its coding.
func (a *Asset) pick(accepted []byte) (body []byte, coding string) {
	switch {
	case a.Brotli != nil && accepts(accepted, "br"):
		return a.Brotli, "br"
	case a.Gzip != nil && accepts(accepted, "gzip"):
		return a.Gzip, "gzip"
	}
	return a.Plain, ""
}

// accepts reports whether an Accept-Encoding header names coding without refusing it by a quality of 0.
func accepts(header []byte, coding string) bool {
	for item := range bytes.SplitSeq(header, []byte{','}) {
		name, params, _ := bytes.Cut(item, []byte{';'})
		if !bytes.EqualFold(bytes.TrimSpace(name), []byte(coding)) {
			continue
		}
		quality := bytes.TrimPrefix(bytes.TrimSpace(params), []byte("q="))
		return len(quality) == 0 || len(bytes.Trim(quality, "0.")) > 0
	}
	return false
}

// matches reports whether an If-None-Match header names etag; weak and strong are the same here.
func matches(header []byte, etag string) bool {
	want := bytes.TrimPrefix([]byte(etag), []byte("W/"))
	for item := range bytes.SplitSeq(header, []byte{','}) {
		if item = bytes.TrimSpace(item); string(item) == "*" || bytes.Equal(bytes.TrimPrefix(item, []byte("W/")), want) {
			return true
		}
	}
	return false
}
