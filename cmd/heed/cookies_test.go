package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/consent/classify"
	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// cookieSite is a shop that keeps what its makers' documents say: essential things at once, the others once all is allowed,
// and a tracker that does not wait. Cookies of a third party come with an image, over TLS.
func cookieSite(t *testing.T) (port string) {
	t.Helper()
	expected, err := os.ReadFile("testdata/cookies/expected.csv")
	if err != nil {
		t.Fatal(err)
	}
	var later, own []string // set once all is allowed: by a tag, and by the site itself
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Host)
		w.Header().Set("Content-Type", "text/html")
		switch {
		case host == "ads.test":
			for _, name := range []string{"IDE", "MUID"} {
				http.SetCookie(w, &http.Cookie{Name: name, Value: "0123456789abcdef0123", Path: "/", MaxAge: 390 * 86400, SameSite: http.SameSiteNoneMode, Secure: true})
			}
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, `for (const name of %q.split(' ')) document.cookie = name + '=GA1.2.345.678; path=/; max-age=34128000; secure'; localStorage.setItem('_hjid', 1)`, strings.Join(later, " "))
		default:
			for _, name := range []string{"PHPSESSID", "JSESSIONID", "laravel_session", "connect.sid", "ASP.NET_SessionId", "csrftoken", "XSRF-TOKEN", "woocommerce_cart_hash", "__cf_bm", "AWSALB"} {
				http.SetCookie(w, &http.Cookie{Name: name, Value: "x", Path: "/", HttpOnly: true})
			}
			fmt.Fprintf(w, `<title>Shop</title><a href="/two">two</a> <a href="/two#again">again</a> <a href="/logout">out</a> <a href="https://else.test:%[1]s/">else</a>
				<script>document.cookie = '_fbp=fb.1.1.1; max-age=7776000'
				if (/heed=1\.0f/.test(document.cookie)) for (const name of %[2]q.split(' ')) document.cookie = name + '=de; max-age=86400'
				if (/heed=1\.0f/.test(document.cookie)) document.write('<script src="https://tag.test:%[1]s/all.js"><\/script><img src="https://ads.test:%[1]s/p">')</script>`, port, strings.Join(own, " "))
		}
	}))
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	for line := range strings.Lines(string(expected)) {
		name, class, _ := strings.Cut(strings.TrimSpace(line), ",")
		switch {
		case class == "functional":
			own = append(own, name)
		case class != "class" && class != "essential" && name != "_fbp" && name != "IDE" && name != "MUID":
			later = append(later, name)
		}
	}
	return port
}

