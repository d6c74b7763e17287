package proxy_test

import (
	"net/http"
	"strings"
	"testing"
)

// The page's own answer says where its visitor is, as far as the decision needs it, and nothing that is no place.
func TestPageSaysItsPlace(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, _ *recorder) {
		check := func(country, region, want string) {
			t.Helper()
			var headers []string
			if country != "" {
				headers = []string{"CF-IPCountry", country, "CF-Region-Code", region}
			}
			answer, _ := do(t, f.from(t, visitorAddress), "GET", f.url+"/", nil, headers...)
			if got := strings.Join(answer.Header.Values("Server-Timing"), " | "); answer.StatusCode != http.StatusOK || got != want {
				t.Errorf("a page for %q, %q = %s with Server-Timing %q, want 200 with %q", country, region, answer.Status, got, want)
			}
		}
		check("US", "CA", `heed;desc="US-CA"`)
		check("CA", "QC", `heed;desc="CA-QC"`)
		check("US", "", `heed;desc="US"`)
		check("DE", "BY", `heed;desc="DE"`)
		check("", "", "")
		check("XX", "", "") // not known
		check("T1", "", "") // Tor
		check("de", "", "")
		check(`DE", x;desc="US`, "", "")
		check("USA", "CA", "")
	})
}

// What browsers look for at the root comes from the collector, of this site, with what its answer depends on.
func TestWellKnown(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		check := func(path, want string) {
			t.Helper()
			answer, _ := do(t, f.from(t, visitorAddress), "GET", f.url+path, nil,
				"DNT", "1", "Sec-GPC", "1", "Cookie", "session=s3cret; heed=1.0f.20370.0badcafe", "X-Forwarded-For", "203.0.113.9")
			if answer.StatusCode != http.StatusAccepted {
				t.Fatalf("GET %s = %s, want what the collector answers", path, answer.Status)
			}
			got, _ := collector.last(t)
			if got.URL.Path != prefix+want || got.Header.Get("Dnt") != "1" || got.Header.Get("Sec-Gpc") != "1" ||
				len(got.Cookies()) != 1 || got.Cookies()[0].String() != "heed=1.0f.20370.0badcafe" ||
				got.Header.Get("X-Forwarded-For") != visitorAddress {
				t.Errorf("GET %s became %s with %v, want %s, the signals, the choice and the visitor's address", path, got.URL.Path, got.Header, want)
			}
		}
		check("/.well-known/gpc.json", "/shop/gpc.json")
		check("/.well-known/dnt/", "/shop/dnt")
		before := collector.count()
		do(t, f.from(t, visitorAddress), "GET", f.url+"/.well-known/security.txt", nil)
		if collector.count() != before {
			t.Error("another file of /.well-known/ is asked of the collector")
		}
	})
}
