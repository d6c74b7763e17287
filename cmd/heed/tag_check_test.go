package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	esbuild "github.com/evanw/esbuild/pkg/api"
)

// checkedSite is the configuration whose tag the pages of these tests have; %s is where they and the collector are.
const checkedSite = `collector: {public_url: "%[1]s", prefix: /p7x}
sites:
  - id: shop
    origins: ["%[1]s"]
    purposes: [{id: directions, category: functional, retention_days: 30}]
    recipients: [{id: mapco, name: Map Co, country: US}]
    services:
      - {id: map, category: functional, purposes: [directions], recipient: mapco, hosts: [https://tiles.map.example]}
`

// zoo serves pages under the tag as heed tag prints it.
type zoo struct {
	*httptest.Server
	config string
	tag    string
	mux    *http.ServeMux
}

func openZoo(t *testing.T, more string) *zoo {
	t.Helper()
	z := &zoo{mux: http.NewServeMux()}
	z.Server = httptest.NewServer(z.mux)
	t.Cleanup(z.Close)
	z.mux.HandleFunc("/p7x/shop/heed.js", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/javascript") })
	z.config = filepath.Join(t.TempDir(), "heed.yaml")
	if err := os.WriteFile(z.config, []byte(fmt.Sprintf(checkedSite, z.URL)+more), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := runHeed(t, nil, "tag", "shop", "--config", z.config)
	if status != exitOK {
		t.Fatalf("heed tag = %d: %s", status, stderr)
	}
	z.tag = stdout
	return z
}

// page serves an HTML document with these headers.
func (z *zoo) page(path, html string, headers ...string) {
	z.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		fmt.Fprint(w, html)
	})
}

// check runs heed tag --check over paths, and returns what it says of each.
func (z *zoo) check(t *testing.T, paths []string, more ...string) map[string]string {
	t.Helper()
	urls := make([]string, len(paths))
	for i, path := range paths {
		urls[i] = z.URL + path
	}
	args := append([]string{"tag", "shop", "--config", z.config, "--check", strings.Join(urls, ",")}, more...)
	status, stdout, stderr := runHeed(t, nil, args...)
	said, current := map[string]string{}, ""
	for line := range strings.Lines(stdout) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), z.URL); found {
			current = path
			continue
		}
		said[current] += line
	}
	wrong := strings.Contains(stdout, "wrong:")
	if (status != exitOK) != wrong || len(said) != len(paths) {
		t.Fatalf("heed tag --check = %d with %q, want a word on each of %d pages\n%s", status, stderr, len(paths), stdout)
	}
	return said
}

const aLink = `<body><a href="/clean">on</a></body>`

