package enrich

import (
	"log/slog"
	"strings"

	"github.com/mssola/useragent"
)

// maxHeaderBytes bounds what is read of each header; real ones are far shorter.
const maxHeaderBytes = 1 << 10

// Headers are the request headers that describe the client. They are personal data: they stay in memory, for the one
// call that reads them. The strings may lie in a buffer that is used again after the call. Longer values are cut and any
// bytes are allowed.
type Headers struct {
	UserAgent  string // User-Agent
	CHUA       string // Sec-CH-UA
	CHMobile   string // Sec-CH-UA-Mobile
	CHPlatform string // Sec-CH-UA-Platform

	// What a browser adds to a request that a page's script or image makes. Leave the first three empty where the
	// request is a navigation, as a click on a link is: a request that says so is marked otherwise.
	SecFetchSite   string // Sec-Fetch-Site
	SecFetchMode   string // Sec-Fetch-Mode
	SecFetchDest   string // Sec-Fetch-Dest
	Accept         string // Accept
	AcceptLanguage string // Accept-Language

	// Trustworthy says that the five fields above were read, and that the browser sent the request to https or to
	// localhost: it may have left out Sec headers elsewhere. An https page can only have sent it to one of those, so an
	// Origin that begins with https:// is enough to know. Unless it is set, nothing that is missing counts.
	Trustworthy bool
}

// LogValue keeps the headers out of every log.
func (Headers) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// String keeps the headers out of every message.
func (Headers) String() string { return "[redacted]" }

// Client is what the headers meant. Every field is one of a closed set of words, so nothing of the headers survives.
type Client struct {
	Browser string // family, without version: Chrome, Edge, Firefox, Safari, ..., in-app, other
	OS      string // family, without version: Windows, macOS, iOS, iPadOS, Android, Linux, ChromeOS, other
	Device  string // desktop, mobile, tablet, tv, other
	Bot     string // why the headers are taken for a bot's, one of the Bot constants; empty when they are not
}

// Client reads the headers. Client hints win over the user agent where they say something that is known. What the same
// headers meant before is remembered; then nothing is allocated.
//
// Some things cannot be told apart: an iPad that asks for desktop pages, as it does by default, sends the user agent of
// a Mac and counts as one; Brave without client hints counts as Chrome.
func (e *Enricher) Client(h Headers) Client { return e.clients.get(&h) }

// clients reads headers, and remembers.
type clients struct {
	bots   *botList
	cache  *cache[Client]
	missed func() // is called when headers were not remembered
}

func (c *clients) get(h *Headers) Client {
	h.cut()
	key := keyIn(c.cache, seenHeaders{h.UserAgent, h.CHUA, h.CHPlatform, signsOf(h)})
	if known, ok := c.cache.get(key); ok {
		return known
	}
	c.missed()
	client := clientOf(h, c.bots)
	c.cache.put(key, client)
	return client
}

func clientOf(h *Headers, bots *botList) Client {
	ua := useragent.New(h.UserAgent)
	lower := strings.ToLower(ua.UA())
	hints, signs := readHints(h), signsOf(h)
	c := Client{
		Browser: firstNonEmpty(hints.browser, browserOf(ua)),
		OS:      firstNonEmpty(hints.os, osOf(ua)),
	}
	c.Device = deviceOf(lower, c.OS, signs)
	c.Bot = stronger(agentReason(ua, lower, bots), headerReason(ua.UA(), c, hints, signs))
	return c
}

// cut bounds what is read. The other fields are only compared with what they may be.
func (h *Headers) cut() {
	for _, value := range [...]*string{&h.UserAgent, &h.CHUA, &h.CHMobile, &h.CHPlatform} {
		*value = cut(*value, maxHeaderBytes)
	}
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cut shortens s to at most n bytes, wherever that falls.
func cut(s string, n int) string {
	return s[:min(n, len(s))]
}
