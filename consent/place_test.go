package consent_test

import (
	"strings"
	"testing"

	"heed/consent"
)

func TestPlaceCode(t *testing.T) {
	f := func(country, region, want string) {
		t.Helper()
		if got := consent.PlaceCode(consent.Place{Country: country, Region: region}); got != want {
			t.Errorf("PlaceCode(%q, %q) = %q, want %q", country, region, got, want)
		}
	}
	f("US", "California", "US-CA")
	f("US", "CA", "US-CA")
	f("CA", "Quebec", "CA-QC")
	f("US", "", "US")
	f("US", "Atlantis", "US")
	f("DE", "Bavaria", "DE") // no row tells it apart: nobody is told more than the decision needs
	f("NZ", "", "NZ")
	f("", "California", "")
	f("us", "CA", "")
	f("U\"", "", "") // it goes into a header
	f("USA", "", "")
}

// Every code leads back to the place that it is of, and to the row that decides there.
func TestParsePlace(t *testing.T) {
	for _, row := range consent.BrowserRows() {
		for _, code := range row.Places {
			if code == consent.Rest || code == consent.Strictest {
				continue
			}
			place, err := consent.ParsePlace(code)
			if err != nil || place != placeOf(code) || consent.PlaceCode(place) != code {
				t.Errorf("ParsePlace(%q) = %+v, %v, want %+v", code, place, err, placeOf(code))
			}
		}
	}
}

func TestParsePlaceFailure(t *testing.T) {
	f := func(code, want string) {
		t.Helper()
		if place, err := consent.ParsePlace(code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePlace(%q) = %+v, %v, want an error with %q", code, place, err, want)
		}
	}
	f("", "is no place")
	f("de", "is no place")
	f("Germany", "is no place")
	f("-CA", "is no place")
	f("US-", `no region ""`)
	f("US-California", "one of AK AL AR")
	f("US-ca", "one of AK AL AR")
	f("US-CA-94", `no region "CA-94"`)
	f("DE-BY", "want DE alone")
}
