package classify

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxHostBytes is the longest name that DNS allows.
const maxHostBytes = 253

// noHost stands for a text that is neither a host nor nothing. It is no page's own.
const noHost = "?"

// host writes a host, or that of a URL, as it is compared: lower case, no dots at its ends, no port. Nothing stays nothing.
func host(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return address.String()
	}
	if !strings.Contains(text, "://") {
		text = "//" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return noHost
	}
	name := strings.Trim(strings.ToLower(u.Hostname()), ".")
	if name == "" || len(name) > maxHostBytes {
		return noHost
	}
	return name
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
