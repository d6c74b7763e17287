package snippet

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// trap is what stands in the wall's way on a page.
type trap struct {
	policy string                   // the site's own; %s stands for the hash of the stub
	before string                   // what comes before the tag, where it has no business; %s stands for the tracker's address
	behind string                   // what comes right behind it
	change func(page string) string // what a tool makes of the page
}

var traps = map[string]trap{
	"plain":                   {},
	"trusted-types":           {policy: "require-trusted-types-for 'script'; trusted-types heed"},
	"trusted-types-of-others": {policy: "require-trusted-types-for 'script'; trusted-types other"},
	"nonces":                  {policy: "script-src 'nonce-n'", change: addNonces},
	"strict-dynamic":          {policy: "script-src 'nonce-n' 'strict-dynamic'; object-src 'none'; base-uri 'none'", change: addNonces},
	"no-unsafe-inline":        {policy: "script-src 'nonce-n' %s https:; style-src 'self'", change: addNoncesToOthers},
	"minified":                {change: minify},
	"delayed":                 {change: delay},
	"late":                    {before: `<script src="%s/early"></script><script>fetch('%[1]s/too-early', { mode: 'no-cors' })</script>`},
	"blocked-storage":         {before: blockStorage},
	"overwritten-before":      {before: overwrite},
	"overwritten-behind":      {behind: overwrite},
}

// overwrite is what scripts of others do to a page that was there before them.
const overwrite = `<script>
window.fetch = ((real) => (...args) => real(...args))(fetch)
XMLHttpRequest.prototype.open = ((real) => function (...args) { return real.apply(this, args) })(XMLHttpRequest.prototype.open)
{
  const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
  Object.defineProperty(document, 'cookie', { configurable: true, get() { return get.call(this) }, set(text) { set.call(this, text) } })
}
Array.prototype.extra = Object.prototype.extra = function () {}
Array.prototype.toJSON = function () { return 'a list' }
Array.prototype.reduce = Array.prototype.find = Array.prototype.some = function () { return undefined }
</script>`

// blockStorage is what a browser does that blocks a site's cookies and storage.
const blockStorage = `<script>
const blocked = { configurable: true, get() { throw new DOMException('blocked', 'SecurityError') }, set() { throw new DOMException('blocked', 'SecurityError') } }
Object.defineProperty(Document.prototype, 'cookie', blocked)
for (const area of ['localStorage', 'sessionStorage']) Object.defineProperty(window, area, blocked)
</script>`

// trapPage is a page with a trap: what nobody declared and what ads bring must not run before a grant, and the page has to work.
func (h *hostile) trapPage(w http.ResponseWriter, r *http.Request, site Site) {
	trap, run := traps[r.URL.Query().Get("trap")], r.URL.Query().Get("run")
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	if trap.policy != "" {
		w.Header().Add("Content-Security-Policy", strings.ReplaceAll(trap.policy, "%s", stubHash(tag)))
	}
	tracker := h.at("tracker") + "/" + run
	page := "<!doctype html><html><head>" + `<script>window.problems = []; addEventListener('error', ({ message }) => message && problems.push(message))</script>` +
		strings.ReplaceAll(trap.before, "%s", tracker) + tag + trap.behind + fmt.Sprintf(`<title>Trap</title><link rel="icon" href="data:,">
<!-- a comment --><script src="%[1]s/classic"></script><script src="%[2]s/%[3]s/ads-2"></script></head><body>%[4]s<script>
kinds(() => fetch('%[1]s/fetch', { mode: 'no-cors' }), () => settle(new Image(), { src: '%[1]s/image' })).then(() => {
  if (parent !== window) parent.postMessage({ frame: { ran: window.ran || [], problems } }, '*')
})
</script></body></html>`, tracker, h.at("ads"), run, helpers)
	page = strings.ReplaceAll(page, "%[1]s", tracker)
	if trap.change != nil {
		page = trap.change(page)
	}
	fmt.Fprint(w, page)
}

// stubHash is the hash by which a site's policy can allow the stub.
func stubHash(tag string) string {
	_, rest, _ := strings.Cut(tag, ">")
	stub, _, _ := strings.Cut(rest, "</script>")
	sum := sha256.Sum256([]byte(stub))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// addNonces gives every script of a page the nonce of its policy.
func addNonces(page string) string { return strings.ReplaceAll(page, "<script", `<script nonce="n"`) }

// addNoncesToOthers leaves out the stub and the loader, which the policy allows by hash and host.
func addNoncesToOthers(page string) string {
	return strings.ReplaceAll(addNonces(page), `<script nonce="n" data-cfasync`, "<script data-cfasync")
}

var (
	comment  = regexp.MustCompile(`(?s)<!--.*?-->`)
	between  = regexp.MustCompile(`>\s+<`)
	element  = regexp.MustCompile(`<[a-z][^>]*>`)
	quoted   = regexp.MustCompile("=\"([^\\s\"'`=<>]+)\"")
	optional = regexp.MustCompile(`</?(html|head|body)>`)
	scripts  = regexp.MustCompile(`(?s)(<script[^>]*>)(.*?)(</script>)`)
)

// minify takes out of a page what minifiers of HTML take out: comments, spaces between elements, quotes, and tags that go without saying.
func minify(page string) string {
	var bodies []string
	page = scripts.ReplaceAllStringFunc(page, func(script string) string {
		parts := scripts.FindStringSubmatch(script)
		bodies = append(bodies, parts[2])
		return parts[1] + "\x00" + parts[3]
	})
	page = between.ReplaceAllString(comment.ReplaceAllString(page, ""), "><")
	page = element.ReplaceAllStringFunc(page, func(tag string) string { return quoted.ReplaceAllString(tag, "=$1") })
	page = optional.ReplaceAllString(page, "")
	for _, body := range bodies {
		page = strings.Replace(page, "\x00", body, 1)
	}
	return page
}

// delay does as Rocket Loader: it keeps scripts from running until the page is there, unless they ask to be left alone.
func delay(page string) string {
	page = scripts.ReplaceAllStringFunc(page, func(script string) string {
		if strings.Contains(script, `data-cfasync="false"`) {
			return script
		}
		return strings.Replace(script, "<script", `<script type="late-text/javascript"`, 1)
	})
	return strings.Replace(page, "</body>", `<script>(async () => {
for (const late of document.querySelectorAll('script[type^=late]')) {
  const script = document.createElement('script')
  script.text = late.text
  await new Promise((done) => { script.onload = script.onerror = done; if (late.src) script.src = late.src; late.replaceWith(script); if (!late.src) done() })
}
})()</script></body>`, 1)
}
