package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"heed/consent"
	"heed/schemas"
	"heed/snippet"
)

// recipeSite is a site with a service of each kind.
func recipeSite(asserts consent.Site) snippet.Site {
	return snippet.Site{
		ID: "shop", Key: "shop", Endpoint: "https://shop.example/p/shop", Notice: "0a1b2c3d", Asserts: asserts,
		Wall: snippet.Wall{Strength: schemas.WallHeader, Services: []snippet.Service{
			{ID: "map", Category: consent.Functional, Hosts: []string{"https://map.example"}, Marked: true},
			{ID: "count", Category: consent.Performance, Hosts: []string{"https://count.example"}},
			{ID: "ads", Category: consent.Advertising, Hosts: []string{"https://ads.example", "https://*.ads.example"}, Marked: true},
			{ID: "bank", Category: consent.Essential, Hosts: []string{"https://bank.example"}},
		}},
	}
}

// What a server looks up in a recipe is what Resolve decides, for everything that a visitor can have said wherever they are.
func TestRecipeIsResolve(t *testing.T) {
	for _, asserts := range []consent.Site{{}, {UnknownAfterGrant: true}, {Children: true}, {AssumePlace: consent.Place{Country: "US", Region: "TX"}}} {
		site := recipeSite(asserts)
		table := tableOf(newRecipe(site))
		for _, code := range []string{"", "DE", "FR", "GB", "CH", "US", "US-CA", "US-TX", "US-ZZ", "CA", "CA-QC", "CA-ON", "BR", "IN", "JP", "TR", "ZW"} {
			for bits := range 0x200 {
				if bits > 2 && bits&1 == 0 || bits&0x40 != 0 || bits&0x120 == 0x120 {
					continue // malformed; says nothing of what is allowed; said already by the others
				}
				for i := range 8 {
					checkRecipe(t, table, code, bits, i)
				}
			}
		}
	}
}

// checkRecipe asks a recipe and Resolve the same: i holds the signals, and whether the choice answers another notice.
func checkRecipe(t *testing.T, r *recipeTable, code string, bits, i int) {
	t.Helper()
	country, region, _ := strings.Cut(code, "-")
	in := consent.Input{
		Day: 20000, Place: consent.Place{Country: country, Region: region}, MatrixVersion: consent.MatrixVersion, Notice: r.site.Notice,
		Site: r.site.Asserts, SecGPC: i&1 != 0, DNT: i&2 != 0,
	}
	notice, cookie := r.site.Notice, ""
	if i&4 != 0 {
		notice = "99999999"
	}
	partial := false
	if bits > 0 { // 0 is no cookie
		cookie = fmt.Sprintf("1.%02x.20000.%s", bits, notice)
		c, err := consent.ParseChoice(cookie)
		if err != nil {
			c = consent.Unreadable()
		}
		in.Choice, partial = &c, c.Partial
	}
	d := consent.Resolve(in)
	want := r.site.Policy(snippet.Permitted{
		Granted: d.Granted, Undeclared: d.Undeclared && !partial, Undecided: in.Choice == nil && !in.SecGPC && !in.DNT,
	})
	if got := r.lookUp(code, cookie, fmt.Sprintf("%d%d", i&1, i>>1&1)); !sameSources(got, want) {
		t.Errorf("lookUp(%q, %q, %d) = %q, want %q", code, cookie, i, got, want)
	}
}

// recipeTable is a recipe with its expressions compiled.
type recipeTable struct {
	*recipe
	places, said []pattern
	masks        map[string][]pattern // by letter
}

type pattern struct {
	form *regexp.Regexp
	is   string
}

func tableOf(r *recipe) *recipeTable {
	compiled := func(pairs [][2]string, end string) (list []pattern) {
		for _, p := range pairs {
			list = append(list, pattern{regexp.MustCompile("^" + p[0] + end), p[1]})
		}
		return list
	}
	table := &recipeTable{recipe: r, places: compiled(r.placePatterns(), "$"), said: compiled(r.said(), "$"), masks: map[string][]pattern{}}
	for _, l := range r.laws {
		for _, m := range l.masks {
			table.masks[l.letter] = append(table.masks[l.letter], compiled([][2]string{{m.pattern, fmt.Sprintf("%x", byte(m.mask))}}, " ")...)
		}
	}
	return table
}

// first returns what the first pattern that fits stands for, and its groups.
func first(list []pattern, text, otherwise string) (is string, groups []string) {
	for _, p := range list {
		if groups := p.form.FindStringSubmatch(text); groups != nil {
			return p.is, groups
		}
	}
	return otherwise, nil
}

// lookUp does what the servers do with a recipe.
func (r *recipeTable) lookUp(code, cookie, signals string) string {
	law, _ := first(r.places, code, r.laws[0].letter)
	state, digits := first(r.said, cookie, "bad")
	high, low := "0", "1"
	if digits != nil {
		high, low = digits[1], digits[2]
	}
	if cookie == "" {
		state, low = "none", "f"
	}
	mask, _ := first(r.masks[law], signals+" "+state+" "+high+" "+low, "1")
	var most, allowed consent.Categories
	fmt.Sscanf(mask+" "+low, "%x %x", (*byte)(&most), (*byte)(&allowed))
	granted := allowed & most
	if granted.Has(consent.Advertising) && strings.Contains(r.freeing(), law) && !strings.HasSuffix(state, "1") {
		return snippet.Open
	}
	policy := "default-src " + r.sources.base
	for _, category := range weighed() {
		switch {
		case granted.Has(category):
			policy += r.sources.granted[category]
		case signals == "00" && state == "none":
			policy += r.sources.marked[category]
		}
	}
	return policy
}

// sameSources compares policies, in which order does not matter.
func sameSources(a, b string) bool {
	inA, inB := strings.Fields(a), strings.Fields(b)
	slices.Sort(inA)
	slices.Sort(inB)
	return slices.Equal(inA, inB)
}
