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

// hosts knows the companies behind sites.
type hosts struct {
	bySite map[string][]int   // the facts that live on a site
	owners map[[2]string]bool // an owner and a site of theirs
}

func newHosts(facts []Fact) hosts {
	h := hosts{bySite: map[string][]int{}, owners: map[[2]string]bool{}}
	for i, fact := range facts {
		for _, domain := range fact.Domains {
			s := site(domain)
			h.bySite[s] = append(h.bySite[s], i)
			h.owners[[2]string{fact.Owner, s}] = true
		}
	}
	return h
}

// owns reports whether the owner has facts on the site.
func (h *hosts) owns(owner, site string) bool { return h.owners[[2]string{owner, site}] }
