package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/publicsuffix"

	"heed/consent"
)

// Site is one site as the configuration describes it.
type Site struct {
	ID              string
	Key             string // public, in URLs and cookie names; the id unless set
	Origins         []string
	AnonymousCount  bool
	Exemption       Exemption
	Rate            int // events a second; 0: the collector's
	RetentionMonths int
	SPA             bool
	Forms           bool
	Engagement      bool
	CookieDomain    string
	PublicURL       string // empty: the collector's

	// How choices are asked for and taken; choiceSettings.
	UnknownAfterGrant bool
	AssumePlace       consent.Place
	Children          bool
	RecordShown       bool
	Declared          declaration

	Wall wallDeclared // wallSettings

	at   string // sites[0]
	line origin // where the site begins in the file
}

// Exemption is the owner's recorded assertion that page views may be counted without consent.
type Exemption struct {
	Basis string // the law or the authority's guidance
	Since string // the day from which it is asserted
	Note  string
}

// Asserted tells whether there is one.
func (e Exemption) Asserted() bool { return e.Basis != "" && e.Since != "" }

// maxSites bounds what one process builds at start.
const maxSites = 10_000

// siteSettings is the table of one site's keys, bound to s. Flags and environment cannot set them.
func siteSettings(s *Site) []setting {
	return slices.Concat(trafficSettings(s), choiceSettings(s), bannerSettings(s), wallSettings(s))
}

// trafficSettings are those of a site's settings that say what it is, and what is collected of it.
func trafficSettings(s *Site) []setting {
	return []setting{
		{
			name: "id", value: textValue(&s.ID, checkSlug),
			help: "The site's name in reports. Required.", limit: "1 to 64 of a-z, 0-9 and -",
		}, {
			name: "key", value: textValue(&s.Key, checkSlug),
			help: "The site's name in URLs and cookies, seen by visitors. Default: the id.", limit: "1 to 64 of a-z, 0-9 and -",
		}, {
			name: "origins", value: listValue(&s.Origins, checkOrigin),
			help: "Where the site's pages are. Events of other pages are refused. Required.", limit: "scheme://host[:port]",
		}, {
			name: "public_url", value: textValue(&s.PublicURL, optional(checkOrigin)),
			help:  "Where the site's pages reach the collector, as through a proxy of the site's own. Default: collector.public_url.",
			limit: "scheme://host[:port]",
		}, {
			name: "anonymous_count", value: boolValue(&s.AnonymousCount), def: "false",
			help: "Count page views of visitors who have not been asked or have not answered, where that is allowed.",
		}, {
			name: "exemption.basis", value: textValue(&s.Exemption.Basis, checkNote),
			help: "The law or guidance by which the owner may count without consent, as CNIL 2020-091.", limit: "up to 500 bytes",
		}, {
			name: "exemption.since", value: textValue(&s.Exemption.Since, checkDate),
			help: "The day from which the owner asserts it.", limit: "2026-01-31",
		}, {
			name: "exemption.note", value: textValue(&s.Exemption.Note, checkNote),
			help: "Anything worth remembering about it.", limit: "up to 500 bytes",
		}, {
			name: "rate", value: rateValue(&s.Rate), def: "0",
			help: "Events a second that the site takes; 0 is collector.rate.", limit: "0, or 27 to 10000000",
		}, {
			name: "retention_months", value: chooseInt(&s.RetentionMonths, 6, 13, 25, 60), def: "25",
			help: "How long events are kept.", limit: "6, 13, 25 or 60 months",
		}, {
			name: "features.spa", value: boolValue(&s.SPA), def: "true",
			help: "Count route changes of single-page applications as page views.",
		}, {
			name: "features.forms", value: boolValue(&s.Forms), def: "true",
			help: "Count submissions of forms, never their values.",
		}, {
			name: "features.engagement", value: boolValue(&s.Engagement), def: "true",
			help: "Measure how long a page was looked at.",
		}, {
			name: "cookie_domain", value: textValue(&s.CookieDomain, checkCookieDomain),
			help: "Domain of the consent cookie. Default: the registrable domain, when all origins share one, so that " +
				"subdomains share the choice; else the page's host.",
			limit: "as example.com, or host for the page's host alone",
		},
	}
}

// newSite has the defaults.
func newSite() *Site {
	s := &Site{}
	for _, field := range siteSettings(s) {
		if field.def == "" {
			continue
		}
		if err := field.value.set(field.def); err != nil {
			panic(fmt.Sprintf("default of %s: %v", field.name, err))
		}
	}
	return s
}

