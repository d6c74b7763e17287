package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"heed/consent"
	"heed/snippet"
)

// recipe is what a server is told so that each answer carries the policy of whoever asked. It is the matrix, as far as it
// matters to one site, in a form that a server without arithmetic can follow:
//
//	law      a letter for all places where the same holds; the first where none is known, the last in all that are not named
//	signals  two digits: Sec-GPC, DNT
//	said     the choice: none, bad where it cannot be read, now or old by its notice, with 1 behind where it is partial; then
//	         the two hex digits of its bits
//
// Law, signals and said give a mask; what is allowed is what the last digit and the mask have in common. Where nothing
// matches the mask is 1, essential alone. A choice that is too old is left to its cookie, which ends by itself, and to the
// stub, which tightens.
type recipe struct {
	site    snippet.Site
	laws    []law
	sources sources
}

// law is what holds at some places alike.
type law struct {
	letter string
	places []string // country, or country-region
	frees  bool     // a yes to advertising frees what nobody declared
	masks  []maskRule
}

// maskRule gives the mask of what pattern matches: law, signals, said without its last digit.
type maskRule struct {
	pattern string
	mask    consent.Categories
}

// sources are the hosts of a policy, each group with a space in front.
type sources struct {
	base            string
	granted, marked map[consent.Categories]string // by category; marked are the harmless ones while nothing is decided
}

// weighed are the categories on which a choice is asked for.
func weighed() []consent.Categories {
	return []consent.Categories{consent.Functional, consent.Performance, consent.Advertising}
}

// newRecipe reads the matrix for one site.
func newRecipe(site snippet.Site) *recipe {
	r := &recipe{site: site, sources: sourcesOf(site)}
	r.laws = []law{r.lawOf(consent.Place{})} // also where it says the same as another: no place is none of theirs
	rest := r.lawOf(consent.Place{Country: nowhere})
	for _, row := range consent.BrowserRows() {
		for _, code := range row.Places {
			if code == consent.Rest || code == consent.Strictest {
				continue
			}
			country, region, _ := strings.Cut(code, "-")
			here, whole := r.lawOf(consent.Place{Country: country, Region: region}), r.lawOf(consent.Place{Country: country})
			if region != "" && !here.same(whole) || region == "" && !here.same(rest) { // the rest goes without saying
				r.add(here, code)
			}
		}
	}
	r.laws = append(r.laws, rest)
	for i := range r.laws {
		r.laws[i].letter = string(rune('a' + i))
		slices.Sort(r.laws[i].places)
	}
	return r
}

// nowhere is a country that no row names.
const nowhere = "ZZ"

// add puts a place under the law that holds there.
func (r *recipe) add(here law, code string) {
	i := 1 + slices.IndexFunc(r.laws[1:], here.same)
	if i == 0 {
		i, r.laws = len(r.laws), append(r.laws, here)
	}
	r.laws[i].places = append(r.laws[i].places, code)
}

// same compares what is behind the letters.
func (l law) same(other law) bool {
	return l.frees == other.frees && slices.Equal(l.masks, other.masks)
}

// lawOf asks consent.Resolve for everything that a visitor of the place can have said.
func (r *recipe) lawOf(place consent.Place) law {
	l := law{frees: r.site.Asserts.UnknownAfterGrant || consent.BrowserRules(place, r.site.Asserts).Granted().Has(consent.Advertising)}
	for _, state := range []string{"none", "now1?", "old1?"} {
		byMask := map[consent.Categories]map[string][]string{} // mask → digits → signals
		for _, signals := range []string{"00", "01", "10", "11"} {
			digits := map[consent.Categories]string{}
			for digit := range 16 {
				if mask := r.mask(place, state, signals, digit); mask != consent.Essential {
					digits[mask] += fmt.Sprintf("%x", digit)
				}
			}
			for mask, set := range digits {
				if byMask[mask] == nil {
					byMask[mask] = map[string][]string{}
				}
				byMask[mask][set] = append(byMask[mask][set], signals)
			}
		}
		l.masks = append(l.masks, patternsOf(state, byMask)...)
	}
	return l
}

// mask is what a visitor allows at most who said yes to everything.
func (r *recipe) mask(place consent.Place, state, signals string, digit int) consent.Categories {
	const today = 20000 // any day: that of the choice, too
	in := consent.Input{
		Day: today, Place: place, MatrixVersion: consent.MatrixVersion, Notice: r.site.Notice, Site: r.site.Asserts,
		SecGPC: signals[0] == '1', DNT: signals[1] == '1',
	}
	if state != "none" {
		in.Choice = &consent.Choice{
			Granted: consent.All, Day: today, Notice: r.site.Notice, GPC: digit&1 != 0, DNT: digit&2 != 0, OptOut: digit&8 != 0,
		}
		if state == "old1?" {
			in.Choice.Notice = "another"
		}
	}
	return consent.Resolve(in).Granted
}

