package collector_test

import (
	"net/http"
	"testing"

	"heed/collector"
)

func TestCORS(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(a answer, origin string) {
		t.Helper()
		if got := a.header.Get("Access-Control-Allow-Origin"); got != origin {
			t.Errorf("status %d: Access-Control-Allow-Origin = %q, want %q", a.status, got, origin)
		}
		if credentials := a.header.Get("Access-Control-Allow-Credentials"); (credentials == "true") != (origin != "") {
			t.Errorf("status %d: Access-Control-Allow-Credentials = %q with origin %q", a.status, credentials, origin)
		}
		if got := a.header.Get("Vary"); got != "Origin" {
			t.Errorf("status %d: Vary = %q, want Origin", a.status, got)
		}
	}
	f(e.post(encode(t, batch(asIs))), siteOrigin)
	f(e.post(encode(t, batch(asIs)), "Origin", "http://localhost:8080"), "http://localhost:8080")
	f(e.post("{"), siteOrigin)
	f(e.post("{", "Content-Type", "text/xml"), siteOrigin)
	f(e.post("{", "Origin", "https://evil.example"), "")
	f(e.post(encode(t, batch(asIs)), "Origin", "", "Referer", pageURL), "")

	a := e.do(http.MethodOptions, "/h/k1/urgent", "", "Origin", siteOrigin, "Access-Control-Request-Method", "POST")
	f(a, siteOrigin)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Methods") != "POST" ||
		a.header.Get("Access-Control-Allow-Headers") != "Content-Type" {
		t.Errorf("preflight = %d %v", a.status, a.header)
	}
	if a := e.do(http.MethodOptions, "/h/k1/urgent", "", "Origin", "null"); a.status != http.StatusForbidden {
		t.Errorf("foreign preflight = %d, want 403", a.status)
	}
}

func TestOriginDecides(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(want int, headers ...string) {
		t.Helper()
		if a := e.post(encode(t, batch(asIs)), headers...); a.status != want {
			t.Errorf("post with %q = %d %s, want %d", headers, a.status, a.body, want)
		}
	}
	f(403, "Origin", "null")
	f(403, "Origin", siteOrigin+".evil.example")
	f(403, "Origin", siteOrigin+":8443")
	f(403, "Origin", "http://shop.example") // the scheme is part of it
	f(403, "Origin", "https://evil.example", "Referer", pageURL)
	f(202, "Origin", siteOrigin, "Referer", "https://evil.example/")
	f(403, "Origin", "", "Referer", "https://evil.example/?"+siteOrigin)
	f(403, "Origin", "", "Referer", "https://shop.example@evil.example/")
	f(403, "Origin", "", "Referer", "about:blank")
	f(202, "Origin", "", "Referer", siteOrigin)
	f(202, "Origin", "", "Referer", siteOrigin+"?a=b")
	f(202, "Origin", "", "Referer", "")

	got := e.stored()
	if len(got) != 4 {
		t.Fatalf("stored %d events, want 4", len(got))
	}
	for i, ev := range got {
		if ev.UnverifiedOrigin != (i == 3) {
			t.Errorf("stored[%d]: unverified origin = %t", i, ev.UnverifiedOrigin)
		}
	}
}

func TestAssets(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(accept, body, coding string) {
		t.Helper()
		a := e.get("/h/k1/heed.js", "Accept-Encoding", accept)
		if a.status != 200 || a.body != body || a.header.Get("Content-Encoding") != coding {
			t.Errorf("get with %q = %d %q %q, want %q %q", accept, a.status, a.header.Get("Content-Encoding"), a.body, coding, body)
		}
		if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("ETag") != `"5f1c"` ||
			a.header.Get("Cache-Control") != "max-age=300" || a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("headers = %v", a.header)
		}
	}
	f("identity", "plain", "")
	f("gzip", "gzip", "gzip")
	f("gzip,br", "brotli", "br")
	f("gzip;q=0.5, BR ;q=1", "brotli", "br")
	f("br;q=0, gzip;q=0.000", "plain", "")
	for _, etag := range []string{`"5f1c"`, `"a", W/"5f1c"`, "*"} {
		if a := e.get("/h/k1/heed.js", "If-None-Match", etag); a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("If-None-Match %s = %d %q, want 304", etag, a.status, a.body)
		}
	}
	if a := e.do(http.MethodHead, "/h/k1/heed.js", "", "Accept-Encoding", "identity"); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "5" {
		t.Errorf("head = %d %q %v", a.status, a.body, a.header)
	}
}
