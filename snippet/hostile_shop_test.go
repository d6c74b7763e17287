package snippet

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/schemas"
)

// kind is one way for a page to speak with a host: %s stands for the address.
type kind struct{ name, code string }

// The 37 kinds: of the head, of the body, and from script, where document.write is the last, since it has to happen while the page is still
// read. The promise of each ends when the browser has dealt with it.
var (
	headKinds = []kind{
		{"stylesheet", `<link rel="stylesheet" href="%s">`},
		{"preload", `<link rel="preload" as="script" href="%s">`},
		{"prefetch", `<link rel="prefetch" href="%s">`},
		{"modulepreload", `<link rel="modulepreload" href="%s">`},
		{"classic", `<script src="%s"></script>`},
		{"async", `<script async src="%s"></script>`},
		{"defer", `<script defer src="%s"></script>`},
		{"module", `<script type="module" src="%s"></script>`},
		{"css-url", `<style>.u { background: url(%s) }</style>`},
		{"css-import", `<style>@import "%s";</style>`},
	}
	bodyKinds = []kind{
		{"img", `<img src="%s">`},
		{"srcset", `<img srcset="%s 1x">`},
		{"picture", `<picture><source srcset="%s"><img></picture>`},
		{"lazy", `<img loading="lazy" src="%s" width="1" height="1">`},
		{"iframe", `<iframe src="%s"></iframe>`},
		{"video", `<video preload="auto" src="%s"></video>`},
		{"poster", `<video poster="%s"></video>`},
		{"audio", `<audio preload="auto" controls src="%s"></audio>`},
		{"object", `<object type="text/html" data="%s"></object>`},
		{"embed", `<embed type="text/html" src="%s">`},
		{"input", `<input type="image" src="%s">`},
		{"svg", `<svg><image href="%s" width="1" height="1"/></svg>`},
		{"inline-style", `<p style="background: url(%s)">p</p>`},
	}
	scriptKinds = []kind{
		{"image", `settle(new Image(), { src: '%s' })`},
		{"fetch", `fetch('%s', { credentials: 'include' })`},
		{"xhr", `new Promise((done) => { const x = new XMLHttpRequest(); x.onloadend = done; x.open('GET', '%s'); x.withCredentials = true; x.send() })`},
		{"beacon", `navigator.sendBeacon('%s')`},
		{"injected", `document.body.append(of(document.createElement('script'), { src: '%s' }))`},
		{"inner-html", `put('<img src="%s">')`},
		{"import", `import('%s')`},
		{"event-source", `new Promise((done) => { const e = new EventSource('%s', { withCredentials: true }); e.onopen = e.onerror = () => done(e.close()) })`},
		{"web-socket", `new Promise((done) => { const s = new WebSocket('%s'.replace('https', 'wss')); s.onopen = s.onerror = s.onclose = done })`},
		{"blob-worker", `new Promise((done) => new Worker(URL.createObjectURL(new Blob(["fetch('%s').catch(() => {}).then(() => postMessage(1))"]))).onmessage = done)`},
		{"realm-fetch", `realm().fetch('%s', { credentials: 'include' })`},
		{"background", `document.body.style.backgroundImage = 'url(%s)'`},
		{"font", `new FontFace('f', 'url(%s)').load()`},
	}
)

// helpers are what the kinds of script use. window.settled says that the browser has dealt with all of them.
const helpers = `<script>
const settling = []
const of = (element, properties) => { settling.push(settle(element, properties)); return element }
const settle = (element, properties) => new Promise((done) => { element.onload = element.onerror = done; Object.assign(element, properties) })
const put = (html) => { const p = document.createElement('p'); document.body.append(p); p.innerHTML = html }
const realm = () => { const frame = document.createElement('iframe'); document.body.append(frame); return frame.contentWindow }
addEventListener('message', ({ data }) => data && data.ran && (window.ran = window.ran || []).push(data.ran))
const kinds = async (...all) => {
  for (const kind of all) try { settling.push(Promise.resolve(kind()).catch(() => {})) } catch {}
  await Promise.all(settling)
  if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', done))
  window.settled = true
}
</script>`

