package snippet

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heed/consent"
	"heed/schemas"
)

// newModes returns a stand whose sites tell every consent mode, and the server of their pages. Each site declares two services of
// others; keys that begin with "children" are for children.
func newModes(t *testing.T) (*stand, *httptest.Server) {
	s := newStand(t)
	s.adapt = func(site *Site) {
		site.Wall = Wall{
			Strength: schemas.WallTag,
			Modes:    Modes(),
			Services: []Service{
				{ID: "pixel", Category: consent.Advertising, Hosts: []string{"https://pixel.example"}, Marked: true},
				{ID: "ads", Category: consent.Advertising, Hosts: []string{"https://ads.example"}, Marked: true},
				{ID: "plugin", Category: consent.Essential, Stores: []string{"wp_consent_*"}},
			},
		}
	}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{key}/{path...}", func(w http.ResponseWriter, r *http.Request) {
		site, err := s.site(r.PathValue("key"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		tag, err := site.site.Tag()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if place := r.URL.Query().Get("timing"); place != "" {
			w.Header().Set("Server-Timing", fmt.Sprintf("heed;desc=%q", place))
		}
		before := ""
		if r.URL.Query().Has("gpc") {
			before = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});"
		}
		if r.URL.Query().Has("watch") {
			before += modesWatcher
		}
		fmt.Fprintf(w, modesPage, before, tag)
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	return s, server
}

// modesWatcher writes down in what order things happen, in window.name, which outlives a reload: what is written into the choice's
// cookie, told to the collector and said in each queue, and when the page is left.
const modesWatcher = `
const log = (what) => { name += what + '\n' }
const jar = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
Object.defineProperty(Document.prototype, 'cookie', {...jar, set(text) {
  if (/^heed/.test(text)) log('cookie')
  jar.set.call(this, text)
}})
const send = fetch
window.fetch = (url, init) => {
  if (/"consent":{/.test(init?.body)) log('record')
  return send(url, init)
}
const watched = (queue, vendor) => {
  const push = queue.push
  queue.push = (...entries) => {
    const [first] = entries
    const words = Object.prototype.toString.call(first) === '[object Arguments]' ? [...first] : first.event ? [first.event] : entries
    if (words[0] === 'consent' && words[1] !== 'default' || words.length === 1) log(vendor + ' ' + words[words.length > 1 ? 1 : 0])
    return push.apply(queue, entries)
  }
  return queue
}
window.dataLayer = watched([], 'google')
window.uetq = watched([], 'uet')
window.clarity = (...words) => { log('clarity ' + words[0]); (clarity.q ??= []).push(words) }
addEventListener('pagehide', () => log('left'))
`

// modesPage has what pages paste for each vendor, as far as it has to do with consent. Nothing of theirs is fetched.
const modesPage = `<!doctype html><html lang="en"><head><title>Modes</title><link rel="icon" href="data:,"><script>%s</script>
%s<script>
window.dataLayer = window.dataLayer || []
function gtag() { dataLayer.push(arguments) }
gtag('js', new Date())
gtag('config', 'G-1')
window.uetq = window.uetq || []
uetq.push('event', 'page_view', {})
window.clarity = window.clarity || function () { (clarity.q = clarity.q || []).push(arguments) }
clarity('set', 'a', 'b')
// As Meta's own: where there is an fbq already nothing is done, and nothing would be fetched.
if (!window.fbq) {
  const made = window.fbq = function () { made.callMethod ? made.callMethod.apply(made, arguments) : made.queue.push(arguments) }
  if (!window._fbq) window._fbq = made
  made.push = made
  made.loaded = true
  made.version = '2.0'
  made.queue = typeof watched === 'undefined' ? [] : watched([], 'meta')
}
fbq('init', '1')
fbq('track', 'PageView')
</script>
<script type="text/plain" data-heed-category="advertising" data-heed-service="pixel">name += 'released\n'</script></head><body><h1>Modes</h1><script defer src="data:text/javascript,
window.said=[];
window.wp_set_consent=(category,value)=>{said.push(category+' '+value);document.cookie='wp_consent_'+category+'='+value};
"></script></body></html>
`

// TestModes runs the consent modes in each engine. Whom the page tells is played: queues are read, and nothing of theirs is fetched.
func TestModes(t *testing.T) {
	t.Parallel()
	needNode(t)
	for engine, programs := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, program := range programs {
				if _, err := exec.LookPath(program); err != nil {
					t.Fatalf("%v: the snippet is proved in real browsers; make browser installs them", err)
				}
			}
			s, pages := newModes(t)
			runNode(t, filepath.Join("test", "browser", "modes.mjs"),
				"HEED_PAGES="+pages.URL, "HEED_COLLECTOR="+s.collector.URL, "HEED_ENGINE="+engine)
		})
	}
}

// TestModesLeaveOutWhatIsOff proves that a stub says nothing to vendors whom its site does not name.
func TestModesLeaveOutWhatIsOff(t *testing.T) {
	words := map[string]string{
		"google": "wait_for_update", "uet": "uetq", "clarity": "consentv2", "meta": "dataProcessingOptions", "wordpress": "wp_consent_type",
	}
	for _, on := range append(Modes(), "") {
		site := largestSite()
		site.Wall = Wall{Strength: schemas.WallTag}
		if on != "" {
			site.Wall.Modes = []string{on}
		}
		tag, err := site.Tag()
		if err != nil {
			t.Fatal(err)
		}
		for mode, word := range words {
			if got := strings.Contains(tag, word); got != (mode == on) {
				t.Errorf("Tag() with the mode %q has %s: %v, want %v", on, word, got, mode == on)
			}
		}
	}
}
