package collector

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"heed/schemas"
)

// What stands behind <prefix>/<site key>/ in a path, files aside; see wellknown.go and receipt.go, too.
const (
	urgentPath   = "urgent"
	ordinaryPath = "ordinary"
	pixelName    = "view.gif"
)

// endpoint is what a request asks for.
type endpoint uint8

const (
	nowhere endpoint = iota
	toBatch
	toPixel
	toPreflight
	toAsset // from here on what needs neither origin nor load to be answered
	toLoader
	toGPC
	toDNT
	toReceipt
	toOverlay
)

// target is where a request goes. A refused request has as much of it as was found before the refusal.
type target struct {
	site    *site
	to      endpoint
	urgent  bool   // a batch that must not be shed first
	asset   *Asset // of toAsset
	receipt string // of toReceipt: the record's id, and .json for JSON-LD
	lines   lines  // of toBatch, toPixel and toPreflight, as are these
	origin  origin
	coding  string // of a compressed body, as guard.Expander knows it; a view into the request
}

// route finds the target of a request and refuses what needs no body to be refused. It depends on the request line and
// the headers alone, load aside, and answers the same for the same ones: Serve asks it before it reads the body, and the
// handler asks it again, and says whether the batch was shed before.
func (c *Collector) route(h *fasthttp.RequestHeader, shed bool) (t target, err *schemas.Error) {
	err = c.find(&t, h.Method(), h.RequestURI())
	if err != nil || t.to >= toAsset {
		return t, err
	}
	t.lines = linesOf(h)
	return t, c.admit(&t, shed)
}

// admit decides by the header lines.
func (c *Collector) admit(t *target, shed bool) (err *schemas.Error) {
	if t.origin = t.site.originOf(&t.lines); t.origin.foreign && t.to != toPixel { // an image is always answered
		return errForeignOrigin
	}
	if t.to != toBatch {
		return nil
	}
	if !t.urgent && (shed || c.shedder.isOn()) {
		return errShed
	}
	t.coding, err = checkMedia(&t.lines)
	return err
}

// find looks the path and the method up.
func (c *Collector) find(t *target, method, uri []byte) *schemas.Error {
	path, _, _ := bytes.Cut(uri, []byte{'?'})
	rest, ours := bytes.CutPrefix(path, c.prefix)
	if !ours {
		return errNotFound
	}
	key, name, ours := bytes.Cut(rest, []byte{'/'})
	if !ours {
		return errNotFound
	}
	if t.site = c.sites[string(key)]; t.site == nil {
		return errUnknownSite
	}
	isGet := string(method) == fasthttp.MethodGet
	switch string(name) {
	case urgentPath, ordinaryPath:
		t.to, t.urgent = toBatch, string(name) == urgentPath
		isOptions := string(method) == fasthttp.MethodOptions
		if isOptions {
			t.to = toPreflight
		}
		return allow(isOptions || string(method) == fasthttp.MethodPost, errOnlyPost)
	case pixelName:
		t.to = toPixel
		return allow(isGet, errOnlyGet)
	}
	if err := c.findFile(t, name); err != nil {
		return err
	}
	return allow(isGet || string(method) == fasthttp.MethodHead, errOnlyGet)
}

// findFile looks up what is fetched.
func (c *Collector) findFile(t *target, name []byte) *schemas.Error {
	receipt, ofReceipt := strings.CutPrefix(string(name), receiptFolder)
	switch {
	case string(name) == gpcName:
		t.to = toGPC
		return nil
	case string(name) == dntName || string(name) == dntName+"/":
		t.to = toDNT
		return nil
	case len(t.site.loaders) > 0 && string(name) == t.site.Loaders[0].File.Name:
		t.to = toLoader
		return nil
	case string(name) == overlayName && t.site.Overlay != nil:
		t.to = toOverlay
		return nil
	case ofReceipt && isReceipt(receipt) && c.cfg.Receipts != nil:
		t.to, t.receipt = toReceipt, receipt
		return nil
	}
	if t.asset = t.site.assets[string(name)]; t.asset == nil {
		if t.asset = c.missing(t.site, name); t.asset == nil {
			return errNotFound
		}
	}
	t.to = toAsset
	return nil
}

// missing asks whether another collector has built the file.
func (c *Collector) missing(s *site, name []byte) *Asset {
	if c.cfg.Missing == nil || !assetForm.Match(name) {
		return nil
	}
	return c.cfg.Missing(s.ID, string(name))
}

// allow returns err unless ok.
func allow(ok bool, err *schemas.Error) *schemas.Error {
	if ok {
		return nil
	}
	return err
}

// checkMedia wants plain JSON: as text/plain, which browsers send across origins without asking first, or named as what
// it is.
//
// The coding of the body is returned as it is named, empty for none.
func checkMedia(l *lines) (coding string, err *schemas.Error) {
	media, _, _ := bytes.Cut(l.media, []byte{';'})
	media = bytes.TrimSpace(media)
	if !bytes.EqualFold(media, []byte("text/plain")) && !bytes.EqualFold(media, []byte("application/json")) {
		return "", errMediaType
	}
	coding = text(l.coding)
	switch {
	case coding == "" || strings.EqualFold(coding, "identity"):
		return "", nil
	case !isCoding(coding) || l.codings > 1:
		return "", errMediaCoding
	}
	return coding, nil
}

// isCoding reports whether bodies may be compressed so.
func isCoding(name string) bool {
	for _, known := range []string{"gzip", "deflate", "br", "zstd"} {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// origin is the page's origin as far as the request names it.
type origin struct {
	*siteOrigin      // one of the site's own, or nil: what a client wrote is never passed on
	byCORS      bool // the Origin header named it, so the answer may say that this origin can read it
	verified    bool // Origin or Referer named it
	foreign     bool // they named another one
}

// originOf returns where the request comes from. A browser always says so with a POST; only the pixel on a page with a
// strict referrer policy, and programs, say nothing. "null", which sandboxed frames send, is foreign.
func (s *site) originOf(l *lines) origin {
	if sent := l.origin; len(sent) > 0 {
		known, ok := s.origins[string(sent)]
		return origin{siteOrigin: known, byCORS: ok, verified: ok, foreign: !ok}
	}
	if sent := l.referer; len(sent) > 0 {
		known, ok := s.origins[string(originIn(sent))]
		return origin{siteOrigin: known, verified: ok, foreign: !ok}
	}
	return origin{}
}

// originIn cuts a URL behind its host and port.
func originIn(address []byte) []byte {
	scheme, rest, ok := bytes.Cut(address, []byte("://"))
	if !ok {
		return nil
	}
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return address[:len(scheme)+len("://")+len(rest)]
}

// isSecure reports whether the visitor's browser speaks TLS, to us or to a proxy before us.
func (t target) isSecure(ctx *fasthttp.RequestCtx) bool {
	return ctx.IsTLS() || t.origin.siteOrigin != nil && t.origin.secure || t.site.onlySecure
}
