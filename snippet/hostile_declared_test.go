package snippet

import (
	"fmt"
	"net/http"
)

// declaredPage is a page with marked tags of stats, unmarked ones of ads, and one that nobody declared. It never changes, and says so: whoever
// has it is told that it is not modified, with the policy of now.
func (h *hostile) declaredPage(w http.ResponseWriter, r *http.Request, site Site) {
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	run := r.URL.Query().Get("run")
	w.Header().Set("ETag", `"declared"`)
	if r.Header.Get("If-None-Match") != "" {
		h.change(run, func(run *hostileRun) { run.Own["not-modified"]++ })
		w.WriteHeader(http.StatusNotModified)
		return
	}
	fmt.Fprintf(w, `<!doctype html><html><head>%[1]s<title>Declared</title><link rel="icon" href="data:,">
<script type="text/plain" data-heed-category="performance" data-heed-service="stats" src="%[2]s/%[5]s/marked-1"></script>
<script type="text/plain" data-heed-service="stats">ran.push('marked-inline')</script>
<script type="text/plain" data-category="analytics" data-service="stats" data-src="%[2]s/%[5]s/marked-2"></script>
<script src="%[3]s/%[5]s/ads-1"></script>
<script src="%[4]s/%[5]s/classic"></script>
</head><body>
<form method="post"><input name="name"><button>Send</button></form>
<script>(window.ran = window.ran || []).push('own')</script>
<script src="%[3]s/%[5]s/ads-2"></script></body>`, tag, h.at("stats"), h.at("ads"), h.at("tracker"), run)
}