// What is wrong with a page's tag is seen in a browser, and said with what to do.
func TestTagCheckSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	z := openZoo(t, "")
	lines := strings.SplitAfter(z.tag, "\n")
	stub, seal, loader := lines[0], lines[1], lines[2]
	head := func(inside string) string {
		return "<!doctype html><html><head><meta charset=utf-8>" + inside + "</head>" + aLink
	}
	hash := cspOf(t, z, "script-src 'sha256-")
	cases := []struct {
		path, html, header string
		want               []string // patterns; none: nothing is wrong
	}{
		{"/clean", head(z.tag + "<script>1</script>"), "", nil},
		{"/allowed", head(z.tag), "script-src " + hash + "; connect-src " + z.URL, nil},
		{"/trusted", head(z.tag), "require-trusted-types-for 'script'; trusted-types heed", nil},
		{"/nonces", head(strings.ReplaceAll(z.tag, "<script ", "<script nonce=n7 ")), "script-src 'nonce-n7' 'strict-dynamic'; connect-src " + z.URL, nil},
		{"/none", head(""), "", []string{`there is no tag`}},
		{"/old", head(strings.Replace(stub, `data-heed="`, `data-heed="0`, 1) + seal + loader), "", []string{`the tag is 0[0-9a-f]{8}, of another configuration`}},
		{"/twice", head(z.tag + z.tag), "", []string{`there are 2 tags`}},
		{"/late", head(`<script src="/first.js"></script>` + z.tag), "", []string{`the tag was not the first: ahead of it came http://\S+/first.js`}},
		{"/torn", head(stub + "<title>x</title>" + seal + loader), "", []string{`the seal does not follow the tag at once`}},
		{"/bare", head(stub + loader), "", []string{`there is no seal`}},
		{"/half", head(stub + seal), "", []string{`the page does not ask for http://\S+/heed.js`}},
		{"/blocked", head(z.tag), "script-src 'self'", []string{`the page's own policy holds back inline, by script-src-elem`, `the tag is there, but never ran`}},
		{"/untrusted", head(z.tag), "require-trusted-types-for 'script'; trusted-types other", []string{`the page's own policy holds back`}},
		{"/lazy", head(strings.Replace(stub, "<script ", `<script type="text/rocketscript" `, 1) + seal + loader), "", []string{`its type is "text/rocketscript"`}},
		{"/delayed", head("<script>addEventListener('load', () => document.head.append(document.createRange().createContextualFragment(" +
			"document.getElementById('t').innerHTML)))</script><template id=t>" + stub + "</template>" + loader),
			"", []string{`something delays it`}},
		{"/rewritten", head("<script>document.write = () => {}</script>" + z.tag), "", []string{`the tag was not the first`, `after a yes the page stays sealed`}},
	}
	var paths []string
	for _, c := range cases {
		paths = append(paths, c.path)
		headers := []string{}
		if c.header != "" {
			headers = []string{"Content-Security-Policy", c.header}
		}
		z.page(c.path, c.html, headers...)
	}
	z.mux.HandleFunc("/first.js", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/javascript") })
	said := z.check(t, paths)
	for _, c := range cases {
		expectFindings(t, c.path, said[c.path], c.want)
	}
}

// expectFindings wants each pattern among what is said to be wrong, with a remedy below it, and nothing wrong without any.
func expectFindings(t *testing.T, path, said string, want []string) {
	t.Helper()
	if len(want) == 0 && strings.Contains(said, "wrong:") {
		t.Errorf("%s is said to be wrong:\n%s", path, said)
	}
	for _, pattern := range want {
		if !regexp.MustCompile(`(?m)^  wrong: .*` + pattern + `.*\n {9}\S`).MatchString(said) {
			t.Errorf("of %s nothing like %q is said, with a remedy:\n%s", path, pattern, said)
		}
	}
}

// cspOf is the line of heed tag --csp that begins so, without its directive.
func cspOf(t *testing.T, z *zoo, beginning string) string {
	t.Helper()
	_, stdout, _ := runHeed(t, nil, "tag", "shop", "--config", z.config, "--csp")
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, beginning) {
			return strings.TrimSpace(strings.TrimPrefix(line, "script-src"))
		}
	}
	t.Fatalf("heed tag --csp says nothing of %q:\n%s", beginning, stdout)
	return ""
}

