package collector_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
)

// withLoaders gives a site a loader for each answer of the matrix; what it holds names its rules and links.
func withLoaders(site collector.Site) collector.Site {
	asserts := consent.Site{AnonymousCount: site.AnonymousCount, Exemption: site.Exemption, AssumePlace: site.AssumePlace}
	for i, v := range consent.BrowserVariants(asserts) {
		site.Loaders = append(site.Loaders, collector.Loader{Rules: v.Rules, Links: v.Links, File: collector.Asset{
			Name: "loader.js", ContentType: "text/javascript", CacheControl: "public", ETag: fmt.Sprintf(`"%d"`, i),
			Plain: loaderText(v.Rules, v.Links),
		}})
	}
	return site
}

func loaderText(rules consent.Rules, links consent.Links) []byte {
	return fmt.Appendf(nil, "%s %d", rules, links)
}

func TestLoaderIsThatOfThePlace(t *testing.T) {
	swiss := consent.Place{Country: "CH"}
	f := func(assume consent.Place, from, code string, place consent.Place) {
		t.Helper()
		site := testSite()
		site.AssumePlace = assume
		e := start(t, collector.Config{Sites: []collector.Site{withLoaders(site)}, TrustedProxies: loopback})
		a := e.get("/h/k1/loader.js", "X-Forwarded-For", from)
		want := string(loaderText(consent.BrowserRules(place, consent.Site{}), consent.BrowserLinks(place, consent.Site{})))
		if a.status != http.StatusOK || a.body != want {
			t.Errorf("from %s = %d %q, want %q", from, a.status, a.body, want)
		}
		for name, want := range map[string]string{
			"Cache-Control": "private, max-age=300", "Server-Timing": `heed;desc="` + code + `"`, "Timing-Allow-Origin": "*",
			"Access-Control-Allow-Origin": "*",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("from %s: %s = %q, want %q", from, name, got, want)
			}
		}
		again := e.get("/h/k1/loader.js", "X-Forwarded-For", from, "If-None-Match", a.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.header.Get("Server-Timing") == "" {
			t.Errorf("again from %s = %d %v, want 304 with the place", from, again.status, again.header)
		}
	}
	f(consent.Place{}, zurichIP, "CH", swiss)
	f(consent.Place{}, unknownIP, "", consent.Place{})
	f(consent.Place{Country: "US", Region: "CA"}, zurichIP, "CH", swiss)
	f(consent.Place{Country: "US", Region: "CA"}, unknownIP, "", consent.Place{Country: "US", Region: "CA"})
}

func TestGPCSaysWhatIsSo(t *testing.T) {
	f := func(gpc bool, since time.Time, want string) {
		t.Helper()
		site := testSite()
		site.GPC, site.GPCSince = gpc, since
		a := start(t, collector.Config{Sites: []collector.Site{site}}).get("/h/k1/gpc.json")
		if a.status != http.StatusOK || a.body != want || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("gpc.json = %d %s %s, want %s", a.status, a.header.Get("Content-Type"), a.body, want)
		}
	}
	f(false, time.Time{}, `{"gpc":false}`)
	f(true, time.Date(2026, 11, 22, 23, 0, 0, 0, time.FixedZone("", -7200)), `{"gpc":true,"lastUpdate":"2026-11-23"}`)
}

func TestTrackingStatusIsTheVisitorsOwn(t *testing.T) {
	f := func(place consent.Place, want string, headers ...string) {
		t.Helper()
		site := testSite()
		site.AssumePlace = place
		a := start(t, collector.Config{Sites: []collector.Site{site}}).get("/h/k1/dnt/", headers...)
		if a.status != http.StatusOK || a.body != `{"tracking":"`+want+`"}` ||
			a.header.Get("Content-Type") != "application/tracking-status+json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("dnt in %v with %q = %d %v %s, want %s", place, headers, a.status, a.header, a.body, want)
		}
	}
	texas := consent.Place{Country: "US", Region: "TX"}
	f(consent.Place{}, "N")
	f(consent.Place{}, "N", "Cookie", "heed="+grant(0).String())
	f(consent.Place{}, "N", "Cookie", "heed="+grant(consent.All).String()) // not sealed
	f(consent.Place{}, "C", "Cookie", "heed="+sealed(consent.Performance))
	f(consent.Place{}, "N", "Cookie", "heed="+sealed(consent.Performance), "DNT", "1")
	f(texas, "T")
	f(texas, "C", "Cookie", "heed="+sealed(consent.Performance))
}