// patternsOf writes each mask's conditions as few regular expressions, in an order that does not change.
func patternsOf(state string, byMask map[consent.Categories]map[string][]string) (rules []maskRule) {
	for mask := consent.All; mask > consent.Essential; mask-- {
		for _, set := range slices.Sorted(maps.Keys(byMask[mask])) {
			digits, signals := "["+set+"]", "("+strings.Join(byMask[mask][set], "|")+")"
			if len(set) == 16 {
				digits = "."
			}
			if len(byMask[mask][set]) == 4 {
				signals = ".."
			}
			rules = append(rules, maskRule{signals + " " + state + " " + digits, mask})
		}
	}
	return rules
}

// sourcesOf are the hosts of a site's policies, as snippet.Site.Policy names them.
func sourcesOf(site snippet.Site) sources {
	beyond := func(p snippet.Permitted) string {
		base := site.Policy(snippet.Permitted{Granted: consent.Essential})
		return strings.TrimPrefix(site.Policy(p), base)
	}
	s := sources{
		base:    strings.TrimPrefix(site.Policy(snippet.Permitted{Granted: consent.Essential}), "default-src "),
		granted: map[consent.Categories]string{}, marked: map[consent.Categories]string{},
	}
	for _, category := range weighed() {
		s.granted[category] = beyond(snippet.Permitted{Granted: consent.Essential | category})
		only := site
		only.Wall.Services = slices.DeleteFunc(slices.Clone(site.Wall.Services), func(s snippet.Service) bool { return s.Category != category })
		s.marked[category] = strings.TrimPrefix(
			only.Policy(snippet.Permitted{Granted: consent.Essential, Undecided: true}), only.Policy(snippet.Permitted{Granted: consent.Essential}))
	}
	return s
}

// having lists the hex digits that have the category, for a class of a regular expression.
func having(category consent.Categories) string {
	digits := ""
	for n := range 16 {
		if consent.Categories(n).Has(category) {
			digits += fmt.Sprintf("%x", n)
		}
	}
	return "[" + digits + "]"
}

// lacking lists the hex digits that do not have the category.
func lacking(category consent.Categories) string { return "[^" + having(category)[1:] }

// endedStore is a cookie that ends where its category is refused.
type endedStore struct {
	category consent.Categories
	pattern  string // a regular expression of its name
}

// stores are what services that may be refused keep.
func (r *recipe) stores() (list []endedStore) {
	for _, s := range r.site.Wall.Services {
		for _, name := range s.Stores {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `[^=; ]*`)
			if s.Category != consent.Essential {
				list = append(list, endedStore{s.Category, pattern})
			}
		}
	}
	return list
}

// freeing are the letters of the laws under which a yes to advertising frees what nobody declared.
func (r *recipe) freeing() string {
	letters := ""
	for _, l := range r.laws {
		if l.frees {
			letters += l.letter
		}
	}
	return letters
}

// placePatterns are the places of each law as regular expressions of a code: regions first, then countries with whatever
// region, then all that there are. Where none matches, the place is not known and the first law holds.
func (r *recipe) placePatterns() [][2]string {
	var regions, countries [][2]string
	for _, l := range r.laws {
		var exact, wide []string
		for _, code := range l.places {
			if strings.Contains(code, "-") {
				exact = append(exact, code)
			} else {
				wide = append(wide, code)
			}
		}
		if len(exact) > 0 {
			regions = append(regions, [2]string{"(" + strings.Join(exact, "|") + ")", l.letter})
		}
		if len(wide) > 0 {
			countries = append(countries, [2]string{"(" + strings.Join(wide, "|") + ")(-[A-Z][A-Z])?", l.letter})
		}
	}
	last := r.laws[len(r.laws)-1].letter
	return slices.Concat(regions, countries, [][2]string{{"[A-Z][A-Z](-[A-Z][A-Z])?", last}})
}

// Forms of a choice, as package consent writes them. The last digit of the bits is odd: essential is always in it.
const (
	choiceDigits = `([0-9a-f])([13579bdf])`
	choiceDay    = `(?:0|[1-9][0-9]?[0-9]?[0-9]?[0-9]?)` // braces mean something else to some servers
	choiceNotice = `[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]`
	choiceProof  = `(?:\.[0-9a-f]+\.[A-Za-z0-9_-]+)?`
)

// said are the forms of a choice's text and what they mean, the first that matches; $1 and $2 are the digits of its bits.
func (r *recipe) said() [][2]string {
	form := func(partial, notice, state string) [2]string {
		return [2]string{`1\.` + partial + choiceDigits + `\.` + choiceDay + `\.` + notice + choiceProof, state}
	}
	return [][2]string{
		form("", r.site.Notice, "now"), form("1", r.site.Notice, "now1"), form("", choiceNotice, "old"), form("1", choiceNotice, "old1"),
	}
}

// cookie is the name of the choice's cookie.
func (r *recipe) cookie() string { return cmp.Or(r.site.CookieName, "heed") }
