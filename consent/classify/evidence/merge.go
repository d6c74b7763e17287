package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

// dates say when a source said what it says.
var dates = map[string]string{"ocd": "2026-01-21", "tcf": "2026-08-20", "memory": "2026-11-22"}

// Merge makes one fact of all rows about one pattern of one owner, sorted by pattern and owner. A fact has the strictest
// class that a source, a description or a decision gives it.
func Merge(rows []Row, decisions []Decision) ([]classify.Fact, error) {
	type key struct{ pattern, owner string }
	groups := map[key][]Row{}
	said := map[string]bool{}
	for _, row := range rows {
		k := key{row.Pattern, row.Owner}
		groups[k] = append(groups[k], row)
		said[row.Pattern] = said[row.Pattern] || row.Says != 0
	}
	used := make([]bool, len(decisions))
	var facts []classify.Fact
	for k, group := range groups {
		silent := !slices.ContainsFunc(group, func(r Row) bool { return r.Says != 0 })
		if silent && said[k.pattern] {
			continue // a vendor that names another's cookie, and not what for
		}
		fact := join(group)
		if err := decide(&fact, group, decisions, used); err != nil {
			return nil, err
		}
		if matchable(fact) {
			facts = append(facts, fact)
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("decisions.tsv: nothing is called %s", decisions[i])
	}
	slices.SortFunc(facts, func(a, b classify.Fact) int {
		return cmp.Or(strings.Compare(a.Pattern, b.Pattern), strings.Compare(a.Owner, b.Owner))
	})
	return facts, nil
}

// join makes one fact of rows with one pattern and owner.
func join(group []Row) classify.Fact {
	first := group[0]
	fact := classify.Fact{Pattern: first.Pattern, Owner: first.Owner, Kinds: first.Kinds}
	domains, sources := map[string]bool{}, map[string]bool{}
	var says consent.Categories
	for _, row := range group {
		if row.Kinds != fact.Kinds {
			fact.Kinds = "any"
		}
		if row.Service != "" && (fact.Service == "" || row.Service < fact.Service) {
			fact.Service = row.Service
		}
		for _, domain := range row.Domains {
			domains[domain] = true
		}
		sources[row.Source] = true
		fact.Date = max(fact.Date, dates[row.Source])
		fact.Lifetime = longer(fact.Lifetime, row.Lifetime)
		fact.Conflict = fact.Conflict || says != 0 && row.Says != 0 && says != row.Says
		says = max(says, row.Says) // the bits stand in the order of strictness
		fact.Class = max(fact.Class, row.Says, row.Hint)
	}
	fact.Domains = slices.Sorted(maps.Keys(domains))
	fact.Source = strings.Join(slices.Sorted(maps.Keys(sources)), "+")
	return fact
}

// longer compares lifetimes: unknown, then a session, then durations.
func longer(a, b time.Duration) time.Duration {
	if a == 0 || b > a && b != 0 || a == classify.Session && b > 0 {
		return b
	}
	return a
}

// decide lays our decisions over what sources say. They can make a fact stricter, and take back a suspicion; no
// decision makes a fact looser than any source calls it.
func decide(fact *classify.Fact, group []Row, decisions []Decision, used []bool) error {
	var says consent.Categories
	for _, row := range group {
		says = max(says, row.Says)
	}
	for i, d := range decisions {
		if !d.about(*fact) {
			continue
		}
		used[i] = true
		switch {
		case !d.Exactly:
			fact.Class = max(fact.Class, d.Class)
		case d.Class < says:
			return fmt.Errorf("decisions.tsv: %s is %s to a source; a decision may not loosen it to %s", d, says, d.Class)
		default:
			fact.Class = d.Class
		}
	}
	if fact.Class == 0 {
		fact.Class = consent.Advertising
	}
	return nil
}

// matchable drops patterns that could never be believed: too short, and no domain to confirm them.
func matchable(fact classify.Fact) bool {
	return classify.Distinctive(fact.Pattern) || len(fact.Domains) > 0
}
