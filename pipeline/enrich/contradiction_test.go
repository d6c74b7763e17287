package enrich

import "testing"

const (
	chromeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	chromeOnLinux   = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	chromeOnAndroid = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36"
	webView         = "Mozilla/5.0 (Linux; Android 14; SM-S911B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0.0.0 Mobile Safari/537.36"
	chromeOld       = "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/75.0.3770.100 Safari/537.36"
	operaOnWindows  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0"
	onTelevision    = "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 WebAppManager"
	firefoxOnLinux  = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
	firefoxOld      = "Mozilla/5.0 (Windows NT 6.1; rv:78.0) Gecko/20100101 Firefox/78.0"
	safariOnMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
	safariOld       = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Safari/605.1.15"
	chromeOnPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/124.0.0.0 Mobile/15E148 Safari/604.1"

	brandsOf124 = `"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"`
)

// asked is a request as a page's script makes it in a browser of today.
func asked(ua, brands, platform string) Headers {
	return Headers{
		UserAgent: ua, CHUA: brands, CHPlatform: platform, Trustworthy: true,
		SecFetchSite: "cross-site", SecFetchMode: "cors", SecFetchDest: "empty", Accept: "*/*", AcceptLanguage: "de-DE",
	}
}

func TestBrowsersAreNotMarked(t *testing.T) {
	f := func(name string, h Headers) {
		t.Helper()
		if got := readClient(h).Bot; got != "" {
			t.Errorf("%s: Bot = %q, want none", name, got)
		}
	}
	without := func(h Headers, change func(*Headers)) Headers {
		change(&h)
		return h
	}
	noFetch := func(h *Headers) { h.SecFetchSite, h.SecFetchMode, h.SecFetchDest = "", "", "" }

	f("Chrome", asked(chromeOnWindows, brandsOf124, `"Windows"`))
	f("Firefox", asked(firefoxOnLinux, "", ""))
	f("Safari", asked(safariOnMac, "", ""))
	f("Chrome on an iPhone", asked(chromeOnPhone, "", ""))
	f("a beacon", without(asked(chromeOnWindows, brandsOf124, `"Windows"`), func(h *Headers) { h.SecFetchMode = "no-cors" }))
	f("an image of Chrome 79", without(asked(chromeOld, "", ""), func(h *Headers) { h.SecFetchDest = "" }))

	// Over http, or from a caller that does not read them, all may be missing.
	for _, ua := range []string{chromeOnWindows, firefoxOnLinux, safariOnMac, chromeOld, webView, onTelevision} {
		f(ua, Headers{UserAgent: ua})
	}
	// Older ones and those that are not judged send what they like.
	for _, ua := range []string{chromeOld, firefoxOld, safariOld, webView, onTelevision, operaOnWindows, chromeOnPhone} {
		f(ua, Headers{UserAgent: ua, Trustworthy: true})
	}
	// One missing header proves nothing.
	f("without Sec-Fetch", without(asked(firefoxOnLinux, "", ""), noFetch))
	f("without hints", asked(chromeOnWindows, "", ""))
	f("without a language", without(asked(safariOnMac, "", ""), func(h *Headers) { h.AcceptLanguage = "" }))

	// Names that systems take of each other.
	f("Android asks for desktop pages", asked(chromeOnLinux, brandsOf124, `"Android"`))
	f("an Android browser poses as a Mac's", asked(safariOnMac, brandsOf124, `"Android"`))
	f("ChromeOS", asked(chromeOnLinux, brandsOf124, `"Chrome OS"`))
	f("an Android tablet of Linux", asked(chromeOnAndroid, brandsOf124, `"Linux"`))
	f("a system that is not known", asked(chromeOnWindows, brandsOf124, `"Fuchsia"`))
}

func TestContradictionsAreMarked(t *testing.T) {
	f := func(name string, h Headers, change func(*Headers), want string) {
		t.Helper()
		if change != nil {
			change(&h)
		}
		if got := readClient(h).Bot; got != want {
			t.Errorf("%s: Bot = %q, want %q", name, got, want)
		}
	}
	f("Linux says Windows", asked(chromeOnWindows, brandsOf124, `"Linux"`), nil, BotContradiction)
	f("Windows says Android", asked(chromeOnAndroid, brandsOf124, `"Windows"`), nil, BotContradiction)
	f("a Mac says Windows", asked(chromeOnWindows, brandsOf124, `"macOS"`), nil, BotContradiction)
	f("Firefox with hints", asked(firefoxOnLinux, brandsOf124, `"Linux"`), nil, BotContradiction)
	f("Safari with hints", asked(safariOnMac, brandsOf124, `"macOS"`), nil, BotContradiction)

	chromium := asked(chromeOnWindows, brandsOf124, `"Windows"`)
	f("a navigation", chromium, func(h *Headers) { h.SecFetchMode, h.SecFetchDest = "navigate", "document" }, BotContradiction)
	f("a mode alone", chromium, func(h *Headers) { h.SecFetchSite = "" }, BotContradiction)
	f("a destination alone", chromium, func(h *Headers) { h.SecFetchSite, h.SecFetchMode = "", "" }, BotContradiction)
	f("a site alone", chromium, func(h *Headers) { h.SecFetchMode, h.SecFetchDest = "", "" }, BotContradiction)
	f("a made-up site", chromium, func(h *Headers) { h.SecFetchSite = "same" }, BotContradiction)

	noFetch := func(h *Headers) { h.SecFetchSite, h.SecFetchMode, h.SecFetchDest = "", "", "" }
	f("Chrome", asked(chromeOnWindows, "", ""), noFetch, BotMissingHeaders)
	f("Chrome, no language", asked(chromeOnWindows, "", ""), func(h *Headers) { h.AcceptLanguage = "" }, BotMissingHeaders)
	f("Firefox", asked(firefoxOnLinux, "", ""), func(h *Headers) { noFetch(h); h.AcceptLanguage = "" }, BotMissingHeaders)
	f("Safari", asked(safariOnMac, "", ""), func(h *Headers) { noFetch(h); h.Accept = "" }, BotMissingHeaders)

	// What it says of itself is stronger.
	f("Googlebot", asked(chromeOnWindows+" (compatible; Googlebot/2.1)", "", ""), noFetch, BotDeclared)
	f("a headless brand", asked(chromeOnWindows, `"HeadlessChrome";v="124"`, `"Linux"`), nil, BotHeadless)
}

func TestMajorAfter(t *testing.T) {
	f := func(ua string, want int) {
		t.Helper()
		if got := majorAfter(ua, " Chrome/"); got != want {
			t.Errorf("majorAfter(%q) = %d, want %d", ua, got, want)
		}
	}
	f(chromeOnWindows, 124)
	f("x Chrome/9", 9)
	f("x Chrome/", 0)
	f("x Chrome/x", 0)
	f("Chrome/1", 0)
	f("x Chrome/99999999999999999999", 9999)
}
