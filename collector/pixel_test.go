package collector_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"heed/collector"
	"heed/consent"
)

func TestPixelIsAlwaysAnImage(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(stored, reason, query string, headers ...string) answer {
		t.Helper()
		a := e.get("/h/k1/view.gif"+query, append([]string{"User-Agent", userAgent}, headers...)...)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/gif" || len(a.body) != 43 || !strings.HasPrefix(a.body, "GIF89a") {
			t.Errorf("get %q = %d %s of %d bytes, want the image", query, a.status, a.header.Get("Content-Type"), len(a.body))
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("get %q: Cache-Control = %q", query, a.header.Get("Cache-Control"))
		}
		if s, r := a.header.Get("X-Heed-Stored"), a.header.Get("X-Heed-Reason"); s != stored || r != reason {
			t.Errorf("get %q with %q: stored %q %q, want %q %q", query, headers, s, r, stored, reason)
		}
		return a
	}
	u := "?u=" + url.QueryEscape(pageURL+"?utm_source=news") + "&r=" + url.QueryEscape("https://search.example/x")
	cookie := "heed=" + sealed(consent.Performance)

	first := f("1", "", u, "Referer", siteOrigin+"/", "Cookie", cookie)
	if got := first.header.Get("Set-Cookie"); !strings.HasPrefix(got, "heed_v_k1=") {
		t.Errorf("Set-Cookie = %q, want a visitor cookie", got)
	}
	f("1", "", "", "Referer", pageURL, "Cookie", cookie)
	f("1", "", u, "Cookie", cookie) // neither Origin nor Referer
	f("0", "no_consent", u)
	f("0", "no_consent", u, "Cookie", "heed="+grant(consent.Performance).String()) // not sealed: it may only take away
	f("0", "no_consent", u, "Cookie", cookie, "DNT", "1")
	f("0", "missing_field", "", "Cookie", cookie)
	f("0", "foreign_origin", u, "Referer", "https://evil.example/", "Cookie", cookie)
	f("0", "foreign_origin", "?u=https://evil.example/", "Cookie", cookie)
	f("0", "invalid_field", "?u=%00", "Cookie", cookie)
	f("0", "invalid_field", "?u=%ff", "Cookie", cookie)
	f("0", "invalid_field", u+"%00", "Cookie", cookie)
	e.failed.err = http.ErrServerClosed
	f("0", "unavailable", u, "Cookie", cookie)

	if got := e.metric("heed_collector_pixels_lost_total"); got != "10" {
		t.Errorf("lost pixels = %s, want 10", got)
	}
	got := e.stored()
	if len(got) != 3 {
		t.Fatalf("stored %d events, want 3", len(got))
	}
	ids := map[string]bool{}
	for i, ev := range got {
		id := uuid.UUID(ev.Id)
		ids[id.String()] = true
		if id.Version() != 7 || ev.Kind != "page" || ev.Path != "/pricing" || ev.TimeMs != ev.ReceivedMs || len(ev.Visitor) != 16 {
			t.Errorf("stored[%d] = %v", i, ev)
		}
		if ev.UnverifiedOrigin != (i == 2) {
			t.Errorf("stored[%d]: unverified origin = %t", i, ev.UnverifiedOrigin)
		}
	}
	if len(ids) != 3 || got[0].ReferrerHost != "search.example" || got[0].UtmSource != "news" {
		t.Errorf("ids %v, first %v", ids, got[0])
	}
}

func TestPixelCountsAnonymously(t *testing.T) {
	site := testSite()
	site.AnonymousCount, site.Exemption = true, true
	e := start(t, collector.Config{Sites: []collector.Site{site}})
	a := e.get("/h/k1/view.gif", "Referer", pageURL)
	if a.header.Get("X-Heed-Stored") != "1" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("headers = %v, want it stored without a cookie", a.header)
	}
	if got := e.stored(); len(got) != 1 || !got[0].Anonymous || got[0].Visitor != nil {
		t.Errorf("stored = %v, want one anonymous view", got)
	}
}
