package enrich

import (
	"strings"

	"github.com/mssola/useragent"
)

// Pieces of a lower-cased user agent that the maintained list (bots.gen.txt) does not have, mostly because they are too
// general for it: it names products.
var (
	declared = []string{
		"crawler", "crawling", "spider", "archive.org", "google-extended", "link preview", "uptime", "ahrefs", "semrush",
		"datadog", "gtmetrix", "pingdom", "oai-search", "newrelicpinger",
	}
	libraries = []string{
		"libcurl", "python-httpx/", "fasthttp", "java/", "jakarta commons-httpclient", "httpie/", "undici", "got (",
		"superagent", "lwp::", "ruby", "faraday", "php/", "guzzlehttp/", "dart/", "reqwest/", "ureq/", "postmanruntime/",
		"insomnia/", "winhttp", "powershell/",
	}
	headless = []string{"headless", "slimerjs", "jsdom/", "cypress/", "puppeteer", "playwright", "selenium"}
)

// agentReason says why a user agent is taken for a bot's: what it names itself, the maintained list, and the parser.
func agentReason(ua *useragent.UserAgent, lower string, bots *botList) string {
	if strings.TrimSpace(lower) == "" {
		return BotNoUserAgent
	}
	reason := bots.reasonOf(ua.UA())
	switch {
	case reason == BotDeclared || namesBot(lower) || containsAny(lower, declared):
		return BotDeclared
	case reason == BotHTTPLibrary || containsAny(lower, libraries):
		return BotHTTPLibrary
	case reason == BotHeadless || containsAny(lower, headless):
		return BotHeadless
	case ua.Bot():
		return BotDeclared
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
