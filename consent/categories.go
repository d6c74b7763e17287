package consent

import (
	"fmt"
	"strings"
)

// Categories is a set of purposes that a visitor can allow.
type Categories uint8

// The categories. Their bits stand in cookies and in stored rows and never change.
const (
	Essential   Categories = 1 // what the page needs to work; always allowed
	Functional  Categories = 2 // comfort: maps, fonts, video, preferences
	Performance Categories = 4 // measuring how the site is used
	Advertising Categories = 8 // following up: click ids and audiences

	All = Essential | Functional | Performance | Advertising
)

// categoryNames holds the names in the order of their bits.
var categoryNames = [...]string{"essential", "functional", "performance", "advertising"}

// Has reports whether c holds every category of other.
func (c Categories) Has(other Categories) bool { return c&other == other }

// String returns the names in the order of their bits, as in "essential,performance". The empty set is "".
func (c Categories) String() string { return strings.Join(namesOf(uint32(c), categoryNames[:]), ",") }

// namesOf returns the names of the bits that are set. Bits without a name have none.
func namesOf(bits uint32, names []string) []string {
	set := make([]string, 0, len(names))
	for i, name := range names {
		if bits&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return set
}

// ParseCategories reads comma-separated names, in any order, each at most once. It adds nothing: Essential is in the
// result only when it was named.
func ParseCategories(text string) (Categories, error) {
	var set Categories
	for name := range strings.SplitSeq(text, ",") {
		category, err := parseCategory(name)
		if err != nil {
			return 0, err
		}
		if set.Has(category) {
			return 0, fmt.Errorf("category %q stands twice", name)
		}
		set |= category
	}
	return set, nil
}

func parseCategory(name string) (Categories, error) {
	for i, known := range categoryNames {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("unknown category %q, known are %s", name, All)
}