// sites reads the list of sites.
func (r *fileReader) sites(n *yaml.Node) []Site {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fault(n.Line, "sites", "begin each site with - id:", "it must be a list")
		return nil
	}
	if len(n.Content) > maxSites {
		r.fault(n.Line, "sites", "run a second process", "there are more than %d", maxSites)
		return nil
	}
	sites := make([]Site, 0, len(n.Content))
	ids, keys := map[string]string{}, map[string]string{}
	for i, item := range n.Content {
		site := r.site(item, fmt.Sprintf("sites[%d]", i))
		r.unique(site, "id", site.ID, ids)
		r.unique(site, "key", site.Key, keys)
		sites = append(sites, *site)
	}
	return sites
}

func (r *fileReader) site(n *yaml.Node, at string) *Site {
	site := newSite()
	site.at, site.line = at, origin{kind: fromFile, name: r.name, line: max(n.Line, 1)}
	if n.Kind == yaml.AliasNode {
		r.fault(n.Line, at, "write the site itself", "aliases are not allowed")
		return site
	}
	table := map[string]setting{}
	for _, field := range siteSettings(site) {
		table[field.name] = field
	}
	origins := map[string]origin{}
	lists := func(key string, n *yaml.Node) bool { return r.declared(site, key, n) }
	r.mapping(n, group{table: table, at: at + ".", origins: origins, other: lists, others: siteLists})
	if n.Kind != yaml.MappingNode {
		return site
	}
	r.required(site, origins)
	r.checkDeclared(site)
	r.checkAccent(site, origins)
	if site.Key == "" {
		site.Key = site.ID
	}
	for _, page := range site.Origins {
		if site.CookieDomain != "" && site.CookieDomain != hostOnly && !covers(site.CookieDomain, page) {
			r.fault(origins["cookie_domain"].line, at+".cookie_domain", "leave it out, or make the site two",
				"pages of %s cannot set cookies on %s", page, site.CookieDomain)
		}
	}
	return site
}

// required reports what the site lacks. A key that is there but wrong was reported already.
func (r *fileReader) required(site *Site, given map[string]origin) {
	need := func(key, remedy string) {
		if _, ok := given[key]; !ok {
			r.fault(site.line.line, site.at+"."+key, remedy, "it is missing")
		}
	}
	need("id", "give the site a name, as id: shop")
	need("origins", "say where its pages are, as origins: [https://www.example.com]")
	if at, ok := given["origins"]; ok && len(site.Origins) == 0 && !r.reported(site.at+".origins") {
		r.fault(at.line, site.at+".origins", "say where its pages are, as [https://www.example.com]", "it is empty")
	}
	if e := site.Exemption; e != (Exemption{}) && !e.Asserted() {
		need("exemption.basis", "name the law or guidance")
		need("exemption.since", "name the day, as 2026-01-31")
	}
}

// reported tells whether there is a problem with the key, or an item of it, already.
func (r *fileReader) reported(key string) bool {
	for _, p := range r.bad {
		if p.key == key || strings.HasPrefix(p.key, key+"[") {
			return true
		}
	}
	return false
}

// unique reports a second site of the same id or key.
func (r *fileReader) unique(site *Site, field, text string, seen map[string]string) {
	if text == "" {
		return
	}
	if first, twice := seen[text]; twice {
		r.fault(site.line.line, site.at+"."+field, "give each site its own", "%q is also the %s of %s", text, field, first)
		return
	}
	seen[text] = site.at
}

func checkNote(text string) error {
	const longest = 500
	if len(text) > longest {
		return complain("use up to 500 bytes", "it is too long")
	}
	return nil
}

var domainForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)

// hostOnly as a site's cookie_domain keeps the choice on the host where it was made.
const hostOnly = "host"

// checkCookieDomain refuses a domain that browsers refuse to set cookies on.
func checkCookieDomain(text string) error {
	if text == hostOnly {
		return nil
	}
	if suffix, _ := publicsuffix.PublicSuffix(text); suffix == text || !domainForm.MatchString(text) {
		return complain("write a domain of your own, as example.com", "%q is no domain for cookies", text)
	}
	return nil
}

// covers tells whether a page of the origin may set cookies on the domain.
func covers(domain, origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Hostname() == domain || strings.HasSuffix(u.Hostname(), "."+domain))
}
