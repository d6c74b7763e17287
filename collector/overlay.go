package collector

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// overlayName is the file that shows a site's owner what the wall does on a page.
const overlayName = "overlay.js"

// OverlayLife is for how long a link to the overlay works.
const OverlayLife = 24 * time.Hour

// overlayMACBytes of an HMAC-SHA-256 are in a token.
const overlayMACBytes = 16

// OverlayToken makes the token by which the overlay of a site is served until a time: the time in seconds and its HMAC
// under the site's key. Whoever has it can load one script that holds no data; it opens nothing else.
func OverlayToken(key []byte, until time.Time) string {
	expiry := strconv.FormatInt(until.Unix(), 10)
	return expiry + "." + hex.EncodeToString(overlayMAC(key, expiry))
}

func overlayMAC(key []byte, expiry string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(expiry))
	return mac.Sum(nil)[:overlayMACBytes]
}

// isOverlayToken tells whether a token is one of the key's, and still works. How long it takes says nothing of the MAC.
func isOverlayToken(key []byte, token string, now time.Time) bool {
	expiry, text, found := strings.Cut(token, ".")
	if !found || len(token) > 64 {
		return false
	}
	mac, err := hex.DecodeString(text)
	if err != nil || !hmac.Equal(mac, overlayMAC(key, expiry)) {
		return false
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	until := time.Unix(seconds, 0)
	return err == nil && now.Before(until) && !until.After(now.Add(OverlayLife+time.Minute)) // a minute for another machine's clock
}

// serveOverlay answers with the overlay to who has a token, and else as if there were none.
func (c *Collector) serveOverlay(ctx *fasthttp.RequestCtx, t target) {
	token := string(ctx.QueryArgs().Peek("t"))
	if !isOverlayToken(t.site.OverlayKey, token, c.cfg.Now()) {
		c.refuseTarget(ctx, t, errNotFound)
		return
	}
	serveAsset(ctx, t.site.Overlay)
}
