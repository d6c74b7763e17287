package snippet

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// serveOther answers for every host that is not the shop's: /<run>/<kind> counts, sets a cookie, and is what the kind asks for.
func (h *hostile) serveOther(w http.ResponseWriter, r *http.Request) {
	run, kind, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	if kind == "" || run == "favicon.ico" {
		http.NotFound(w, r)
		return
	}
	h.change(run, func(run *hostileRun) {
		cookies := run.Cookies
		if kind == "jar" {
			cookies = run.Jar
		} else {
			run.Arrived[kind]++
		}
		for _, cookie := range r.Cookies() {
			cookies[cookie.Name]++
		}
	})
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	header.Set("Access-Control-Allow-Credentials", "true")
	if kind != "jar" {
		http.SetCookie(w, &http.Cookie{Name: "t_" + kind, Value: "1", Path: "/", SameSite: http.SameSiteNoneMode, Secure: true, MaxAge: 9999})
	}
	header.Set("Content-Type", mediaType(kind))
	switch header.Get("Content-Type") {
	case "text/javascript":
		fmt.Fprintf(w, trackerScript, kind)
	case "text/css":
		fmt.Fprintf(w, ":root { --%s: ran }", kind)
	case "text/html":
		fmt.Fprintf(w, "<!doctype html><script>parent.postMessage({ran: %q}, '*')</script>", kind)
	case "text/event-stream":
		fmt.Fprint(w, "data: 1\n\n")
	case "image/gif":
		w.Write(pixel)
	}
}

// mediaType is of what a host of others answers to a kind. Nothing that is played or written with is any good.
func mediaType(kind string) string {
	for media, kinds := range map[string][]string{
		"text/javascript":   {"preload", "modulepreload", "classic", "async", "defer", "module", "injected", "document-write", "import", "link-preload", "untagged"},
		"text/css":          {"stylesheet", "css-import"},
		"text/html":         {"iframe", "object", "embed", "prefetch", "speculation"},
		"text/event-stream": {"event-source"},
		"text/plain":        {"fetch", "xhr", "beacon", "blob-worker", "realm-fetch", "web-socket", "font", "video", "audio", "worker", "service-worker"},
	} {
		if slices.Contains(kinds, kind) {
			return media
		}
	}
	return "image/gif"
}

// trackerScript says that it ran, and keeps something wherever a script can.
const trackerScript = `(kind => {
const tries = [
  () => (window.ran = window.ran || []).push(kind),
  () => document.cookie = '_ga_' + kind + '=1;path=/;max-age=9999',
  () => document.cookie = '_fbp_' + kind + '=1;path=/;domain=.shop.localhost;max-age=9999;secure;samesite=none;partitioned',
  () => localStorage.setItem('_ga_' + kind, 1),
  () => sessionStorage.setItem('_ga_' + kind, 1),
  () => indexedDB.open('_ga_' + kind),
  () => caches.open('_ga_' + kind).catch(() => {}),
]
for (const attempt of tries) try { attempt() } catch {}
})(%q)`

var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
