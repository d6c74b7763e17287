package enrich

import (
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// ReferrerHost returns the host that a visit came from, in the form of [Page].Host, given the referrer as the browser
// reports it and the host of the page. A visit from nowhere, or from something that is not a page, has none. One from
// the same site has pageHost itself, which tells a step within the site from an arrival. Two hosts are the same site
// when they share a registrable domain (www.shop.example and blog.shop.example).
// An Android app, android-app://com.slack/, is named by its id, com.slack. The result may share memory with referrer.
func ReferrerHost(referrer, pageHost string) string {
	if referrer == "" || len(referrer) > maxURLBytes {
		return ""
	}
	if host, _, plain := plainURL(referrer); plain {
		return unlessOwn(host, pageHost)
	}
	u, err := url.Parse(mendEscapes(referrer))
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		return unlessOwn(cleanHost(u.Hostname()), pageHost)
	case "android-app":
		return cleanHost(u.Hostname())
	}
	return ""
}

// unlessOwn returns pageHost for a host of the same site.
func unlessOwn(host, pageHost string) string {
	if sameSite(host, pageHost) {
		return pageHost
	}
	return host
}

// sameSite spares most hosts the look-up: those that share a registrable domain share their last two labels.
func sameSite(a, b string) bool {
	return a == b || lastTwoLabels(a) == lastTwoLabels(b) && siteOf(a) == siteOf(b)
}

func lastTwoLabels(host string) string {
	last := strings.LastIndexByte(host, '.')
	if last < 0 {
		return host
	}
	return host[strings.LastIndexByte(host[:last], '.')+1:]
}

// siteOf returns the registrable domain of a host, or the host itself where it has none: an address, localhost, a
// public suffix.
func siteOf(host string) string {
	site, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return site
}
