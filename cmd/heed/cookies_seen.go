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
				n = &seenName{
					Name: s.Cookie.Name, Place: string(s.Place), Domain: s.Domain, Flags: flagsOf(s.Cookie),
					Setter: s.Cookie.Setter, life: s.Life, Lifetime: classify.FormatLifetime(s.Life),
				}
				n.judge(site, s.Cookie, classifier)
				all[key] = n
			}
			n.Phases = append(n.Phases, phase)
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
		if n := crawled[r.Kind+" "+r.Name]; n != nil {
			n.Pages += r.Count
			continue
		}
		if r.Kind == clickhouse.InventoryMore {
			continue
		}
		n := &seenName{Name: r.Name, Place: r.Kind, Pages: r.Count, life: time.Duration(r.Days) * day}
		n.Lifetime = classify.FormatLifetime(n.life)
		n.judge(site, chromeCookie{HTTPOnly: r.HTTP}, classifier)
		all[r.Kind+" "+r.Name] = n
	}
}

// judge classifies a name, and finds who has declared it.
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
		Kind: kind, Domain: n.Domain, Setter: hostOf(n.Setter), FirstParty: firstHost(site), Lifetime: n.life,
		HTTPOnly: c.HTTPOnly, CrossSite: c.SameSite == "None" || c.Partitioned,
	}
	if c.Value != "" {
		asked.Value = classify.ShapeOf(c.Value)
	}
	v := classifier.Classify(asked)
	n.class, n.Class, n.Confidence, n.Reason, n.Owner = v.Class, v.Class.String(), v.Confidence.String(), string(v.Reason), v.Owner
	if v.Reason == classify.ByPattern {
		n.fact = v.Fact
	}
	if isOurs(n.Name) {
		n.Service, n.Category, n.class, n.Class, n.Owner = "heed", "essential", consent.Essential, "essential", "this site, by Heed"
		return
	}
	for _, s := range site.Declared.Services {
		if slices.ContainsFunc(s.Stores, func(pattern string) bool { return classify.Match(pattern, n.Name) }) {
			n.Service, n.Category, n.Declared = s.ID, s.Category, fmt.Sprintf("%dd", s.LifetimeDays)
			if s.LifetimeDays == 0 {
				n.Declared = "session"
			}
			return
		}
	}
}

// isOurs tells whether Heed keeps something under a name.
func isOurs(name string) bool {
	return name == "heed" || strings.HasPrefix(name, "heed_") || strings.HasPrefix(name, "heed.")
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
