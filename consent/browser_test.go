package consent_test

import (
	"slices"
	"testing"

	"heed/consent"
)

// What a browser is given of its place says the same as Resolve: the default, the count, and for how long a choice counts.
func TestBrowserRules(t *testing.T) {
	base := consent.Input{Day: 20_000, Notice: "c0ffee01", MatrixVersion: consent.MatrixVersion}
	for _, row := range consent.BrowserRows() {
		for _, name := range row.Places {
			for _, base.Site = range []consent.Site{
				{}, {Exemption: true}, {AnonymousCount: true}, {AnonymousCount: true, Exemption: true},
			} {
				in := base
				in.Place = placeOf(placeOfRow(name))
				rules, d := consent.BrowserRules(in.Place, in.Site), consent.Resolve(in)
				if got := consent.Categories(rules & 0xf); got != d.Granted {
					t.Errorf("BrowserRules(%s, %+v) grants %v, want %v", name, in.Site, got, d.Granted)
				}
				if got := rules&0x80 != 0; got != d.AnonymousCount {
					t.Errorf("BrowserRules(%s, %+v) counts: %t, want %t", name, in.Site, got, d.AnonymousCount)
				}
				choice := consent.Choice{Granted: consent.All, Day: in.Day - int(rules>>16), Notice: in.Notice}
				in.Choice = &choice
				last := consent.Resolve(in).Granted
				choice.Day--
				if over := consent.Resolve(in); last != consent.All || !over.Reasons.Has(consent.ChoiceOld) {
					t.Errorf("BrowserRules(%s, %+v) let a choice count %d days, want it to be the row's number", name, in.Site, rules>>16)
				}
			}
		}
	}
}

// Each place stands in one row, and all of them are there.
func TestBrowserRows(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range consent.BrowserRows() {
		for _, place := range row.Places {
			if seen[place] {
				t.Errorf("BrowserRows has %s twice", place)
			}
			seen[place] = true
		}
	}
	for _, place := range []string{"DE", "YT", "IM", "US", "US-CA", "CA", "CA-QC", "CA-YT", consent.Rest, consent.Strictest} {
		if !seen[place] {
			t.Errorf("BrowserRows lacks %s", place)
		}
	}
	if len(seen) != 123 {
		t.Errorf("BrowserRows has %d places, want 123", len(seen))
	}
}

// A page is told what Resolve decides by, in each place, whatever the owner asserts: the variants are all that there are.
func TestBrowserVariants(t *testing.T) {
	for _, site := range []consent.Site{
		{}, {AnonymousCount: true}, {AnonymousCount: true, Exemption: true}, {AssumePlace: consent.Place{Country: "US", Region: "CA"}},
	} {
		variants := consent.BrowserVariants(site)
		used := map[consent.BrowserVariant]bool{}
		for _, row := range consent.BrowserRows() {
			for _, name := range row.Places {
				place := placeOf(placeOfRow(name))
				v := consent.BrowserVariant{Rules: consent.BrowserRules(place, site), Links: consent.BrowserLinks(place, site)}
				d := consent.Resolve(consent.Input{Place: place, Site: site, MatrixVersion: consent.MatrixVersion})
				if v.Links != d.Links {
					t.Errorf("BrowserLinks(%+v, %+v) = %s, want %s", place, site, v.Links, d.Links)
				}
				if !slices.Contains(variants, v) {
					t.Errorf("BrowserVariants(%+v) lacks %+v of %s", site, v, name)
				}
				if place.Country == "" && v != variants[0] {
					t.Errorf("BrowserVariants(%+v)[0] = %+v, want that of an unknown place, %+v", site, variants[0], v)
				}
				used[v] = true
			}
		}
		if site.AssumePlace.Country == "" && len(used) != len(variants) {
			t.Errorf("BrowserVariants(%+v) are %d, want the %d that places have", site, len(variants), len(used))
		}
	}
}
