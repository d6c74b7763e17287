package classify

import (
	"slices"
	"strings"
)

// index finds the facts whose pattern a name fits, without looking at each.
type index struct {
	facts    []Fact
	exact    map[string][]int // names, in lower case: sources are not of one mind about capitals
	prefixes map[string][]int // what stands before a pattern's first sign
	suffixes map[string][]int // what stands behind the last star of a pattern that begins with one
	longest  int              // of all prefixes and suffixes, in bytes
}

func newIndex(facts []Fact) index {
	x := index{facts: facts, exact: map[string][]int{}, prefixes: map[string][]int{}, suffixes: map[string][]int{}}
	for i, fact := range facts {
		sign := strings.IndexAny(fact.Pattern, "*?")
		switch {
		case sign < 0:
			name := strings.ToLower(fact.Pattern)
			x.exact[name] = append(x.exact[name], i)
		case sign > 0:
			x.add(x.prefixes, fact.Pattern[:sign], i)
		default:
			x.add(x.suffixes, fact.Pattern[strings.LastIndexAny(fact.Pattern, "*?")+1:], i)
		}
	}
	return x
}

func (x *index) add(to map[string][]int, text string, fact int) {
	to[text] = append(to[text], fact)
	x.longest = max(x.longest, len(text))
}

// named returns the facts with exactly this name; when some have it letter for letter, only those.
func (x *index) named(name string) []int {
	found := x.exact[strings.ToLower(name)]
	var same []int
	for _, i := range found {
		if x.facts[i].Pattern == name {
			same = append(same, i)
		}
	}
	if len(same) > 0 {
		return same
	}
	return found
}

// matching returns the facts whose pattern the name fits, those with the most text first.
func (x *index) matching(name string) []int {
	var found []int
	for n := min(x.longest, len(name)); n >= 0; n-- {
		found = append(found, x.prefixes[name[:n]]...)
		found = append(found, x.suffixes[name[len(name)-n:]]...)
	}
	found = slices.DeleteFunc(found, func(i int) bool { return !Match(x.facts[i].Pattern, name) })
	slices.SortStableFunc(found, func(a, b int) int {
		return literalBytes(x.facts[b].Pattern) - literalBytes(x.facts[a].Pattern)
	})
	return found
}
