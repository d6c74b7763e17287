// Package proxy is the recipe for a site that is itself a Go program: it puts the collector under the site's own
// origin. Copy it; it needs the standard library alone. README.md says why one wants it, and has the same for other
// servers.
package proxy

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// What a batch may cost before the collector sees it.
const (
	maxBodyBytes = 64 << 10         // what the collector takes
	idleTimeout  = 30 * time.Second // below collector.idle_timeout, or a request meets a connection just being closed
	readTimeout  = 10 * time.Second // above the 5 s after which the collector gives up on its own disk
)

// What is answered in the collector's place has the collector's form.
const (
	tooLarge = `{"code":"too_large","message":"the body is longer than 64 KiB: split the batch"}`
	away     = `{"code":"unavailable","message":"the collector is away: send the same batch again later"}`
)

// New returns a handler that passes requests on to the collector at the given address, as in http://127.0.0.1:8081. It
// is to be mounted at the collector's prefix, which stays in the path.
//
// The client's address is that of the connection: behind a proxy of its own, the program sets the request's RemoteAddr
// before. Limit the time that a body may take with the server's ReadTimeout.
func New(collector *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DisableCompression = true // the client's Accept-Encoding decides, or its absence
	transport.IdleConnTimeout = idleTimeout
	transport.ResponseHeaderTimeout = readTimeout
	transport.MaxIdleConnsPerHost = 32
	front := &httputil.ReverseProxy{
		Transport:    transport,
		Rewrite:      func(r *httputil.ProxyRequest) { rewrite(r, collector) },
		ErrorHandler: refuse,
		ErrorLog:     log.New(io.Discard, "", 0), // its messages name addresses of visitors
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBodyBytes {
			answer(w, http.StatusRequestEntityTooLarge, tooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes) // one whose length is not announced
		front.ServeHTTP(w, r)
	})
}

// rewrite makes the request that the collector gets. ReverseProxy has taken away what the client wrote as Forwarded and
// X-Forwarded-For by then.
func rewrite(r *httputil.ProxyRequest, collector *url.URL) {
	r.SetURL(collector)
	r.SetXForwarded()
	r.Out.Host = r.In.Host
	r.Out.Header.Del("Authorization") // a password of the site is none of the collector's business

	// Of the page's cookies the collector needs the choice and the visitor. Sessions of the site stay here.
	r.Out.Header.Del("Cookie")
	for _, cookie := range r.In.Cookies() {
		if cookie.Name == "heed" || strings.HasPrefix(cookie.Name, "heed_") {
			r.Out.AddCookie(cookie)
		}
	}
}

// refuse answers a request that never reached the collector whole. After a 503 the browser keeps its events and sends
// them again, under the same ids.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		answer(w, http.StatusRequestEntityTooLarge, tooLarge)
		return
	}
	w.Header().Set("Retry-After", "5")
	answer(w, http.StatusServiceUnavailable, away)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // a client that has gone needs no answer
}

// WellKnown answers what browsers look for at the site's root: /.well-known/gpc.json, whether the site honours Global
// Privacy Control, and /.well-known/dnt/, whether this visitor is tracked. It is to be mounted at those two paths. heed is
// what New returns, site the path of the site at the collector, as in /your-prefix/shop.
func WellKnown(heed http.Handler, site string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, found := map[string]string{"/.well-known/gpc.json": "/gpc.json", "/.well-known/dnt/": "/dnt"}[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		inside := r.Clone(r.Context())
		inside.URL.Path, inside.URL.RawPath = site+name, ""
		heed.ServeHTTP(w, inside)
	})
}

// placeForm is a country, in the United States and Canada with the region.
var placeForm = regexp.MustCompile(`^([A-Z]{2}|(US|CA)-[A-Z]{2})$`)

// WithPlace lets every answer of pages say where its visitor is, which the first script of a page reads before anything is
// asked. place returns a country as DE, or one with its region as US-CA; what is neither is not said. Put it in front of
// every cache, which would tell one visitor another's place. The collector looks the place up again, and the stricter
// holds: who makes a CDN's header up lies about a place of their own.
func WithPlace(pages http.Handler, place func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := place(r); placeForm.MatchString(code) {
			w.Header().Set("Server-Timing", `heed;desc="`+code+`"`)
		}
		pages.ServeHTTP(w, r)
	})
}

// CloudflarePlace is the place that Cloudflare has found: in CF-IPCountry and, with its "visitor location headers" switched
// on, CF-Region-Code. Other networks have the like under other names.
func CloudflarePlace(r *http.Request) string {
	country, region := r.Header.Get("CF-IPCountry"), r.Header.Get("CF-Region-Code")
	switch {
	case country == "XX": // not known
		return ""
	case (country == "US" || country == "CA") && len(region) == 2:
		return country + "-" + region
	}
	return country
}
