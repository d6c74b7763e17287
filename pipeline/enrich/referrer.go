package enrich

import (
	"net/url"

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
	u, err := url.Parse(mendEscapes(referrer))
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		host := cleanHost(u.Hostname())
		if sameSite(host, pageHost) {
			return pageHost
		}
		return host
	case "android-app":
		return cleanHost(u.Hostname())
	}
	return ""
}

func sameSite(a, b string) bool {
	return a == b || siteOf(a) == siteOf(b)
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
