package consent

import (
	"fmt"
	"strings"
)

// Place is where a visitor is, as far as the address tells.
type Place struct {
	Country string // ISO 3166-1 alpha-2, upper case; "" when unknown
	Region  string // English name or ISO 3166-2 code without the country, as "California" or "CA"; "" when unknown
}

// PlaceCode returns the code of a place as the matrix tells places apart: "US-CA" where it knows the region, else the
// country alone, as in "DE". It is "" for a place that is not known, and for what is no country's code.
func PlaceCode(place Place) string {
	if code, ok := matrixInForce.names[place]; ok {
		return code
	}
	if !isCountry(place.Country) {
		return ""
	}
	return place.Country
}

// ParsePlace reads a code that PlaceCode gives. A region is taken only where the matrix tells it from others, so that
// nobody who names one believes that it matters where it does not.
func ParsePlace(code string) (Place, error) {
	country, region, hasRegion := strings.Cut(code, "-")
	place := Place{country, region}
	switch regions := matrixInForce.codes[country]; {
	case !isCountry(country):
		return Place{}, fmt.Errorf("%q is no place: want a country in two capitals, as DE, or one with its region, as US-CA", code)
	case !hasRegion:
		return place, nil
	case regions == nil:
		return Place{}, fmt.Errorf("regions of %s are not told apart: want %s alone", country, country)
	case matrixInForce.names[place] != code:
		return Place{}, fmt.Errorf("%s has no region %q: want one of %s", country, region, strings.Join(regions, " "))
	}
	return place, nil
}

// isCountry reports whether text has the form of a country's code.
func isCountry(text string) bool {
	return len(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z'
}
