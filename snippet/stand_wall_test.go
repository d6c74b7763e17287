package snippet

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"heed/consent"
	"heed/schemas"
)

// other starts the host of somebody else, whose script says on the page that it ran: /ran.js?<name>.
func (s *stand) startOther() {
	s.other = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/frame" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>A map</title><p>A map")
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, `(window.ran = window.ran || []).push(%q)`, r.URL.RawQuery)
	}))
}

// standWall is the wall of the sites whose keys begin with "wall-<strength>": the other host is that of three services.
func (s *stand) standWall(strength schemas.Wall) Wall {
	return Wall{Strength: strength, Services: []Service{
		{ID: "stats", Category: consent.Performance, Hosts: []string{s.other.URL}, Stores: []string{"_ga", "_ga_*"}},
		{ID: "ads", Category: consent.Advertising, Stores: []string{"_fbp"}},
		{ID: "maps", Category: consent.Functional, Stores: []string{"map*"}},
		{ID: "cart", Category: consent.Essential, Stores: []string{"basket"}},
	}}
}

// tag is what a site's pages carry.
func (s *stand) tag(key string) string {
	site, err := s.site(key)
	if err == nil && site.site.Wall.on() {
		var tag string
		if tag, err = site.site.Tag(); err == nil {
			return tag
		}
	}
	if err != nil {
		return fmt.Sprintf("<script>throw Error(%q)</script>", err)
	}
	return Tag(s.endpoint(key))
}

// body is what a page carries besides, by the name in ?body.
func (s *stand) body(name string) string {
	return strings.ReplaceAll(standBodies[name], "OTHER", s.other.URL)
}

var standBodies = map[string]string{
	"marked": `
<script type="text/plain" data-heed-category="performance" data-heed-service="stats" src="OTHER/ran.js?first"></script>
<script type="text/plain" data-heed-category="performance">(window.ran = window.ran || []).push('second')</script>
<script type="text/plain" data-category="analytics" data-src="OTHER/ran.js?third"></script>
<script type="text/plain" data-cookieconsent="statistics,marketing">(window.ran = window.ran || []).push('both')</script>
<script type="text/plain" data-name="stats" data-type="text/javascript">(window.ran = window.ran || []).push('fourth')</script>
<script type="text/plain" data-heed-category="advertising">(window.ran = window.ran || []).push('ad')</script>
<script type="text/plain">nobody's</script>`,
	"unmarked": `<script src="OTHER/ran.js?unmarked"></script>`,
	"embed":    `<iframe title="A map" width="320" height="200" data-heed-service="stats" data-heed-src="OTHER/frame"></iframe><p id="below">Below</p>`,
	"post":     `<form id="post" method="post" action="answer?body=unmarked"><button>Pay</button></form>`,
}
