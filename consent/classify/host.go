package classify

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxHostBytes is the longest name that DNS allows.
const maxHostBytes = 253

// host writes a host as it is compared: lower case, no dots at its ends, no port.
func host(text string) string {
	if len(text) > maxHostBytes+8 {
		return ""
	}
	text = strings.ToLower(strings.TrimSpace(text))
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.Contains(text[:i], ":") {
		text = text[:i]
	}
	return strings.Trim(text, ".")
}

// site is the registrable domain of a host; a host that has none, as localhost or an address, is its own site.
func site(host string) string {
	if host == "" {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}

// hosts knows the companies behind domains.
type hosts struct {
	bySite map[string][]int // the facts that live on a site
}

func newHosts(facts []Fact) hosts {
	h := hosts{bySite: map[string][]int{}}
	for i, fact := range facts {
		for _, domain := range fact.Domains {
			s := site(host(domain))
			h.bySite[s] = append(h.bySite[s], i)
		}
	}
	return h
}

// owns reports whether the owner of a fact has facts on the site.
func (h *hosts) owns(facts []Fact, owner, site string) bool {
	for _, i := range h.bySite[site] {
		if facts[i].Owner == owner {
			return true
		}
	}
	return false
}