// TestCrawl: three phases of a site of 43 cookies of known makers show what is set when, and its classes are scored.
func TestCrawl(t *testing.T) {
	port := cookieSite(t)
	site := &Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.test:" + port}}
	found, pages, err := crawl{
		site: site, stderr: io.Discard, start: "https://shop.test:" + port + "/", pages: 3, cookie: "heed", notice: "0a1b2c3d", now: time.Now,
		chrome: chromeConfig{rules: loopbackNames, insecure: true},
	}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) != 2 || !strings.HasSuffix(pages[1], "/two") {
		t.Errorf("visited %q, want the first page and /two", pages)
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	names := seenNames(site, nil, found, classifier)
	f := func(name, want string) {
		t.Helper()
		i := slices.IndexFunc(names, func(n seenName) bool { return n.Name == name })
		if i < 0 {
			t.Errorf("%s was not seen", name)
			return
		}
		n := names[i]
		got := strings.Join([]string{n.Place, n.Domain, n.Class, n.Lifetime, n.seen(), strings.Join(n.Flags, " "), strings.Join(n.Problems, "; ")}, "|")
		if got = strings.ReplaceAll(got, ":"+port, ""); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	f("PHPSESSID", "cookie|shop.test|essential|session|before refused yes|HttpOnly|not declared")
	f("_fbp", "cookie|shop.test|advertising|90d|before refused yes||set before a choice; set after a refusal; not declared")
	f("_ga", "cookie|shop.test|performance|395d|yes|Secure|not declared")
	f("IDE", "cookie|ads.test|advertising|390d|yes|Secure SameSite=None|not declared")
	f("_hjid", "local|shop.test|performance||yes||not declared")
	if i := slices.IndexFunc(names, func(n seenName) bool { return n.Name == "_ga" }); i >= 0 && names[i].Setter != "https://tag.test:"+port+"/all.js" {
		t.Errorf("_ga is set by %q, want the tag's script", names[i].Setter)
	}
	var out bytes.Buffer
	if err := (cookieReport{Site: "shop", Names: names}).score(&out, "testdata/cookies/expected.csv"); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", out.String())
	if !regexp.MustCompile(`(?m)^  shop +43 +9[0-9]\.[0-9]% +0\.9[0-9]+ +0 = +0\.00%`).Match(out.Bytes()) || strings.Contains(out.String(), "not seen") {
		t.Errorf("scored\n%s\nwant 43 names, over 90 %% right, none unsafe", out.String())
	}
}

// TestCrawlGoesWithTheSite: the choice goes with the site where it leads to another of its hosts, what one phase sees of a
// cookie does not hide what another does, and each cookie has its own setter, which is not the library that wrote it.
func TestCrawlGoesWithTheSite(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // where the browsers' profiles are
	var port string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Host)
		switch {
		case r.URL.Path == "/favicon.ico":
		case r.URL.Path == "/missing":
			http.NotFound(w, r)
		case r.URL.Path == "/away":
			http.Redirect(w, r, "https://login.test:"+port+"/", http.StatusFound)
		case r.URL.Path == "/lib.js":
			fmt.Fprint(w, `function put(name) { document.cookie = name + '=1; path=/' }`)
		case host == "tag.test":
			fmt.Fprint(w, `put('csrf_token')`)
		case host == "ads.test":
			http.SetCookie(w, &http.Cookie{Name: "__cf_bm", Value: "x", SameSite: http.SameSiteNoneMode, Secure: true})
		case host == "shop.test":
			http.Redirect(w, r, "https://www.shop.test:"+port+"/", http.StatusFound)
		default:
			http.SetCookie(w, &http.Cookie{Name: "__cf_bm", Value: "x", HttpOnly: true})
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<title>Shop</title><script>document.cookie = 'sid=1'
				if (/heed=1\.0f/.test(document.cookie)) document.cookie = 'granted=1', document.cookie = 'sid=1; max-age=864000'</script>
				<script src="/lib.js"></script><script src="https://tag.test:%[1]s/t.js"></script><img src="https://ads.test:%[1]s/p">`, port)
		}
	}))
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	site := &Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.test:" + port}}
	c := crawl{
		site: site, stderr: io.Discard, start: "https://shop.test:" + port + "/", pages: 1, cookie: "heed", notice: "0a1b2c3d", now: time.Now,
		chrome: chromeConfig{rules: loopbackNames, insecure: true},
	}
	found, _, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range seenNames(site, nil, found, classifier) {
		got = append(got, strings.ReplaceAll(strings.Join([]string{n.Name, n.Domain, n.Class, n.Lifetime, n.seen(), n.Setter}, "|"), ":"+port, ""))
	}
	want := []string{
		"__cf_bm|ads.test|advertising|session|before refused yes|https://ads.test/p",
		"__cf_bm|www.shop.test|essential|session|before refused yes|https://www.shop.test/",
		"csrf_token|www.shop.test|advertising|session|before refused yes|https://tag.test/t.js",
		"granted|www.shop.test|advertising|session|yes|https://www.shop.test/",
		"heed|shop.test|essential|180d|refused yes|",
		"sid|www.shop.test|advertising|10d|before refused yes|https://www.shop.test/",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("names =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	f := func(path, want string) {
		t.Helper()
		c.start = "https://shop.test:" + port + path
		if _, _, err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("crawl of %s = %v, want an error with %q", path, err, want)
		}
	}
	f("/missing", "answers with status 404")
	f("/away", "no page of the site")
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "heed-browser-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("profiles are left: %q, %v", left, err)
	}
}

// TestCookiesOfStrangers: a name that is the site's own, or Heed's, excuses nobody else, and the site's own hosts are known.
func TestCookiesOfStrangers(t *testing.T) {
	site := &Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.example", "https://shop.de"}}
	basket := declaredService{Stores: []string{"basket"}}
	basket.ID, basket.Category = "basket", "essential"
	site.Declared.Services = []declaredService{basket}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, domain, page, want string) {
		t.Helper()
		crawled := map[string][]stored{phaseBefore: {{Place: "cookie", Cookie: chromeCookie{Name: name}, Domain: domain, Page: page, Life: classify.Session}}}
		n := seenNames(site, nil, crawled, classifier)[0]
		if got := fmt.Sprintf("%s|%s|%s", n.Class, n.Service, strings.Join(n.Problems, "; ")); got != want {
			t.Errorf("%s of %s = %s, want %s", name, domain, got, want)
		}
	}
	f("heed_uid", "tracker.example", "shop.example", "performance||set before a choice; not declared")
	f("heed", "shop.example", "shop.example", "essential|heed|")
	f("heed_v_shop", "shop.example", "shop.example", "performance|heed-statistics|set before a choice")
	f("basket", "shop.example", "shop.example", "essential|basket|")
	f("basket", "tracker.example", "shop.example", "advertising||set before a choice; not declared")
	f("PHPSESSID", "shop.de", "shop.de", "essential||not declared")
	f("PHPSESSID", "tracker.example", "shop.de", "advertising||set before a choice; not declared")
}

// TestDeclareLines: what is printed to be pasted is understood, and promises nothing that nobody has seen.
func TestDeclareLines(t *testing.T) {
	site := &Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.example"}}
	maps := declaredService{Stores: []string{"map_*"}}
	maps.ID, maps.Category = "meta", "advertising"
	site.Declared.Services = []declaredService{maps}
	at := func(place, name string, days int) stored {
		return stored{Place: schemas.NamePlace(place), Cookie: chromeCookie{Name: name}, Domain: "shop.example", Page: "shop.example", Life: time.Duration(days) * day}
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	names := seenNames(site, nil, map[string][]stored{phaseGranted: {
		at("cookie", "_ga", 400), at("cookie", "_gcl_au", 90), at("cookie", "_fbp", 90), at("local", "_hjid", 0), at("local", "taboola global:user-id", 0),
		at("cookie", "PHPSESSID", -1), at("local", "日本", 0), at("local", "map_zoom", 0),
	}}, classifier)
	got := strings.Join(declareLines(site, names), "\n")
	for _, want := range []string{
		"{id: google, category: performance, purposes: [WHAT-FOR], lifetime_days: 400, stores: [_ga]}",
		"{id: google-advertising, category: advertising, purposes: [WHAT-FOR], lifetime_days: 90, stores: [_gcl_au]}",
		"{id: meta-advertising, category: advertising, purposes: [WHAT-FOR], lifetime_days: 90, stores: [_fbp]}",
		"category: performance, purposes: [WHAT-FOR], lifetime_days: HOW-LONG, stores: [_hjid]}",
		`lifetime_days: HOW-LONG, stores: ["taboola*global:user-id"]}`,
		"category: essential, purposes: [WHAT-FOR], lifetime_days: 0, stores: [PHPSESSID]}",
		`# "日本" cannot be declared`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lines =\n%s\nwant %q in them", got, want)
		}
	}
	if i := slices.IndexFunc(names, func(n seenName) bool { return n.Name == "map_zoom" }); strings.Join(names[i].Problems, "; ") != "stays until it is removed, declared session" {
		t.Errorf("problems of map_zoom = %q, want that it stays", names[i].Problems)
	}
}

