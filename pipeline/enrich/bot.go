package enrich

import (
	"strings"

	"github.com/mssola/useragent"
)

// Why a client is taken for a bot. Bots are marked and counted apart, never dropped.
const (
	botDeclared    = "declared"      // it says so, or is known to fetch pages on behalf of a service
	botHeadless    = "headless"      // a browser without a window, as scripts and tests drive
	botHTTPLibrary = "http-library"  // a programming language's HTTP client
	botNoUserAgent = "no-user-agent" // no User-Agent header; every browser sends one
)

// declared, headless and libraries are pieces of a lower-cased user agent.
var (
	declared = []string{
		"crawler", "crawling", "spider", "slurp", "scrapy", "heritrix", "nutch", "ia_archiver", "archive.org",
		"facebookexternalhit", "facebookcatalog", "meta-externalagent", "meta-externalfetcher",
		"bingpreview", "mediapartners-google", "google-inspectiontool", "googleother", "google-read-aloud",
		"google-extended", "apis-google", "feedfetcher", "google favicon", "google web preview", "chrome-lighthouse",
		"pagespeed", "gtmetrix", "ptst/", "pingdom", "uptime", "statuscake", "site24x7", "datadog", "newrelicpinger",
		"whatsapp/", "skypeuripreview", "link preview", "embedly", "vkshare", "w3c_validator", "validator.nu",
		"chatgpt-user", "oai-search", "claude-web", "claude-user", "perplexity-user", "cohere-ai", "ahrefs", "semrush",
	}
	headless  = []string{"headless", "phantomjs", "slimerjs", "jsdom/", "puppeteer", "playwright", "selenium", "cypress/"}
	libraries = []string{
		"curl/", "libcurl", "wget/", "httpie/", "python-requests/", "python-urllib", "python-httpx/", "aiohttp/",
		"go-http-client/", "fasthttp", "java/", "okhttp/", "apache-httpclient/", "jakarta commons-httpclient",
		"node-fetch", "axios/", "undici", "got (", "superagent", "libwww-perl/", "lwp::", "ruby", "faraday", "php/",
		"guzzlehttp/", "dart/", "reqwest/", "ureq/", "postmanruntime/", "insomnia/", "winhttp", "powershell/",
	}
)

// botOf gives the most telling reason first: a crawler that runs in a headless browser and says so is declared.
func botOf(ua *useragent.UserAgent, lower string, h hints) string {
	switch {
	case strings.TrimSpace(lower) == "":
		return botNoUserAgent
	case namesBot(lower) || containsAny(lower, declared):
		return botDeclared
	case containsAny(lower, libraries):
		return botHTTPLibrary
	case h.headless || containsAny(lower, headless):
		return botHeadless
	case ua.Bot():
		return botDeclared
	}
	return ""
}

// namesBot finds words that end in "bot", as in Googlebot/2.1, but not the telephones of the maker Cubot.
func namesBot(lower string) bool {
	for {
		before, after, found := strings.Cut(lower, "bot")
		if !found {
			return false
		}
		ends := after == "" || after[0] < 'a' || after[0] > 'z'
		if ends && !strings.HasSuffix(before, "cu") {
			return true
		}
		lower = after
	}
}

func containsAny(s string, tokens []string) bool {
	for _, token := range tokens {
		if strings.Contains(s, token) {
			return true
		}
	}
	return false
}
