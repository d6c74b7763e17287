package collector

import (
	"github.com/valyala/fasthttp"

	"heed/pipeline/enrich"
)

// lines are the header lines that decide about a request and describe its client. They are found in one pass, since asking
// for each by its name would go through all of them every time. Of several lines with one name the first counts. All are
// views into the request.
type lines struct {
	origin, referer []byte
	media           []byte // Content-Type
	coding          []byte // of a compressed body
	codings         int    // lines that name one
	gpc, dnt        bool   // any line is exactly "1": neither defines anything else, and no second line takes a signal back
	client          enrich.Headers
}

func linesOf(h *fasthttp.RequestHeader) (l lines) {
	l.media, l.client.UserAgent = h.ContentType(), text(h.UserAgent())
	var room nameRoom
	for name, value := range h.All() {
		l.take(room.lower(name), value)
	}
	return l
}

// take looks at a line, whose name is in lower case. Content-Type and User-Agent are the caller's.
func (l *lines) take(name, value []byte) {
	switch string(name) {
	case "origin":
		keepFirst(&l.origin, value)
	case "referer":
		keepFirst(&l.referer, value)
	case "content-encoding":
		keepFirst(&l.coding, value)
		l.codings++
	case "sec-gpc":
		l.gpc = l.gpc || string(value) == "1"
	case "dnt":
		l.dnt = l.dnt || string(value) == "1"
	case "sec-ch-ua":
		keepFirst(&l.client.CHUA, text(value))
	case "sec-ch-ua-mobile":
		keepFirst(&l.client.CHMobile, text(value))
	case "sec-ch-ua-platform":
		keepFirst(&l.client.CHPlatform, text(value))
	case "sec-fetch-site":
		keepFirst(&l.client.SecFetchSite, text(value))
	case "sec-fetch-mode":
		keepFirst(&l.client.SecFetchMode, text(value))
	case "sec-fetch-dest":
		keepFirst(&l.client.SecFetchDest, text(value))
	case "accept":
		keepFirst(&l.client.Accept, text(value))
	case "accept-language":
		keepFirst(&l.client.AcceptLanguage, text(value))
	}
}

// nameRoom is room for the name of any line that is looked at.
type nameRoom [32]byte

// lower returns a name in lower case, cut where no name that is looked at is as long. It is good until the next one.
func (r *nameRoom) lower(name []byte) []byte {
	n := min(len(name), len(r))
	for i, c := range name[:n] {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		r[i] = c
	}
	return r[:n]
}

// keepFirst sets a field that is not set.
func keepFirst[T []byte | string](field *T, value T) {
	if len(*field) == 0 {
		*field = value
	}
}

// headers describe the client. Those that a browser adds for the sake of security only count where it adds them.
func (l *lines) headers(trustworthy bool) enrich.Headers {
	if !trustworthy {
		return enrich.Headers{
			UserAgent: l.client.UserAgent, CHUA: l.client.CHUA, CHMobile: l.client.CHMobile, CHPlatform: l.client.CHPlatform,
		}
	}
	headers := l.client
	headers.Trustworthy = true
	return headers
}