// serveShop answers for the shop's host: /<key>/<page>, where the key is a site's, or what a script of the shop's asks for.
func (h *hostile) serveShop(w http.ResponseWriter, r *http.Request) {
	key, page, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	if page == "" {
		http.NotFound(w, r)
		return
	}
	if key == "own" { // /own/<run>/<kind>
		run, kind, _ := strings.Cut(page, "/")
		h.change(run, func(run *hostileRun) { run.Own[kind]++ })
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "image/gif")
		w.Write(pixel)
		return
	}
	site, err := h.site(key)
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	if site.site.Wall.Strength == schemas.WallHeader {
		w.Header().Set("Content-Security-Policy", policyFor(site.site, r))
		w.Header().Set("Vary", "Cookie")
	}
	switch page {
	case "kinds":
		h.kindsPage(w, r, site.site)
	case "more":
		h.morePage(w, r, site.site)
	case "declared":
		h.declaredPage(w, r, site.site)
	case "trap":
		h.trapPage(w, r, site.site)
	case "untagged", "worker.js", "sw.js", "ads-sw.js":
		h.serveMore(w, r, page)
	case "choose": // ?granted are the categories of a choice that the visitor has made
		if granted, err := strconv.Atoi(r.URL.Query().Get("granted")); err == nil {
			h.choose(w, site.site, consent.Categories(granted))
		}
		fmt.Fprint(w, `<!doctype html><title>Chosen</title><link rel="icon" href="data:,">`)
	case "probe": // no tag, no policy: what the browser keeps for the shop can be seen here, and what it keeps for the tracker at /jar
		w.Header().Del("Content-Security-Policy")
		fmt.Fprintf(w, `<!doctype html><title>Probe</title><link rel="icon" href="data:,"><img src="%s/%s/jar">`, h.at("tracker"), r.URL.Query().Get("run"))
	default:
		http.NotFound(w, r)
	}
}

// choose sets the cookie of a choice of today, sealed if it grants anything.
func (h *hostile) choose(w http.ResponseWriter, site Site, granted consent.Categories) {
	choice := consent.Choice{Granted: granted, Day: consent.DayOf(time.Now()), Notice: site.Notice}
	if choice.Grants() {
		choice = choice.Seal(standSealKey, "stand", uuid.New())
	}
	http.SetCookie(w, &http.Cookie{Name: site.CookieName, Value: choice.String(), Path: "/", Domain: site.CookieDomain, Secure: true, MaxAge: 9999})
}

// policyFor is what the recipes of deploy/proxy make of the choice cookie.
func policyFor(site Site, r *http.Request) string {
	permitted := Permitted{Granted: consent.Essential, Undecided: true}
	if cookie, err := r.Cookie(site.CookieName); err == nil {
		if choice, err := consent.ParseChoice(cookie.Value); err == nil && choice.Notice == site.Notice {
			permitted = Permitted{Granted: choice.Granted}
		}
	}
	return site.Policy(permitted)
}

// kindsPage is a page with all 37 kinds, in one piece, or with ?flush in two: the rest comes when the tag has run.
func (h *hostile) kindsPage(w http.ResponseWriter, r *http.Request, site Site) {
	run := r.URL.Query().Get("run")
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	head := "<!doctype html><html><head>" + tag + `<title>Kinds</title><link rel="icon" href="data:,">`
	if r.URL.Query().Has("flush") {
		fmt.Fprintf(w, "%s<script>fetch('/own/%s/tag')</script>", head, run)
		w.(http.Flusher).Flush()
		h.await(r.Context(), run, func(run *hostileRun) bool { return run.Own["tag"] > 0 })
		head = ""
	}
	fmt.Fprint(w, head+kindsMarkup(h.at("tracker")+"/"+run+"/", "/own/"+run+"/"))
}

// kindsMarkup is what comes behind the tag. The addresses of others and of the shop's own end in a kind.
func kindsMarkup(others, own string) string {
	var page strings.Builder
	for _, k := range headKinds {
		fmt.Fprintf(&page, k.code+"\n", others+k.name)
	}
	fmt.Fprintf(&page, `<link rel="prefetch" href="%sprefetch"></head><body>`, own)
	for _, k := range bodyKinds {
		fmt.Fprintf(&page, k.code+"\n", others+k.name)
	}
	page.WriteString(helpers)
	fmt.Fprintf(&page, `<script>document.write('<script src="%s"></' + 'script>')</script><script>kinds(`, others+"document-write")
	for _, k := range scriptKinds {
		fmt.Fprintf(&page, "() => "+k.code+",\n", others+k.name)
	}
	fmt.Fprintf(&page, `() => navigator.sendBeacon('%[1]sbeacon'))</script><p class="u">u</p>
<p style="background: url(%[1]sbackground)">p</p><img loading="lazy" src="%[1]slazy" width="1" height="1">`, own)
	return page.String()
}

// tag is what the shop's pages begin with; nothing where no wall is up.
func (h *hostile) tag(site Site) (string, error) {
	if !site.Wall.on() {
		return "", nil
	}
	h.tagsMu.Lock()
	defer h.tagsMu.Unlock()
	tag, err := h.tags[site.Key], error(nil)
	if tag == "" {
		tag, err = site.Tag()
		h.tags[site.Key] = tag
	}
	return tag, err
}
