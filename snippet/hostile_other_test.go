package snippet

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// serveOther answers for every host that is not the shop's: /<run>/<kind> counts, sets a cookie, and is what the kind asks for;
// with ?behind=<kind> not before the shop's own host was asked for that.
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
	if behind := r.URL.Query().Get("behind"); behind != "" {
		h.await(r.Context(), run, func(run *hostileRun) bool { return run.Own[behind] > 0 })
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	header.Set("Access-Control-Allow-Credentials", "true")
	if kind != "jar" {
		http.SetCookie(w, &http.Cookie{Name: "t_" + kind, Value: "1", Path: "/", SameSite: http.SameSiteNoneMode, Secure: true, MaxAge: 9999})
	}
	header.Set("Content-Type", mediaType(kind))
	if kind == "embed-page" { // shows a page of the shop's on one of its own
		fmt.Fprintf(w, embedPage, r.URL.Query().Get("sandbox"), html.EscapeString(r.URL.Query().Get("src")))
		return
	}
	switch header.Get("Content-Type") {
	case "text/javascript":
		host, _, _ := strings.Cut(r.Host, ".")
		fmt.Fprintf(w, trackerScript, kind, cmp.Or(map[string]string{"ads": "_ad_", "stats": "_st_"}[host], "_ga_")+kind)
		if kind == "ads-1" {
			fmt.Fprintf(w, adsScript, "https://"+r.Host+"/"+run+"/ping")
		}
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
		"text/javascript":   {"preload", "modulepreload", "classic", "async", "defer", "module", "injected", "document-write", "import", "link-preload", "untagged", "early", "ads-1", "ads-2", "marked-1", "marked-2"},
		"text/css":          {"stylesheet", "css-import"},
		"text/html":         {"iframe", "object", "embed", "embed-page", "prefetch", "speculation"},
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
const trackerScript = `((kind, name) => {
const tries = [
  () => (window.ran = window.ran || []).push(kind),
  () => document.cookie = name + '=1;path=/;max-age=9999',
  () => document.cookie = name + '_wide=1;path=/;domain=.shop.localhost;max-age=9999;secure;samesite=none;partitioned',
  () => localStorage.setItem(name, 1),
  () => sessionStorage.setItem(name, 1),
  () => /2|marked/.test(kind) || indexedDB.open(name), // whose end would take a page out of the back-forward cache
  () => caches.open(name).catch(() => {}),
]
for (const attempt of tries) try { attempt() } catch {}
})(%q, %q)
`

// adsScript keeps more, leaves a service worker, and goes on sending for as long as it may.
const adsScript = `{
const until = ';secure;max-age=9999;path='
document.cookie = '_ad_path=1' + until + location.pathname
document.cookie = '_ad_folder=1' + until + location.pathname.replace(/[^/]*$/, '')
document.cookie = '_ad_partitioned=1;samesite=none;partitioned' + until + '/'
document.cookie = '_ad_domain=1;domain=shop.localhost' + until + '/'
document.cookie = '_unknown_trk=1' + until + '/'
localStorage._ad_property = 1
try { localStorage.setItem('unknown_trk', 1) } catch {}
window.ready = navigator.serviceWorker.register('ads-sw.js')
setInterval(() => fetch('%s', { mode: 'no-cors' }), 20)
}`

const embedPage = `<!doctype html><title>Embeds</title><script>addEventListener('message', ({ data }) => { if (data && data.frame) window.framed = data.frame })</script>
<iframe %s src="%s"></iframe>`

var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
