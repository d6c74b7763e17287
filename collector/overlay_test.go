package collector_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/schemas"
)

func TestOverlayNeedsItsToken(t *testing.T) {
	key := bytes.Repeat([]byte{9}, 32)
	site := testSite()
	site.OverlayKey = key
	site.Overlay = &collector.Asset{Name: "overlay.js", ContentType: "text/javascript", CacheControl: "no-store", Plain: []byte("shown")}
	other := testSite()
	other.ID, other.Key, other.Notices = "other", "k2", nil
	e := start(t, collector.Config{Sites: []collector.Site{site, other}})
	f := func(path string, shown bool) {
		t.Helper()
		a := e.get(path)
		if shown {
			if a.status != http.StatusOK || a.body != "shown" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("GET %s = %d %s %v, want the overlay, not to be kept", path, a.status, a.body, a.header)
			}
		} else if a.status != http.StatusNotFound || a.code(t) != schemas.NotFound {
			t.Errorf("GET %s = %d %s, want 404 as for what is not there", path, a.status, a.body)
		}
	}
	now := time.Now()
	good := collector.OverlayToken(key, now.Add(collector.OverlayLife))
	expiry, mac, _ := strings.Cut(good, ".")
	f("/h/k1/overlay.js?t="+good, true)
	f("/h/k1/overlay.js?x=1&t="+good, true)
	f("/h/k2/overlay.js?t="+good, false) // a site without one
	f("/h/k1/overlay.js", false)
	f("/h/k1/overlay.js?t=", false)
	f("/h/k1/overlay.js?t="+expiry, false)
	f("/h/k1/overlay.js?t="+expiry+".", false)
	f("/h/k1/overlay.js?t="+expiry+"."+mac[:2], false)
	f("/h/k1/overlay.js?t="+expiry+"1."+mac, false)
	f("/h/k1/overlay.js?t="+expiry+"."+strings.Repeat("0", len(mac)), false)
	f("/h/k1/overlay.js?t="+collector.OverlayToken(bytes.Repeat([]byte{8}, 32), now.Add(time.Hour)), false) // another key
	f("/h/k1/overlay.js?t="+collector.OverlayToken(key, now.Add(-time.Second)), false)
	f("/h/k1/overlay.js?t="+collector.OverlayToken(key, now.AddDate(1, 0, 0)), false) // nobody makes one for a year
	f("/h/k1/overlay.js?t=x."+mac, false)
}
