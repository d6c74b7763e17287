package enrich

import (
	"log/slog"
	"strings"

	"github.com/mssola/useragent"
)

// maxHeaderBytes bounds what is read of each header; real ones are far shorter.
const maxHeaderBytes = 1 << 10

// Headers are the request headers that describe the client. They are personal data: they stay in memory, for the one
// call that reads them. Longer values are cut and any bytes are allowed.
type Headers struct {
	UserAgent  string // User-Agent
	CHUA       string // Sec-CH-UA
	CHMobile   string // Sec-CH-UA-Mobile
	CHPlatform string // Sec-CH-UA-Platform
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
	Bot     string // why it is taken for a bot: declared, headless, http-library, no-user-agent; empty when it is not
}

// Client reads the headers. Client hints win over the user agent where they say something that is known.
//
// Some things cannot be told apart: an iPad that asks for desktop pages, as it does by default, sends the user agent of
// a Mac and counts as one; Brave without client hints counts as Chrome.
func (e *Enricher) Client(h Headers) Client { return clientOf(h) }

func clientOf(h Headers) Client {
	ua := useragent.New(cut(h.UserAgent, maxHeaderBytes))
	lower := strings.ToLower(ua.UA())
	hints := readHints(h)
	c := Client{
		Browser: firstNonEmpty(hints.browser, browserOf(ua)),
		OS:      firstNonEmpty(hints.os, osOf(ua)),
		Bot:     botOf(ua, lower, hints),
	}
	c.Device = deviceOf(lower, c.OS, hints)
	return c
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
