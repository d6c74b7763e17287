package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/schemas"
)

// loopbackNames have every host name lead to this machine, as in http://shop.test:port/.
const loopbackNames = "MAP * 127.0.0.1"

// openTestChrome opens a browser for one test. Without a Chromium the test fails: make browser installs it.
func openTestChrome(t *testing.T, cfg chromeConfig) *chrome {
	t.Helper()
	cfg.rules = loopbackNames
	c, err := openChrome(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// testSite serves pages by host and path and returns the port. An answer is the document, or "cookie: …" lines before it.
func testSite(t *testing.T, pages map[string]string) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := net.SplitHostPort(r.Host)
		text, found := pages[name+r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		for rest, ok := strings.CutPrefix(text, "cookie: "); ok; rest, ok = strings.CutPrefix(text, "cookie: ") {
			var line string
			line, text, _ = strings.Cut(rest, "\n")
			w.Header().Add("Set-Cookie", line)
		}
		w.Header().Set("Content-Type", map[bool]string{true: "text/javascript", false: "text/html"}[strings.HasSuffix(r.URL.Path, ".js")])
		fmt.Fprint(w, strings.ReplaceAll(text, ":PORT", ":"+port))
	}))
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return port
}

// TestChromeVisit: a visit sees requests, what holds them back, cookies with flags, lifetimes and setters, and storage.
func TestChromeVisit(t *testing.T) {
	port := testSite(t, map[string]string{
		"shop.test/": "cookie: sid=1; HttpOnly; SameSite=Lax\n" + `<meta http-equiv="Content-Security-Policy" content="script-src 'unsafe-inline' http://tag.test:PORT">
			<script src="http://tag.test:PORT/a.js"></script><script src="http://bad.test:PORT/b.js"></script>
			<script>localStorage.k = 1; sessionStorage.s = 1; console.log('hello', 7); indexedDB.open('base'); window.sent = document.cookie</script>`,
		"tag.test/a.js": `document.cookie = '_tag=1; max-age=86400'`,
	})
	c := openTestChrome(t, chromeConfig{})
	p, err := c.visit(t.Context(), chromeVisit{
		url: "http://shop.test:" + port + "/", setters: true, cookies: []chromeCookie{{Name: "mine", Value: "2"}}, ask: []string{"window.sent", "undefined"},
		headers: map[string]string{"X-Test": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.Status != http.StatusOK || p.Cut || p.URL != "http://shop.test:"+port+"/" || p.Header["content-type"] != "text/html" {
		t.Errorf("page = %+v, want it whole", p)
	}
	checkVisitRequests(t, p)
	checkVisitCookies(t, p, port)
	for _, want := range []chromeKey{
		{schemas.PlaceLocal, "http://shop.test:" + port, "k"}, {schemas.PlaceSession, "http://shop.test:" + port, "s"}, {schemas.PlaceIDB, "http://shop.test:" + port, "base"},
	} {
		if !slices.Contains(p.Stored, want) {
			t.Errorf("stored = %v, want %v in it", p.Stored, want)
		}
	}
	if !slices.Contains(p.Console, "log: hello 7") {
		t.Errorf("console = %q, want the page's line", p.Console)
	}
	if len(p.Answers) != 2 || !strings.Contains(string(p.Answers[0]), "_tag=1") || !strings.Contains(string(p.Answers[0]), "mine=2") {
		t.Errorf("answers = %s, want the cookies that the page saw", p.Answers)
	}
}

func checkVisitRequests(t *testing.T, p *chromePage) {
	t.Helper()
	f := func(part, kind, blocked string, status int) {
		t.Helper()
		i := slices.IndexFunc(p.Requests, func(r chromeRequest) bool { return strings.Contains(r.URL, part) })
		if i < 0 || p.Requests[i].Type != kind || p.Requests[i].Blocked != blocked || p.Requests[i].Status != status {
			t.Errorf("requests = %+v, want %s as %s, blocked %q, status %d", p.Requests, part, kind, blocked, status)
		}
	}
	f("shop.test", "Document", "", http.StatusOK)
	f("tag.test", "Script", "", http.StatusOK)
	f("bad.test", "Script", "csp", 0)
}

func checkVisitCookies(t *testing.T, p *chromePage, port string) {
	t.Helper()
	byName := map[string]chromeCookie{}
	for _, c := range p.Cookies {
		byName[c.Name] = c
	}
	if c := byName["sid"]; !c.HTTPOnly || c.SameSite != "Lax" || !c.Expires.IsZero() || c.Setter != "http://shop.test:"+port+"/" {
		t.Errorf("sid = %+v, want one of the answer that ends with the session", c)
	}
	c := byName["_tag"]
	if lives := time.Until(c.Expires); c.Domain != "shop.test" || lives < 20*time.Hour || lives > 25*time.Hour || c.Setter != "http://tag.test:"+port+"/a.js" {
		t.Errorf("_tag = %+v, want one of the script for a day", c)
	}
}

// TestChromeVisitBounds: a page that asks without end is stopped.
func TestChromeVisitBounds(t *testing.T) {
	port := testSite(t, map[string]string{"loop.test/": `<script>let n = 0; setInterval(() => { new Image().src = '/x' + n++ }, 1)</script>`})
	c := openTestChrome(t, chromeConfig{requests: 20})
	p, err := c.visit(t.Context(), chromeVisit{url: "http://loop.test:" + port + "/"})
	if err != nil || !p.Cut || len(p.Requests) != 20 {
		t.Errorf("visit = %d requests, cut %v, %v; want 20 and cut", len(p.Requests), p.Cut, err)
	}
}

func TestChromeFailure(t *testing.T) {
	if _, err := openChrome(t.Context(), chromeConfig{path: "no-such-browser"}); err == nil || !strings.Contains(err.Error(), "--browser") {
		t.Errorf("openChrome of no browser = %v, want an error that names --browser", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := openChrome(t.Context(), chromeConfig{}); err == nil || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("openChrome without one = %v, want an error that says how to install one", err)
	}
}
