package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heed/consent"
	"heed/consent/classify"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/inventory"
	"heed/schemas"
)

// day is what lifetimes are declared in.
const day = 24 * time.Hour

// seenName is one cookie or storage key, as JSON keeps to these names.
type seenName struct {
	Name       string   `json:"name"`
	Place      string   `json:"place"`
	Domain     string   `json:"domain,omitempty"` // unknown unless it was crawled
	Class      string   `json:"class"`
	Confidence string   `json:"confidence"`
	Reason     string   `json:"reason"`
	Owner      string   `json:"owner,omitempty"`
	Service    string   `json:"declared_by,omitempty"`
	Category   string   `json:"declared_as,omitempty"`
	Lifetime   string   `json:"lifetime,omitempty"` // observed; empty: unknown
	Declared   string   `json:"declared_lifetime,omitempty"`
	Flags      []string `json:"flags,omitempty"`
	Setter     string   `json:"set_by,omitempty"`
	Phases     []string `json:"phases,omitempty"` // of a crawl
	Pages      uint64   `json:"pages,omitempty"`  // that have reported it
	Problems   []string `json:"problems,omitempty"`

	life  time.Duration
	class consent.Categories
	fact  string // pattern that matched
	page  string // host of the page that a crawl has found it on
}

// lifeOf is how long a cookie lives, in a unit that says no more than was seen.
func lifeOf(c chromeCookie, now time.Time) time.Duration {
	if c.Expires.IsZero() {
		return classify.Session
	}
	left := c.Expires.Sub(now)
	switch {
	case left >= 2*day:
		return left.Round(day)
	case left >= 2*time.Hour:
		return left.Round(time.Hour)
	}
	return max(left.Round(time.Minute), time.Second)
}

// seenNames joins what pages have reported with what a crawl has found, and says of each what it is and what is wrong.
func seenNames(site *Site, reported []clickhouse.InventoryTotal, crawled map[string][]stored, classifier *classify.Classifier) []seenName {
	all := map[string]*seenName{}
	for _, phase := range []string{phaseBefore, phaseRefused, phaseGranted} {
		for _, s := range crawled[phase] {
			key := string(s.Place) + " " + s.Domain + " " + s.Cookie.Name
			n := all[key]
			if n == nil {
				n = &seenName{Name: s.Cookie.Name, Place: string(s.Place), Domain: s.Domain, Flags: flagsOf(s.Cookie), page: s.Page}
				all[key] = n
			}
			n.meet(s.Life, s.Cookie.Setter)
			n.judge(site, s.Cookie, classifier)
			if !slices.Contains(n.Phases, phase) { // one name may be set on several paths
				n.Phases = append(n.Phases, phase)
			}
		}
	}
	addReported(site, reported, all, classifier)
	names := []seenName{}
	for _, key := range sortedKeys(all) {
		all[key].complain()
		names = append(names, *all[key])
	}
	slices.SortStableFunc(names, func(a, b seenName) int { return cmp.Compare(a.class, b.class) })
	return names
}

// addReported adds what pages have reported. What a crawl has found, too, is the same name.
func addReported(site *Site, reported []clickhouse.InventoryTotal, all map[string]*seenName, classifier *classify.Classifier) {
	crawled := map[string]*seenName{}
	for _, n := range all {
		if kept, ok := inventory.KeepName(n.Name); ok {
			crawled[n.Place+" "+kept] = n
		}
	}
	for _, r := range reported {
		life := time.Duration(r.Days) * day
		if n := crawled[r.Kind+" "+r.Name]; n != nil {
			n.Pages += r.Count
			n.meet(life, "")
			n.judge(site, chromeCookie{HTTPOnly: r.HTTP}, classifier)
			continue
		}
		if r.Kind == clickhouse.InventoryMore {
			continue
		}
		n := &seenName{Name: r.Name, Place: r.Kind, Pages: r.Count}
		n.meet(life, "")
		n.judge(site, chromeCookie{HTTPOnly: r.HTTP}, classifier)
		all[r.Kind+" "+r.Name] = n
	}
}

// meet takes in what was seen of a name once more: the longest life holds, and the setter that is known.
func (n *seenName) meet(life time.Duration, setter string) {
	if n.life == 0 || life > max(n.life, 0) {
		n.life = life
		n.Lifetime = classify.FormatLifetime(life)
	}
	n.Setter = cmp.Or(n.Setter, setter)
}

