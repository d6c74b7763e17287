package consent

import (
	_ "embed"
	"fmt"
)

// MatrixVersion is the version of matrix.json. Events keep the version that they were decided by.
const MatrixVersion = 2

// Rows that stand for no place in particular.
const (
	Strictest = "strictest" // for a place that is not known at all
	Rest      = "rest"      // for a country without a row of its own: as the EEA
)

// Prompt says what a visitor must be shown.
type Prompt string

// The kinds of prompts.
const (
	NoPrompt     Prompt = ""        // nothing: the visitor has answered, or the place asks for links alone
	NoticePrompt Prompt = "notice"  // this is what happens
	OptOutPrompt Prompt = "opt_out" // this is what happens, and here is how to stop it
	OptInPrompt  Prompt = "opt_in"  // may I? Nothing beyond the default happens before a yes
)

// prompts stand in the order of strictness. Their places are in the browser's rules.
var prompts = [...]Prompt{NoPrompt, NoticePrompt, OptOutPrompt, OptInPrompt}

// countRule says when page views may be counted without consent, id and cookie. A larger one allows more.
type countRule uint8

const (
	countIfExempt   countRule = iota // only where the owner asserts an exemption with its conditions
	countWithNotice                  // where visitors are told and can object
	countAllowed
)

// signalRule is what a browser's signal takes away.
type signalRule struct {
	denies      Categories
	overChoices bool // also from a choice made in its sight, and for ever: its absence later is no yes
}

// row is one jurisdiction, ready for decisions: one field per column.
type row struct {
	id       string
	base     Categories // allowed before a choice, always with Essential
	count    countRule
	prompt   uint8 // place in prompts
	gpc, dnt signalRule
	links    Links
	days     int  // for how many days a choice, or an explicit close, counts and nobody is asked again
	parental bool // a verified parent's consent lets a minor's yes count
	merged   bool // the strictest of several rows, column by column
	told     *Row // what the row says to a person
}

// allowsSilence reports whether the place is one of opt-out: who says nothing is followed up.
func (r *row) allowsSilence() bool { return r.base.Has(Advertising) }

// mayCount reports whether the place and the owner allow an anonymous count.
func (r *row) mayCount(site Site) bool {
	return site.AnonymousCount && (r.count != countIfExempt || site.Exemption)
}

// matrix holds the rows by place. A row with an empty region is its country's.
type matrix struct {
	rows            map[Place]*row
	inOrder         []*row // as in the file, then those merged
	rest, strictest *row
	codes           map[string][]string // of each country told apart by region: its regions' codes, sorted
	names           map[Place]string    // of each region, by its code and by its name: "US-CA"
	date            string
}

//go:embed matrix.json
var matrixJSON []byte

// matrixInForce never changes after it was read.
var matrixInForce = mustReadMatrix(matrixJSON)

// mustReadMatrix panics on a file that a test would have refused.
func mustReadMatrix(text []byte) *matrix {
	m, err := readMatrix(text)
	if err != nil {
		panic(fmt.Sprintf("consent: matrix.json: %v", err))
	}
	return m
}

// find returns the row of place: its region's, else its country's, else the one for the rest; and why it is not the
// place's own.
func (m *matrix) find(version uint32, place Place) (*row, Reasons) {
	switch {
	case version != MatrixVersion:
		return m.strictest, OtherMatrix
	case place.Country == "":
		return m.strictest, PlaceUnknown
	}
	if r := m.rows[place]; r != nil && place.Region != "" {
		return r, 0
	}
	r := m.rows[Place{Country: place.Country}]
	switch {
	case r == nil:
		return m.rest, CountryUnknown
	case r.merged:
		return r, RegionUnknown
	}
	return r, 0
}

// stricter returns what holds where it is not known which of two rows applies: column by column the stricter.
func stricter(a, b row) row {
	a.base &= b.base
	a.count = min(a.count, b.count)
	a.prompt = max(a.prompt, b.prompt)
	a.gpc = signalRule{a.gpc.denies | b.gpc.denies, a.gpc.overChoices || b.gpc.overChoices}
	a.dnt = signalRule{a.dnt.denies | b.dnt.denies, a.dnt.overChoices || b.dnt.overChoices}
	a.links |= b.links
	a.days = min(a.days, b.days)
	a.parental = a.parental && b.parental
	return a
}
