package snippet

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// declaredPage is a page with marked tags of stats, unmarked ones of ads, and one that nobody declared; with ?calm without the
// one that goes on sending, with ?marked without all that is not marked, with ?inline so too, and ads brought by a marked script
// in the page itself, and with ?held so too until the page has said yes, which it does by itself. It never changes, and says
// so: whoever has it is told that it is not modified, with the policy of now.
func (h *hostile) declaredPage(w http.ResponseWriter, r *http.Request, site Site) {
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	query := r.URL.Query()
	run := query.Get("run")
	script := func(host, kind string, unless ...string) string {
		if slices.ContainsFunc(unless, query.Has) {
			return ""
		}
		return fmt.Sprintf(`<script src="%s/%s/%s"></script>`, h.at(host), run, kind)
	}
	if r.Method == http.MethodPost {
		h.change(run, func(run *hostileRun) { run.Own["post"]++ })
	} else {
		w.Header().Set("ETag", `"declared"`)
	}
	if r.Header.Get("If-None-Match") != "" {
		h.change(run, func(run *hostileRun) { run.Own["not-modified"]++ })
		w.WriteHeader(http.StatusNotModified)
		return
	}
	fmt.Fprintf(w, `<!doctype html><html><head>%[1]s<title>Declared</title><link rel="icon" href="data:,">
<script type="text/plain" data-heed-category="performance" data-heed-service="stats" src="%[2]s/%[3]s/marked-1"></script>
<script type="text/plain" data-heed-service="stats">ran.push('marked-inline')</script>
<script type="text/plain" data-category="analytics" data-service="stats" data-src="%[2]s/%[3]s/marked-2"></script>
%[4]s%[5]s
</head><body>
<form method="post"><input name="name"><button>Send</button></form>
<script>
(window.ran = window.ran || []).push('own')
window.said = []
console.info = (...args) => said.push(args.join(' '))
addEventListener('pageshow', ({ persisted }) => persisted && navigator.sendBeacon('/own/%[3]s/persisted'))
if (document.prerendering) fetch('/own/%[3]s/prerendering')
</script>
`, tag, h.at("stats"), run, script("ads", "ads-1", "calm", "marked", "inline", "held"), script("tracker", "classic", "marked", "inline", "held"))
	if query.Has("inline") {
		fmt.Fprintf(w, `<script type="text/plain" data-heed-service="ads">document.head.append(Object.assign(document.createElement('script'), { src: '%s/%s/ads-2' }))</script>`, h.at("ads"), run)
	}
	if query.Has("held") {
		// WebKit runs asynchronous scripts of a page that it still reads only when there is something to see.
		fmt.Fprintf(w, "<p>"+strings.Repeat("words ", 99)+`<script>
const ready = setInterval(() => {
  if (!('consent' in window.heed)) return
  clearInterval(ready)
  heed('consent', 'allow')
  fetch('/own/%[1]s/rest')
}, 20)
</script>`, run)
		w.(http.Flusher).Flush()
		h.await(r.Context(), run, func(run *hostileRun) bool { return run.Own["rest"] > 0 })
	}
	fmt.Fprint(w, script("ads", "ads-2", "marked", "inline"), "</body>")
}
