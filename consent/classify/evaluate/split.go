package main

import (
	"hash/fnv"
	"strings"

	"heed/consent"
	"heed/consent/classify"
	"heed/consent/classify/evidence"
)

// How owners are split. The seed was set once, before anything was measured.
const (
	seed       = "heed 1"
	testShare  = 30 // per cent of owners that are held out and never tuned on
	folds      = 5
	page       = "shop.example"
	filledStar = "48210c7" // what stands in a name where a pattern has a star
)

// name is one statement of a source about one name, and what is true of it.
type name struct {
	cookie  classify.Cookie
	owner   string
	says    consent.Categories // the source's class
	decided consent.Categories // the table's class: the strictest of all sources, and of our review
}

// label joins statements that give a class with the facts that were made from them.
func label(rows []evidence.Row, facts []classify.Fact) []name {
	type key struct{ pattern, owner string }
	decided := map[key]consent.Categories{}
	for _, fact := range facts {
		decided[key{fact.Pattern, fact.Owner}] = fact.Class
	}
	var names []name
	for _, row := range rows {
		class := decided[key{row.Pattern, row.Owner}]
		if row.Says == 0 || class == 0 {
			continue
		}
		n := name{owner: row.Owner, says: row.Says, decided: class}
		n.cookie = classify.Cookie{
			Name: strings.ReplaceAll(row.Pattern, "*", filledStar), Lifetime: row.Lifetime, FirstParty: page, Domain: page,
		}
		if row.Kinds == "web" {
			n.cookie.Kind = classify.LocalStorage
		}
		if len(row.Domains) > 0 {
			n.cookie.Domain = row.Domains[0]
		}
		names = append(names, n)
	}
	return names
}

func hash(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(seed + text))
	return h.Sum32() >> 8 // the low bits of FNV follow the text's last byte
}

func isTest(owner string) bool { return hash(owner)%100 < testShare }

func foldOf(owner string) uint32 { return hash("fold "+owner) % folds }

// heldOut returns the names of owners that are held out, or of those that are not.
func heldOut(names []name, test bool) []name {
	var out []name
	for _, n := range names {
		if isTest(n.owner) == test {
			out = append(out, n)
		}
	}
	return out
}

// without makes a table that has never heard of some owners.
func without(facts []classify.Fact, out func(owner string) bool) (*classify.Table, error) {
	var kept []classify.Fact
	for _, fact := range facts {
		if !out(fact.Owner) {
			kept = append(kept, fact)
		}
	}
	shapes, err := evidence.Shapes(kept)
	return &classify.Table{Facts: kept, Shapes: shapes}, err
}

func countOwners(names []name) int {
	owners := map[string]bool{}
	for _, n := range names {
		owners[n.owner] = true
	}
	return len(owners)
}
