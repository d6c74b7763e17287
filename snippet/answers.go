package snippet

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"heed/consent"
)

// loaderDefines are the constants that loader.ts declares, in the loader for v.
func (s Site) loaderDefines(b Bundle, v consent.BrowserVariant) map[string]string {
	var scripts [][2]string
	var answers [][3]int
	for _, answer := range s.answers(v) {
		script := named(b.Consents[layoutOf(answer.Rules)])
		if !slices.Contains(scripts, script) {
			scripts = append(scripts, script)
		}
		answers = append(answers, [3]int{int(answer.Rules), int(answer.Links), slices.Index(scripts, script)})
	}
	places := " "
	for _, place := range s.placesOf(v) {
		places += consent.PlaceCode(place) + " "
	}
	return map[string]string{
		"BUTTON":   strconv.FormatBool(s.Button),
		"PLACES":   strconv.Quote(places),
		"ENDPOINT": strconv.Quote(s.Endpoint),
		"SCRIPT":   literal(named(b.Script)),
		"CONSENTS": literal(scripts),
		"ANSWERS":  literal(answers),

		"KEY":       strconv.Quote(s.Key),
		"WALL":      literal(named(b.Wall)),
		"OFF_UNTIL": strconv.FormatInt(s.OffUntil, 10),
	}
}

// answers are what holds at the places of v; what holds at all of them where another place of the same country is named,
// too; and what holds where another country is.
func (s Site) answers(v consent.BrowserVariant) [3]consent.BrowserVariant {
	nowhere := s.Asserts
	nowhere.AssumePlace = consent.Place{}
	strictest := s.variant(consent.Place{}, nowhere)
	country := v
	for i, place := range s.placesOf(v) {
		whole := s.variant(consent.Place{Country: place.Country}, s.Asserts)
		if i > 0 && whole != country {
			return [3]consent.BrowserVariant{v, strictest, strictest} // places of several countries, told apart by region
		}
		country = whole
	}
	return [3]consent.BrowserVariant{v, country, strictest}
}

func (s Site) variant(place consent.Place, asserts consent.Site) consent.BrowserVariant {
	return consent.BrowserVariant{Rules: consent.BrowserRules(place, asserts), Links: consent.BrowserLinks(place, asserts)}
}

// placesOf returns the known places of the world that have the answers of v.
func (s Site) placesOf(v consent.BrowserVariant) (places []consent.Place) {
	for _, row := range consent.BrowserRows() {
		for _, code := range row.Places {
			country, region, _ := strings.Cut(code, "-")
			place := consent.Place{Country: country, Region: region}
			if code != consent.Rest && code != consent.Strictest && s.variant(place, s.Asserts) == v {
				places = append(places, place)
			}
		}
	}
	return places
}

// layoutOf returns the place in layouts of the notice for rules. Where nothing has to be asked, what opens the choice again
// asks as the place would.
func layoutOf(rules consent.Rules) int {
	prompt := rules.Prompt()
	if prompt == consent.NoPrompt && rules.Granted().Has(consent.Advertising) {
		prompt = consent.OptOutPrompt
	} else if prompt == consent.NoPrompt {
		prompt = consent.OptInPrompt
	}
	return slices.Index(layouts, prompt)
}

func named(f File) [2]string { return [2]string{f.Name(), f.Integrity} }

// literal writes a value of lists, numbers and ASCII words as JavaScript.
func literal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // such values have a text
	}
	return string(text)
}