// TestCookiesProblems: what is declared is compared with what was seen, and what pages report meets what a crawl has found.
func TestCookiesProblems(t *testing.T) {
	site := &Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.example"}}
	maps := declaredService{Stores: []string{"map_*", "_fbp"}}
	maps.ID, maps.Category, maps.LifetimeDays = "maps", "functional", 7
	site.Declared.Services = []declaredService{maps}
	site.Declared.Purposes = []declaredPurpose{{}}
	site.Declared.Purposes[0].ID, site.Declared.Purposes[0].Category = "stats", "performance"
	cookie := func(name string, days int) stored {
		return stored{Place: "cookie", Cookie: chromeCookie{Name: name}, Domain: "shop.example", Life: time.Duration(days) * day}
	}
	crawled := map[string][]stored{
		phaseBefore:  {cookie("heed", 180), cookie("map_zoom", 3), cookie("PHPSESSID", 1)},
		phaseGranted: {cookie("map_style", 30), cookie("_fbp", 5), cookie("_ga_ABC1234567", 400)},
	}
	reported := []clickhouse.InventoryTotal{
		{Kind: "cookie", Name: "_ga_#", Count: 5}, {Kind: "cookie", Name: "_ga_ABC#", Count: 9}, {Kind: "local", Name: "#P_JAR", Count: 2}, {Kind: "more", Count: 3},
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	names := seenNames(site, reported, crawled, classifier)
	var got []string
	for _, n := range names {
		got = append(got, fmt.Sprintf("%s %s %s %d: %s", n.Name, n.Class, n.Service, n.Pages, strings.Join(n.Problems, "; ")))
	}
	want := []string{
		"PHPSESSID essential  0: not declared",
		"heed essential heed 0: ",
		"_ga_ABC# performance  9: not declared",
		"_ga_ABC1234567 performance  5: not declared",
		"_fbp advertising maps 0: ",
		"map_style functional maps 0: lives 30d, declared 7d",
		"map_zoom functional maps 0: set before a choice",
		"#P_JAR advertising  2: not declared",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("names =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	lines := strings.Join(declareLines(site, names), "\n")
	for _, part := range []string{`category: performance, purposes: [stats], lifetime_days: 400, stores: ["_ga_`, "- {id: php-net, category: essential, purposes: [WHAT-FOR], lifetime_days: 1, stores: [PHPSESSID]}"} {
		if !strings.Contains(lines, part) {
			t.Errorf("lines =\n%s\nwant %q in them", lines, part)
		}
	}
}

// TestDeclaration: every language has the words, names are escaped, and each name stands once under its category.
func TestDeclaration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "policy")
	config := writeConfig(t, `sites:
  - id: shop
    origins: [https://shop.example]
    controller: {name: "Shop <GmbH> & Co", contact: a@shop.example, country: DE}
    purposes:
      - {id: directions, name: "Maps <i>", category: functional, retention_days: 30}
    recipients:
      - {id: mapco, name: Map Co, country: US, policy: "https://map.example/?a=1&b=2"}
    services:
      - {id: maps, name: "<b>Maps</b>", category: functional, purposes: [directions], recipient: mapco, lifetime_days: 7, stores: [map_zoom, "map_*"]}
  - id: blog # shares cookies with the shop, so that each has a choice of its own name
    origins: [https://blog.shop.example]
`)
	status, out, problems := runHeed(t, nil, "cookies", "shop", "--config", config, "--declare", dir)
	if status != exitOK || !strings.Contains(out, "in 34 languages") {
		t.Fatalf("heed cookies --declare = %d %s%s, want 34 languages", status, out, problems)
	}
	page, err := os.ReadFile(filepath.Join(dir, "cookies.de.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`lang="de" dir="ltr"`, `<th scope="col">Anbieter</th>`, `<th scope="row">&lt;b&gt;Maps&lt;/b&gt;<br><code dir="ltr">map_zoom</code><br><code dir="ltr">map_*</code></th>`,
		`<a href="https://map.example/?a=1&amp;b=2">Map Co</a> (US)`, "Maps &lt;i&gt;", "7 Tage", `<code dir="ltr">heed_shop</code>`, "heed_v_shop", "Shop &lt;GmbH&gt; &amp; Co",
	} {
		if !strings.Contains(string(page), part) {
			t.Errorf("page = %s\nwant %q in it", page, part)
		}
	}
	if strings.Contains(string(page), "<b>") || strings.Count(string(page), "map_zoom") != 1 {
		t.Errorf("page = %s\nwant nothing of the owner's as markup, and each name once", page)
	}
	if rtl, err := os.ReadFile(filepath.Join(dir, "cookies.ar.html")); err != nil || !strings.Contains(string(rtl), `dir="rtl"`) {
		t.Errorf("the Arabic page is %s, %v, want it from right to left", rtl, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cookies.fr.json"))
	var d cookieDeclaration
	if err != nil || json.Unmarshal(text, &d) != nil || d.Locale != "fr" || len(d.Categories) != 3 || d.Categories[1].Services[0].Names[0] != "map_zoom" ||
		d.Categories[1].Services[0].Lifetime != "7 jours" {
		t.Errorf("the French declaration is %s, %v", text, err)
	}
}

// TestDeclarationWords: all languages of notices have all words.
func TestDeclarationWords(t *testing.T) {
	var all map[string][]string
	if err := json.Unmarshal(declarationWords, &all); err != nil {
		t.Fatal(err)
	}
	built, err := (&Site{ID: "shop", Key: "shop", Origins: []string{"https://shop.example"}}).notices()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range built {
		words := all[b.Notice.Locale]
		if len(words) != 7 || slices.Contains(words, "") || !strings.Contains(words[5], "{days}") {
			t.Errorf("words of %s are %q, want 7 with {days} in the sixth", b.Notice.Locale, words)
		}
	}
}

func TestCookiesFailure(t *testing.T) {
	config := writeConfig(t, stockConfig)
	f := func(want string, args ...string) {
		t.Helper()
		status, _, problems := runHeed(t, nil, append([]string{"cookies", "shop", "--config", config, "--data.dir", t.TempDir()}, args...)...)
		if status == exitOK || !strings.Contains(problems, want) {
			t.Errorf("heed cookies %q = %d %q, want an error with %q", args, status, problems, want)
		}
	}
	f("is no URL of a page", "--crawl", "shop.example")
	f("want 1 to 50", "--crawl", "https://shop.example/", "--pages", "99")
	f("--browser", "--crawl", "https://shop.example/", "--browser", "no-such-browser")
	f("ask for --json or --expect in another call", "--declare", t.TempDir(), "--json")
	f("--browser", "--crawl", "https://shop.example/", "--declare", t.TempDir(), "--browser", "no-such-browser")
	f("ERR_NAME_NOT_RESOLVED", "--crawl", "https://shop.example/", "--rules", "MAP * ~NOTFOUND")
}
