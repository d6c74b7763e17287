package enrich

import "strings"

// sign is a fact about headers that a browser adds by itself. The facts decide, not the values, of which there are far
// too many to remember results for.
type sign uint16

const (
	trustworthy   sign = 1 << iota // see Headers
	hasFetch                       // some Sec-Fetch header
	impossible                     // Sec-Fetch headers that no browser sends with what a page's script asks for
	hasAccept                      // Accept
	hasAcceptLang                  // Accept-Language
	hasBrands                      // Sec-CH-UA
	saysMobile                     // Sec-CH-UA-Mobile: ?1
	saysNotMobile                  // Sec-CH-UA-Mobile: ?0
)

// signsOf looks at the values without keeping them.
func signsOf(h *Headers) (s sign) {
	if h.Trustworthy {
		s |= trustworthy
	}
	if h.SecFetchSite != "" || h.SecFetchMode != "" || h.SecFetchDest != "" {
		s |= hasFetch
		if !possibleFetch(h) {
			s |= impossible
		}
	}
	if h.Accept != "" {
		s |= hasAccept
	}
	if h.AcceptLanguage != "" {
		s |= hasAcceptLang
	}
	if h.CHUA != "" {
		s |= hasBrands
	}
	switch strings.TrimSpace(h.CHMobile) {
	case "?1":
		s |= saysMobile
	case "?0":
		s |= saysNotMobile
	}
	return s
}

// possibleFetch knows what all versions that ever sent these headers have in common: site and mode came together, the
// four sites were never added to, and only a navigation says navigate. The destination came later, and grows.
func possibleFetch(h *Headers) bool {
	switch h.SecFetchSite {
	case "same-origin", "same-site", "cross-site", "none":
		return h.SecFetchMode != "" && h.SecFetchMode != "navigate"
	}
	return false
}
