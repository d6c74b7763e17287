package snippet

import (
	"fmt"
	"net/http"
)

// declaredPage is a page with marked tags of stats, unmarked ones of ads, and one that nobody declared; with ?calm without the one that goes on sending. It never changes, and says so: whoever
// has it is told that it is not modified, with the policy of now.
func (h *hostile) declaredPage(w http.ResponseWriter, r *http.Request, site Site) {
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	run := r.URL.Query().Get("run")
	restless := ""
	if !r.URL.Query().Has("calm") {
		restless = fmt.Sprintf(`<script src="%s/%s/ads-1"></script>`, h.at("ads"), run)
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
<script type="text/plain" data-heed-category="performance" data-heed-service="stats" src="%[2]s/%[5]s/marked-1"></script>
<script type="text/plain" data-heed-service="stats">ran.push('marked-inline')</script>
<script type="text/plain" data-category="analytics" data-service="stats" data-src="%[2]s/%[5]s/marked-2"></script>
%[6]s<script src="%[4]s/%[5]s/classic"></script>
</head><body>
<form method="post"><input name="name"><button>Send</button></form>
<script>
(window.ran = window.ran || []).push('own')
window.said = []
console.info = (...args) => said.push(args.join(' '))
addEventListener('pageshow', ({ persisted }) => persisted && navigator.sendBeacon('/own/%[5]s/persisted'))
if (document.prerendering) fetch('/own/%[5]s/prerendering')
</script>
<script src="%[3]s/%[5]s/ads-2"></script></body>`, tag, h.at("stats"), h.at("ads"), h.at("tracker"), run, restless)
}
