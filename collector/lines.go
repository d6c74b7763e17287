package collector

import (
	"github.com/valyala/fasthttp"

	"heed/pipeline/enrich"
)

// lines are the header lines that decide about a request and describe its client. They are found in one pass, since asking
// for each by its name would go through all of them every time; the names are as fasthttp normalizes them. Of several
// lines with one name the first counts. All are views into the request.
type lines struct {
	origin, referer []byte
	coding          []byte // of a compressed body
	codings         int    // lines that name one
	gpc, dnt        bool   // any line is exactly "1": neither defines anything else, and no second line takes a signal back
	client          enrich.Headers
}

func linesOf(h *fasthttp.RequestHeader) (l lines) {
	l.client.UserAgent = text(h.UserAgent())
	for name, value := range h.All() {
		switch string(name) {
		case "Origin":
			keepFirst(&l.origin, value)
		case "Referer":
			keepFirst(&l.referer, value)
		case "Content-Encoding":
			keepFirst(&l.coding, value)
			l.codings++
		case "Sec-Gpc":
			l.gpc = l.gpc || string(value) == "1"
		case "Dnt":
			l.dnt = l.dnt || string(value) == "1"
		case "Sec-Ch-Ua":
			keepFirst(&l.client.CHUA, text(value))
		case "Sec-Ch-Ua-Mobile":
			keepFirst(&l.client.CHMobile, text(value))
		case "Sec-Ch-Ua-Platform":
			keepFirst(&l.client.CHPlatform, text(value))
		case "Sec-Fetch-Site":
			keepFirst(&l.client.SecFetchSite, text(value))
		case "Sec-Fetch-Mode":
			keepFirst(&l.client.SecFetchMode, text(value))
		case "Sec-Fetch-Dest":
			keepFirst(&l.client.SecFetchDest, text(value))
		case "Accept":
			keepFirst(&l.client.Accept, text(value))
		case "Accept-Language":
			keepFirst(&l.client.AcceptLanguage, text(value))
		}
	}
	return l
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
