package classify

import (
	"slices"
	"strings"
)

// index finds the facts whose pattern a name fits, without looking at each. Keys are in lower case: sources are not of
// one mind about capitals.
type index struct {
	facts    []Fact
	exact    map[string][]int // names
	prefixes map[string][]int // what stands before the first star of a pattern
	suffixes map[string][]int // what stands behind the last star of a pattern that begins with one
	longest  int              // of all prefixes and suffixes, in bytes
}

func newIndex(facts []Fact) index {
	x := index{facts: facts, exact: map[string][]int{}, prefixes: map[string][]int{}, suffixes: map[string][]int{}}
	for i, fact := range facts {
		pattern := strings.ToLower(fact.Pattern)
		before, _, wildcard := strings.Cut(pattern, wild)
		switch {
		case !wildcard:
			x.exact[pattern] = append(x.exact[pattern], i)
		case before != "":
			x.prefixes[before] = append(x.prefixes[before], i)
			x.longest = max(x.longest, len(before))
		default:
			behind := pattern[strings.LastIndex(pattern, wild)+1:]
			x.suffixes[behind] = append(x.suffixes[behind], i)
			x.longest = max(x.longest, len(behind))
		}
	}
	return x
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
	lower := strings.ToLower(name)
	var found []int
	for n := min(x.longest, len(lower)); n >= 0; n-- {
		found = append(found, x.prefixes[lower[:n]]...)
		found = append(found, x.suffixes[lower[len(lower)-n:]]...)
	}
	found = slices.DeleteFunc(found, func(i int) bool { return !Match(strings.ToLower(x.facts[i].Pattern), lower) })
	slices.SortStableFunc(found, func(a, b int) int {
		return literalBytes(x.facts[b].Pattern) - literalBytes(x.facts[a].Pattern)
	})
	return found
}