// Turbo and React 19 merge heads: a page that is sealed under them is sealed again after a yes, and that is said.
func TestTagCheckSeesMergedHeads(t *testing.T) {
	t.Parallel()
	z := openZoo(t, "")
	z.mux.HandleFunc("/turbo.js", serveScript(bundleScript(t, `import '@hotwired/turbo'`)))
	lines := strings.SplitAfter(z.tag, "\n")
	react := fmt.Sprintf(`import { createElement as h } from 'react'
		import { hydrateRoot } from 'react-dom/client'
		const content = %q
		hydrateRoot(document, h('html', null,
			h('head', null, h('meta', { httpEquiv: 'Content-Security-Policy', content, 'data-heed': '' })), h('body', null, h('p', null, 'page'))))`,
		regexp.MustCompile(`content="([^"]*)"`).FindStringSubmatch(strings.ReplaceAll(lines[1], "&#39;", "'"))[1])
	z.mux.HandleFunc("/react.js", serveScript(bundleScript(t, react)))
	turbo := func(to string) string {
		return "<!doctype html><html><head>" + z.tag + `<script src="/turbo.js"></script></head><body><a href="` + to + `">on</a></body></html>`
	}
	z.page("/turbo", turbo("/turbo2"))
	z.page("/turbo2", turbo("/turbo"))
	z.page("/react", "<!doctype html><html><head>"+z.tag+`</head><body><p>page</p><script src="/react.js"></script></body></html>`)
	said := z.check(t, []string{"/turbo", "/react"})
	expectFindings(t, "/turbo", said["/turbo"], []string{`the page uses Turbo`, `after a yes a link within the site seals the page again`})
	expectFindings(t, "/react", said["/react"], []string{`the page uses React on the whole document`, `after a yes the seal was put back`})
}

// bundleScript makes one script of a module and the npm packages that it imports.
func bundleScript(t *testing.T, module string) []byte {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	result := esbuild.Build(esbuild.BuildOptions{
		Stdin: &esbuild.StdinOptions{Contents: module, ResolveDir: root}, Bundle: true, Write: false, Format: esbuild.FormatIIFE,
		Define: map[string]string{"process.env.NODE_ENV": `"production"`}, LogLevel: esbuild.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		t.Fatalf("bundle: %s (npm ci fetches what it needs)", result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents
}

func serveScript(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(text)
	}
}

// Under the strength "header" the answers themselves are looked at, in each state and where they are not modified.
func TestTagCheckAsksForHeaders(t *testing.T) {
	t.Parallel()
	z := openZoo(t, "    wall: {strength: header}\n")
	strict := "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: " + baseOf(t, z)
	html := "<!doctype html><html><head>" + z.tag + "</head>" + aLink
	serve := func(path string, policy func(granted bool) string, notModified bool) {
		z.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			cookie, _ := r.Cookie("heed")
			granted := cookie != nil && strings.HasPrefix(cookie.Value, "1.0f")
			h := w.Header()
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Cache-Control", "private, no-cache")
			h.Set("Vary", "Cookie")
			h.Set("ETag", `"1"`)
			if text := policy(granted); text != "" && (notModified || r.Header.Get("If-None-Match") == "") {
				h.Set("Content-Security-Policy", text)
			}
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, html)
		})
	}
	right := func(granted bool) string { return strict + either(granted, " tiles.map.example", "") }
	serve("/right", right, true)
	serve("/forgets", right, false)
	serve("/never", func(bool) string { return "" }, true)
	serve("/open", func(bool) string { return strict + " tiles.map.example" }, true)
	serve("/shut", func(bool) string { return strict }, true)
	said := z.check(t, []string{"/right", "/forgets", "/never", "/open", "/shut"})
	expectFindings(t, "/right", said["/right"], nil)
	expectFindings(t, "/forgets", said["/forgets"], []string{`not modified \(304\), the answer carries no policy`})
	expectFindings(t, "/never", said["/never"], []string{`before a choice the answer carries no policy`})
	expectFindings(t, "/open", said["/open"], []string{`after a no the answer's policy allows more`})
	expectFindings(t, "/shut", said["/shut"], []string{`after a yes to everything the answer's policy allows less`})
}

// baseOf are the hosts that the site's recipe always allows.
func baseOf(t *testing.T, z *zoo) string {
	t.Helper()
	_, stdout, _ := runHeed(t, nil, "tag", "shop", "--config", z.config, "--header", "nginx")
	found := regexp.MustCompile(`"'self' 'unsafe-inline' 'unsafe-eval' data: blob: ([^"]*)"`).FindStringSubmatch(stdout)
	if found == nil {
		t.Fatalf("the recipe has no base:\n%s", stdout)
	}
	return found[1]
}