// judge classifies a name by what was seen of it now, of which the strictest holds, and finds who has declared it.
func (n *seenName) judge(site *Site, c chromeCookie, classifier *classify.Classifier) {
	kind := classify.LocalStorage
	switch schemas.NamePlace(n.Place) {
	case schemas.PlaceCookie:
		kind = classify.HTTPCookie
	case schemas.PlaceSession:
		kind = classify.SessionStorage
	}
	asked := classify.Cookie{
		Name: strings.ReplaceAll(n.Name, "#", "1"), // what was left out was a number of some kind
		Kind: kind, Domain: n.Domain, Setter: n.Setter, FirstParty: cmp.Or(n.page, firstHost(site)), Lifetime: n.life,
		HTTPOnly: c.HTTPOnly, CrossSite: c.SameSite == "None" || c.Partitioned,
	}
	if c.Value != "" {
		asked.Value = classify.ShapeOf(c.Value)
	}
	if v := classifier.Classify(asked); v.Class > n.class {
		n.class, n.Class, n.Confidence, n.Reason, n.Owner = v.Class, v.Class.String(), v.Confidence.String(), string(v.Reason), v.Owner
		n.fact = ""
		if v.Reason == classify.ByPattern {
			n.fact = v.Fact
		}
	}
	if isOurs(n.Name) && n.isOwn(site) {
		n.judgeOurs()
		return
	}
	for _, s := range site.Declared.Services {
		if n.mayBeOf(site, s) && slices.ContainsFunc(s.Stores, func(pattern string) bool { return classify.Match(pattern, n.Name) }) {
			n.declare(s.Service)
			return
		}
	}
}

// isOurs tells whether Heed keeps something under a name.
func isOurs(name string) bool {
	return name == "heed" || strings.HasPrefix(name, "heed_") || strings.HasPrefix(name, "heed.")
}

// judgeOurs says of what Heed keeps what its own services say: the visitor's id waits for a yes to statistics, the rest is
// the choice.
func (n *seenName) judgeOurs() {
	n.class, n.Owner, n.Service, n.Category = consent.Essential, "this site, by Heed", "heed", consent.Essential.String()
	if strings.HasPrefix(n.Name, "heed_v_") {
		n.class = consent.Performance
		for _, s := range notice.OwnServices(notice.Features{}) {
			if s.ID == "heed-statistics" {
				n.declare(s)
			}
		}
	}
	n.Class = n.class.String()
}

func (n *seenName) declare(s record.Service) {
	n.Service, n.Category, n.Declared = s.ID, s.Category, fmt.Sprintf("%dd", s.LifetimeDays)
	if s.LifetimeDays == 0 {
		n.Declared = "session"
	}
}

// isOwn tells whether a name is the site's own. What pages report has no domain: they see no others.
func (n *seenName) isOwn(site *Site) bool {
	return n.Domain == "" || registrable(n.Domain) == registrable(n.page) || isOrigin(site, n.Domain)
}

// isOrigin tells whether a host is of one of a site's origins.
func isOrigin(site *Site, host string) bool {
	return slices.ContainsFunc(site.Origins, func(origin string) bool { return registrable(hostOf(origin)) == registrable(host) })
}

// mayBeOf tells whether a service may have set a name. Nothing that is kept for a stranger is essential by its name alone.
func (n *seenName) mayBeOf(site *Site, s declaredService) bool {
	return n.isOwn(site) || s.Category != consent.Essential.String() ||
		slices.ContainsFunc(s.Hosts, func(source string) bool {
			return registrable(strings.TrimPrefix(hostOf(source), "*.")) == registrable(n.Domain)
		})
}

// stays tells whether a name is of what browsers keep until somebody removes it.
func (n *seenName) stays() bool {
	place := schemas.NamePlace(n.Place)
	return place == schemas.PlaceLocal || place == schemas.PlaceIDB || place == schemas.PlaceCache
}

// complain says what is wrong. A promise is broken by what is there before a choice or after a refusal and is neither
// declared essential nor known to be.
func (n *seenName) complain() {
	if n.Service == "heed" {
		return
	}
	needed := cmp.Or(n.Category, n.Class) == consent.Essential.String()
	for _, phase := range []string{phaseBefore, phaseRefused} {
		if !needed && slices.Contains(n.Phases, phase) {
			n.Problems = append(n.Problems, "set "+phase)
		}
	}
	if n.Service == "" {
		n.Problems = append(n.Problems, "not declared")
		return
	}
	if n.class > categoryOf(n.Category) && n.Confidence == classify.High.String() {
		n.Problems = append(n.Problems, "declared "+n.Category+", known as "+n.Class)
	}
	if declared, _ := classify.ParseLifetime(n.Declared); n.life > max(declared, 0) {
		n.Problems = append(n.Problems, "lives "+n.Lifetime+", declared "+n.Declared)
	}
	if n.stays() && n.Declared == "session" {
		n.Problems = append(n.Problems, "stays until it is removed, declared session")
	}
}

func categoryOf(name string) consent.Categories {
	c, err := consent.ParseCategories(name)
	if err != nil {
		return consent.Advertising // never: the configuration was checked
	}
	return c
}

func flagsOf(c chromeCookie) (flags []string) {
	for _, f := range []struct {
		on   bool
		name string
	}{{c.HTTPOnly, "HttpOnly"}, {c.Secure, "Secure"}, {c.SameSite != "", "SameSite=" + c.SameSite}, {c.Partitioned, "Partitioned"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	return flags
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
