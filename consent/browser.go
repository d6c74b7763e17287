package consent

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Rules is one row with one site's assertions, in the form in which a browser gets it; permit.ts draws its bits.
type Rules uint32

const (
	rulesGPCOver      Rules = 0x10
	rulesDNTOver      Rules = 0x20
	rulesParentAllows Rules = 0x40
	rulesCount        Rules = 0x80
	rulesDNTShift           = 8
	rulesPromptShift        = 12
	rulesMerged       Rules = 0x4000
	rulesDaysShift          = 16
)

// String returns the number, as JavaScript writes it.
func (r Rules) String() string { return strconv.Itoa(int(r)) }

// Granted is what is granted before a choice.
func (r Rules) Granted() Categories { return Categories(r) & All }

// Prompt is what a visitor who has not answered must be shown.
func (r Rules) Prompt() Prompt { return prompts[r>>rulesPromptShift&3] }

// Days is for how many days a choice counts.
func (r Rules) Days() int { return int(r >> rulesDaysShift) }

// BrowserRules returns what a browser in place decides by on a site: all that Resolve takes from the matrix and from the
// site, save Children. The zero Place gives the rules of site.AssumePlace or, without one, the strictest, which hold until
// a browser has learnt where it is.
func BrowserRules(place Place, site Site) Rules {
	return matrixInForce.rowFor(place, site).rulesOn(site)
}

// BrowserLinks returns what every page of a site must offer to a browser in place, by the same row as BrowserRules.
func BrowserLinks(place Place, site Site) Links {
	return matrixInForce.rowFor(place, site).links
}

// BrowserVariant is all that a browser must be told of its place.
type BrowserVariant struct {
	Rules Rules
	Links Links
}

// BrowserVariants returns the answers that BrowserRules and BrowserLinks have for the places of the world on one site,
// each once. The first is that of a place that is not known.
func BrowserVariants(site Site) []BrowserVariant {
	unknown := matrixInForce.rowFor(Place{}, site)
	list := []BrowserVariant{{unknown.rulesOn(site), unknown.links}}
	for _, r := range matrixInForce.inOrder {
		if v := (BrowserVariant{r.rulesOn(site), r.links}); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// rowFor returns the row that decides for place on a site, as Resolve finds it.
func (m *matrix) rowFor(place Place, site Site) *row {
	if place.Country == "" {
		place = site.AssumePlace
	}
	r, _ := m.find(MatrixVersion, place)
	return r
}

// rulesOn returns the row's rules with the site's assertions.
func (r *row) rulesOn(site Site) Rules {
	rules := r.rules() &^ rulesCount
	if r.mayCount(site) && !r.base.Has(Performance) {
		rules |= rulesCount
	}
	return rules
}

func (r *row) rules() Rules {
	rules := Rules(r.base) | Rules(All&^r.dnt.denies)<<rulesDNTShift | Rules(r.prompt)<<rulesPromptShift |
		Rules(r.days)<<rulesDaysShift
	for _, flag := range []struct {
		on  bool
		bit Rules
	}{
		{r.gpc.overChoices, rulesGPCOver},
		{r.dnt.overChoices, rulesDNTOver},
		{r.parental, rulesParentAllows},
		{r.count != countIfExempt, rulesCount},
		{r.merged, rulesMerged},
	} {
		if flag.on {
			rules |= flag.bit
		}
	}
	return rules
}

// BrowserRow is what a browser that has learnt its place needs of the matrix: the places of one answer.
type BrowserRow struct {
	Places []string // "DE" or "US-CA", sorted; Strictest or Rest for those two
	Rules  Rules    // without any site's assertions
	Links  Links
}

// BrowserRows returns the whole matrix for browsers, places with the same answers together, in the order of the file.
func BrowserRows() []BrowserRow {
	var list []BrowserRow
	for _, r := range matrixInForce.inOrder {
		places := matrixInForce.placesOf(r)
		i := slices.IndexFunc(list, func(b BrowserRow) bool { return b.Rules == r.rules() && b.Links == r.links })
		if i < 0 {
			list, i = append(list, BrowserRow{Rules: r.rules(), Links: r.links}), len(list)
		}
		list[i].Places = append(list[i].Places, places...)
	}
	for _, b := range list {
		slices.Sort(b.Places)
	}
	return list
}

// placesOf returns the places of a row by their codes.
func (m *matrix) placesOf(r *row) []string {
	if r == m.rest || r == m.strictest {
		return []string{r.id}
	}
	var places []string
	for place, of := range m.rows {
		switch {
		case of != r:
		case place.Region == "":
			places = append(places, place.Country)
		case slices.Contains(m.codes[place.Country], place.Region):
			places = append(places, place.Country+"-"+place.Region)
		}
	}
	return places
}

// BrowserPlaces returns by which rules a browser decides where, in the fewest words: what holds in all regions of a country
// that have no row of their own stands as "CA-", beside "CA" for whoever knows no region. The last are those of all places
// that are not named. Assertions of a site and what only a prompt needs are left out.
func BrowserPlaces() []BrowserRow {
	m := matrixInForce
	byRules := map[Rules][]string{}
	for _, r := range m.inOrder {
		rules := r.deciding()
		if r == m.rest || r == m.strictest || rules == m.rest.deciding() {
			continue
		}
		for _, place := range m.placesOf(r) {
			if country, region, _ := strings.Cut(place, "-"); region != "" && !m.ownRow(r, country) {
				place = country + "-"
			}
			byRules[rules] = append(byRules[rules], place)
		}
	}
	list := make([]BrowserRow, 0, len(byRules)+1)
	for _, rules := range slices.Sorted(maps.Keys(byRules)) {
		slices.Sort(byRules[rules])
		list = append(list, BrowserRow{Places: slices.Compact(byRules[rules]), Rules: rules})
	}
	return append(list, BrowserRow{Places: []string{Rest}, Rules: m.rest.deciding()})
}

// ownRow tells whether r decides otherwise than most regions of the country do.
func (m *matrix) ownRow(r *row, country string) bool {
	count := map[Rules]int{}
	for place, of := range m.rows {
		if place.Country == country && place.Region != "" {
			count[of.deciding()]++
		}
	}
	for _, n := range count {
		if n > count[r.deciding()] {
			return true
		}
	}
	return false
}

// deciding is what of the rules a decision needs.
func (r *row) deciding() Rules {
	return r.rules() & (Rules(All) | rulesGPCOver | rulesDNTOver | Rules(All)<<rulesDNTShift | (1<<32 - 1<<rulesDaysShift))
}
